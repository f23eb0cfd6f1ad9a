import { checkServiceName } from '../../platform/config/service-name.ts'
import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'
import { ownEntry } from '../../platform/own-entry.ts'

/**
 * Where nobody says `calls`, each caller has listeners of its own up to this many services that can be called. Beyond it, callers
 * share one listener a callee: the number of listeners grows with the services and not with their square, and who called is not known.
 */
export const ATTRIBUTED_SERVICES_MAX = 20

/** Outbound listeners of one configuration. */
export const OUTBOUND_LISTENERS_MAX = 1000

/** Who calls whom: the caller is '' where all callers share a listener. */
export interface Edge {
  readonly caller: string
  readonly service: string
}

/** What decides about edges: who is run here, who can be called, and what is said of it. */
export type Callers = Readonly<
  Record<
    string,
    {
      readonly run?: unknown
      readonly task: boolean
      readonly calls?: readonly string[] | undefined
    }
  >
>

/**
 * The edges that get an outbound listener: every service that is run here, to each one that it may call. An edge without `calls` that
 * had a listener of its own `before` keeps it when the services become many, so that what a service was told stays true.
 */
export function edgesOf(services: Callers, before: Iterable<Edge>): readonly Edge[] {
  const callable = Object.entries(services).flatMap(([name, { task }]) => (task ? [] : [name]))
  const isShared = callable.length > ATTRIBUTED_SERVICES_MAX
  const had = isShared ? servicesByCaller(before) : new Map<string, ReadonlySet<string>>()
  const callers = Object.entries(services).filter(([, { run }]) => run !== undefined)
  const own = callers.flatMap(([caller, { calls }]) => {
    if (calls !== undefined) return calls.map((service) => ({ caller, service }))
    const kept = had.get(caller)
    return callable
      .filter((service) => service !== caller && (!isShared || kept?.has(service) === true))
      .map((service) => ({ caller, service }))
  })
  const mayCallAll = callers.some(([, { calls }]) => calls === undefined)
  const shared = isShared && mayCallAll ? callable : []
  return [...own, ...shared.map((service) => ({ caller: '', service }))]
}

function servicesByCaller(edges: Iterable<Edge>): ReadonlyMap<string, ReadonlySet<string>> {
  const byCaller = new Map<string, Set<string>>()
  for (const { caller, service } of edges) {
    byCaller.set(caller, (byCaller.get(caller) ?? new Set()).add(service))
  }
  return byCaller
}

/** Problems of `calls`: names that there are not, tasks, and more listeners than a machine should open. */
export function checkEdges(services: Callers): readonly SettingProblem[] {
  const each = Object.entries(services).flatMap(([name, { calls }]) =>
    (calls ?? []).flatMap((other, index) =>
      checkCall(name, other, services, ['services', name, 'calls', index]),
    ),
  )
  return [...each, ...checkCount(services)]
}

function checkCall(
  name: string,
  other: string,
  services: Callers,
  path: SettingPath,
): readonly SettingProblem[] {
  if (ownEntry(services, other)?.task !== true) return checkServiceName(other, services, path)
  const message = `${other} is a task, which answers no requests; ${name} can wait for it with after`
  return [{ path, code: 'ERR_CONFIG_CONFLICT', message }]
}

function checkCount(services: Callers): readonly SettingProblem[] {
  const count = edgesOf(services, []).length
  if (count <= OUTBOUND_LISTENERS_MAX) return []
  const message = `would open ${count} outbound listeners, at most ${OUTBOUND_LISTENERS_MAX} are allowed; leave calls out where a service may call many: those share one listener a callee`
  return [{ path: ['services'], code: 'ERR_CONFIG_EDGES_MAX', message, at: 'key' }]
}
