import type {
  CorsSpec,
  FieldChanges,
  FieldLines,
  HeadersSpec,
  PolicyKind,
  PolicySpec,
  PolicySpecs,
} from '../../contracts/policies.ts'
import type { SettingPath } from '../../platform/config/problems.ts'
import { formatRatePerSecond } from '../../platform/config/units.ts'
import type { PolicyRoute, SettingsOf } from './policy-settings.ts'

/** Methods of a preflight's answer where neither policy nor route names some. */
const CORS_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

type Specify = {
  readonly [Kind in PolicyKind]: (
    given: SettingsOf<Kind>,
    route: PolicyRoute,
    routeId: string,
  ) => readonly PolicySpecs[Kind][]
}

const specify: Specify = {
  cors: (cors, route) => [specifyCors(cors, route)],
  limit: (limit, _route, routeId) => specifyLimits(limit, routeId),
  headers: specifyHeaders,
  redirect: ({ to, status }, { path }) => [{ to, path, status }],
  respond: ({ status, body, contentType, headers }) => [
    { status, body, contentType: body === '' ? '' : contentType, headers: linesOf(headers) },
  ],
}

/** The policies of one route for the data plane. `sourceOf` names the line of a setting below the route. */
export function specifyPolicies(
  route: PolicyRoute,
  routeId: string,
  sourceOf: (path: SettingPath) => string,
): readonly PolicySpec[] {
  return (Object.keys(specify) as PolicyKind[]).flatMap((kind) => {
    const given = route[kind]
    if (given === undefined) return []
    // Kind and settings belong together by the type of `specify`, which an index does not carry over.
    const make = specify[kind] as (...all: unknown[]) => readonly PolicySpec['spec'][]
    return make(given, route, routeId).map((spec, at) => {
      const source = sourceOf(Array.isArray(given) ? [kind, at] : [kind])
      return { kind, source, spec } as PolicySpec
    })
  })
}

function specifyCors(cors: SettingsOf<'cors'>, route: PolicyRoute): CorsSpec {
  const own = route.methods.filter((method) => method !== 'OPTIONS')
  const byRoute = own.length > 0 ? own : CORS_METHODS
  return {
    origins: cors.origins,
    methods: cors.methods.length > 0 ? cors.methods : byRoute,
    ...(cors.headers && { headers: cors.headers.map((name) => name.toLowerCase()) }),
    exposes: cors.exposes.map((name) => name.toLowerCase()),
    credentials: cors.credentials,
    maxAgeSeconds: Math.floor(cors.maxAge / 1000),
    passesOptions: route.methods.length === 0 || route.methods.includes('OPTIONS'),
  }
}

function specifyLimits(
  limit: SettingsOf<'limit'>,
  routeId: string,
): readonly PolicySpecs['limit'][] {
  const names = new Map<string, number>()
  return [limit].flat().map(({ rate: perSecond, burst, by }) => {
    const what = typeof by === 'string' ? by : `header-${by.header.toLowerCase()}`
    const nth = (names.get(what) ?? 0) + 1
    names.set(what, nth)
    const name = nth === 1 ? what : `${what}-${nth}`
    return {
      name,
      scope: `${routeId}\n${name}`,
      perSecond,
      rate: formatRatePerSecond(perSecond),
      burst: burst ?? Math.max(1, Math.floor(perSecond)),
      by: typeof by === 'string' ? by : { header: by.header.toLowerCase() },
    }
  })
}

/** Texts among them are conditions of the route, not changes. */
function specifyHeaders(headers: SettingsOf<'headers'>): readonly HeadersSpec[] {
  const { request, response } = headers
  if (typeof request !== 'object' && typeof response !== 'object') return []
  return [{ request: specifyChanges(request), response: specifyChanges(response) }]
}

function specifyChanges(changes: SettingsOf<'headers'>[string] | undefined): FieldChanges {
  if (typeof changes !== 'object') return { set: [], add: [], remove: [] }
  return {
    set: linesOf(changes.set),
    add: linesOf(changes.add),
    remove: changes.remove.map((name) => name.toLowerCase()),
  }
}

function linesOf(fields: Readonly<Record<string, string>>): FieldLines {
  return Object.entries(fields).map(([name, value]) => [name.toLowerCase(), value])
}

/** Methods that a route with these settings takes: a preflight comes by OPTIONS, whichever method it asks for. */
export function methodsTaken(route: PolicyRoute): readonly string[] {
  const { cors, methods } = route
  return cors === undefined || methods.length === 0 || methods.includes('OPTIONS')
    ? methods
    : [...methods, 'OPTIONS']
}

/** The headers that a request must have: lower-case name to value, or `*`. */
export function conditionsOf(headers: SettingsOf<'headers'>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name.toLowerCase(), value]] : [],
    ),
  )
}
