import { isDeepStrictEqual } from 'node:util'
import type { SettingDifference } from './platform/config/difference.ts'
import { formatPath, parsePath } from './platform/config/problems.ts'
import { needsRestart, type RouteSettings, type Settings } from './settings.ts'

/** More names than this are counted, not told. */
const NAMES_MAX = 8

/** One kind of thing that a reload changes, by name. */
interface Changed {
  readonly noun: string
  readonly added: readonly string[]
  /** A name, and what of it in brackets. */
  readonly changed: readonly string[]
  readonly removed: readonly string[]
}

type Named = Pick<Settings, 'services' | 'gateway'>

/**
 * Tells the operator that a change of the file is in force: which services and routes it touches, which other settings, and what of it waits
 * for the next start. Values are not told: some are secrets.
 */
export function describeReload(
  changes: readonly SettingDifference[],
  before: Named,
  after: Named,
  wasRefused: boolean,
): { readonly text: string; readonly json: unknown } {
  const paths = changes.map(({ path }) => path)
  const waiting = paths.filter(needsRestart)
  const later =
    waiting.length === 0 ? '' : `; ${waiting.join(', ')} will be after the next 'backplane up'`
  const services = changedServices(changes, before, after)
  const routes = changedRoutes(before.gateway.routes, after.gateway.routes)
  const others = paths.filter((path) => !isTold(path))
  const parts = [tell(services), tell(routes), list(others)].filter((part) => part !== '')
  const what = parts.length === 0 ? 'nothing that is in force has changed' : parts.join('; ')
  const repaired = wasRefused ? 'The mistake is repaired. ' : ''
  return {
    text: `${repaired}The configuration was applied: ${what}${later}.`,
    json: { event: 'reload-applied', paths, needsRestart: waiting, services, routes },
  }
}

/** Whether a path is told by the name of its service or route. */
function isTold(path: string): boolean {
  return path.startsWith('services.') || path.startsWith('gateway.routes')
}

function changedServices(
  changes: readonly SettingDifference[],
  before: Named,
  after: Named,
): Changed {
  const settings = new Map<string, string[]>()
  for (const { path } of changes) {
    const [section, name, ...rest] = parsePath(path)
    if (section !== 'services' || typeof name !== 'string') continue
    const of = settings.get(name) ?? []
    settings.set(name, [...of, formatPath(rest)])
  }
  const has = ({ services }: Named, name: string): boolean => Object.hasOwn(services, name)
  const names = new Set([...settings.keys(), ...Object.keys(after.services)])
  for (const name of Object.keys(before.services)) names.add(name)
  const all = [...names]
  return {
    noun: 'service',
    added: all.filter((name) => !has(before, name)),
    changed: [...settings]
      .filter(([name]) => has(before, name) && has(after, name))
      .map(([name, of]) => `${name} (${list(of)})`),
    removed: all.filter((name) => !has(after, name)),
  }
}

/** Routes have no names: what they match tells them apart. Two that match the same are not let through. */
function changedRoutes(before: readonly RouteSettings[], after: readonly RouteSettings[]): Changed {
  const old = new Map(before.map((route) => [nameOfRoute(route), route]))
  const next = new Map(after.map((route) => [nameOfRoute(route), route]))
  return {
    noun: 'route',
    added: [...next.keys()].filter((name) => !old.has(name)),
    changed: [...next]
      .filter(([name, route]) => old.has(name) && !isDeepStrictEqual(old.get(name), route))
      .map(([name, route]) => `${name} (${list(differingKeys(old.get(name) ?? {}, route))})`),
    removed: [...old.keys()].filter((name) => !next.has(name)),
  }
}

function nameOfRoute({ id, tcp, host, path, methods, query }: RouteSettings): string {
  if (id !== undefined) return id
  if (tcp !== undefined) return `tcp ${JSON.stringify(tcp)}`
  const conditions = Object.entries(query).map(([name, value]) => `?${name}=${value}`)
  return [methods.join('+'), [host ?? []].flat().join(','), path, ...conditions]
    .filter((part) => part !== '')
    .join(' ')
}

function differingKeys(before: object, after: object): readonly string[] {
  const [old, next] = [new Map(Object.entries(before)), new Map(Object.entries(after))]
  return [...new Set([...next.keys(), ...old.keys()])].filter(
    (key) => !isDeepStrictEqual(old.get(key), next.get(key)),
  )
}

function tell({ noun, added, changed, removed }: Changed): string {
  const parts = [
    [added, 'added'],
    [changed, 'changed'],
    [removed, 'removed'],
  ] as const
  return parts
    .filter(([names]) => names.length > 0)
    .map(([names, verb]) => `${noun}${names.length === 1 ? '' : 's'} ${list(names)} ${verb}`)
    .join('; ')
}

function list(names: readonly string[]): string {
  const more = names.length - NAMES_MAX
  const shown = names.slice(0, NAMES_MAX).join(', ')
  return more > 0 ? `${shown} and ${more} more` : shown
}
