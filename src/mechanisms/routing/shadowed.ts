import { parseHostPattern, parsePathPattern } from './pattern.ts'
import type { RouteInput } from './routing.ts'

/** A route that no request can reach, and the earlier ones that take all of its requests; indexes of the list. */
export interface ShadowedRoute {
  readonly route: number
  readonly by: readonly number[]
}

/**
 * Routes that can never match: others of the same host and path shape come before them (`compileRoutes` says in which order) and
 * ask nothing that they do not ask themselves. Sound, not complete: what it names is never matched. Throws `RoutePatternError`.
 */
export function findShadowedRoutes(routes: readonly RouteInput[]): readonly ShadowedRoute[] {
  const groups = Map.groupBy(
    routes.flatMap((route, index) => keysOf(route).map((key) => ({ key, route, index }))),
    ({ key }) => key,
  )
  const coveredBy = new Map<number, Set<number>>()
  const reachable = new Set<number>()
  for (const group of groups.values()) {
    for (const one of group) {
      const before = group.filter((other) => comesBefore(other, one) && asksLess(other, one))
      if (!takesAllMethods(before, one.route)) reachable.add(one.index)
      const by = coveredBy.get(one.index) ?? new Set<number>()
      for (const { index } of before) by.add(index)
      coveredBy.set(one.index, by)
    }
  }
  return [...coveredBy]
    .filter(([route]) => !reachable.has(route))
    .map(([route, by]) => ({ route, by: [...by].toSorted((a, b) => a - b) }))
    .toSorted((a, b) => a.route - b.route)
}

interface Placed {
  readonly route: RouteInput
  readonly index: number
}

/** One for each host: routes meet only where host and path have the same shape. Names of parameters do not count. */
function keysOf({ hosts, path }: RouteInput): readonly string[] {
  const shape = parsePathPattern(path)
    .map((segment) =>
      segment.kind === 'literal' ? `=${segment.text}` : segment.kind === 'one' ? '*' : '**',
    )
    .join('/')
  const names = hosts.map((host) => {
    const parsed = parseHostPattern(host)
    return parsed.kind === 'exact' ? parsed.host : `*.${parsed.suffix}`
  })
  return [...new Set(names.length === 0 ? [''] : names)].map((name) => `${name} ${shape}`)
}

/** More conditions first, then more exact ones, then the order of the list. */
function comesBefore(a: Placed, b: Placed): boolean {
  const order =
    conditionCount(b.route) - conditionCount(a.route) || exactCount(b.route) - exactCount(a.route)
  return (order || a.index - b.index) < 0
}

function conditionCount({ methods, headers, query }: RouteInput): number {
  return Math.min(1, methods.length) + Object.keys(headers).length + Object.keys(query).length
}

function exactCount({ headers, query }: RouteInput): number {
  return [...Object.values(headers), ...Object.values(query)].filter((value) => value !== '*')
    .length
}

/** Every header and query parameter that `a` asks for, `b` asks for as strictly. */
function asksLess({ route: a }: Placed, { route: b }: Placed): boolean {
  return isWeaker(lower(a.headers), lower(b.headers)) && isWeaker(a.query, b.query)
}

function isWeaker(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(a).every(
    ([name, value]) => Object.hasOwn(b, name) && (value === '*' || value === b[name]),
  )
}

function lower(fields: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name.toLowerCase(), value]),
  )
}

function takesAllMethods(before: readonly Placed[], { methods }: RouteInput): boolean {
  if (before.some(({ route }) => route.methods.length === 0)) return true
  const taken = new Set(before.flatMap(({ route }) => route.methods))
  // GET includes HEAD (RFC 9110 section 9.3.2).
  if (taken.has('GET')) taken.add('HEAD')
  return methods.length > 0 && methods.every((method) => taken.has(method))
}
