import { parsePathPattern, RoutePatternError } from '../../mechanisms/routing/pattern.ts'
import { findShadowedRoutes } from '../../mechanisms/routing/shadowed.ts'
import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'
import type { GatewaySettings } from './schema.ts'

type RouteSettings = GatewaySettings['routes'][number]

/** RFC 9110 section 5.6.2: the characters of a field name. */
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Routes that say something which no request can meet. */
export function checkRoutes(routes: readonly RouteSettings[]): readonly SettingProblem[] {
  const each = routes.flatMap((route, index) => {
    const path = ['gateway', 'routes', index]
    if (route.tcp !== undefined) return []
    return [...checkPath(route, path), ...checkStrip(route, path), ...checkHeaders(route, path)]
  })
  return [...each, ...checkShadowed(routes)]
}

/** Forms of other routers that would be taken by the letter here. */
function checkPath({ path: pattern }: RouteSettings, path: SettingPath): readonly SettingProblem[] {
  const refuse = (message: string): readonly SettingProblem[] => [
    { path: [...path, 'path'], code: 'ERR_CONFIG_VALUE_INVALID', message },
  ]
  const colon = /\/:([A-Za-z_][A-Za-z0-9_]*)/.exec(pattern)
  if (colon !== null) {
    const meant = pattern.replaceAll(/\/:([A-Za-z_][A-Za-z0-9_]*)/g, '/{$1}')
    return refuse(`would match the text :${colon[1]} only; a parameter is written ${meant}`)
  }
  if (pattern.includes('?')) {
    return refuse(
      'has a ?, and a path has no query; ask for its parameters with query: { name: value }',
    )
  }
  return []
}

/** What is stripped must stand at the beginning of every path that the route matches. */
function checkStrip(
  { path: pattern, strip }: RouteSettings,
  path: SettingPath,
): readonly SettingProblem[] {
  if (strip === undefined) return []
  const segments = tryParse(pattern)
  const wanted = tryParse(strip)
  if (segments === undefined || wanted === undefined) return []
  const isPrefix = wanted.every((segment, at) => {
    const own = segments[at]
    return segment.kind === 'literal' && own?.kind === 'literal' && own.text === segment.text
  })
  if (isPrefix) return []
  const message = `must be the beginning of path, which is ${pattern}; nothing would be stripped of ${pattern}`
  return [{ path: [...path, 'strip'], code: 'ERR_CONFIG_CONFLICT', message }]
}

function checkHeaders({ headers }: RouteSettings, path: SettingPath): readonly SettingProblem[] {
  return Object.keys(headers)
    .filter((name) => !FIELD_NAME.test(name))
    .map((name) => ({
      path: [...path, 'headers', name],
      code: 'ERR_CONFIG_VALUE_INVALID',
      message: 'is no name of a header: letters, digits and -, without spaces',
      at: 'key',
    }))
}

function checkShadowed(routes: readonly RouteSettings[]): readonly SettingProblem[] {
  const indexes = routes.flatMap(({ tcp, path }, index) =>
    tcp === undefined && tryParse(path) !== undefined ? [index] : [],
  )
  const inputs = indexes.map((index) => {
    const { path, methods, headers, query, host } = routes[index] as RouteSettings
    // What is no text is the policy of that name, not a condition.
    const asked = Object.entries(headers).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    )
    return {
      path,
      methods,
      headers: Object.fromEntries(asked),
      query,
      hosts: [host ?? []].flat(),
    }
  })
  try {
    return findShadowedRoutes(inputs).map(({ route, by }) => {
      const earlier = by.map((index) => `gateway.routes[${indexes[index]}]`).join(' and ')
      const message = `can never match: ${earlier} ${by.length > 1 ? 'take' : 'takes'} all of its requests; remove one, or tell them apart by methods, host, headers or query`
      return {
        path: ['gateway', 'routes', indexes[route] ?? 0, 'path'],
        code: 'ERR_CONFIG_ROUTE_UNREACHABLE',
        message,
      }
    })
  } catch (error) {
    // A bad host is told where hosts are checked.
    if (error instanceof RoutePatternError) return []
    throw error
  }
}

function tryParse(pattern: string): ReturnType<typeof parsePathPattern> | undefined {
  try {
    return parsePathPattern(pattern)
  } catch (error) {
    if (error instanceof RoutePatternError) return undefined
    throw error
  }
}
