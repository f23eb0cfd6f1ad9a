import type {
  CorsSpec,
  FieldChanges,
  FieldLines,
  HeadersSpec,
  PolicyKind,
  PolicySpec,
  PolicySpecs,
} from '../../contracts/policies.ts'
import { formatRatePerSecond } from '../../platform/config/units.ts'
import type { SettingPath } from '../../platform/config/problems.ts'
import type { EffectivePolicies } from './inherit-policies.ts'
import type { PolicyRoute, SettingsOf } from './policy-settings.ts'
import { specifyAuth } from './specify-auth.ts'
import type { TrustedIssuers } from './trusted-issuers.ts'

/** Methods of a preflight's answer where neither policy nor route names some. */
const CORS_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/** What is known beside a policy's own settings. */
interface Around {
  readonly route: PolicyRoute
  readonly routeId: string
  /** Whose counts they are: routes that share a policy share what it counts. */
  readonly scope: string
  readonly issuers: TrustedIssuers
}

type Specify = {
  readonly [Kind in PolicyKind]: (
    given: SettingsOf<Kind>,
    around: Around,
  ) => readonly PolicySpecs[Kind][]
}

const specify: Specify = {
  cors: (cors, { route }) => [specifyCors(cors, route)],
  ip: (ip) => [ip],
  limit: specifyLimits,
  auth: (auth, { issuers }) => [specifyAuth(auth, issuers)],
  quota: specifyQuotas,
  fault: ({ delay, abort }) => [
    {
      ...(delay && { delay: { share: delay.share, ms: delay.time } }),
      ...(abort && { abort }),
    },
  ],
  headers: specifyHeaders,
  rewrite: ({ path = '', query, headers }, { route }) => [
    {
      pattern: route.path,
      path,
      query: { set: Object.entries(query.set), remove: query.remove },
      headers: linesOf(headers),
    },
  ],
  mirror: ({ to, share }) => [{ service: to, share }],
  compress: ({ encodings, types, minimum }) => [{ encodings, types, bytesMin: minimum }],
  redirect: ({ to, status }, { route: { path } }) => [{ to, path, status }],
  respond: ({ status, body, contentType, headers }) => [
    { status, body, contentType: body === '' ? '' : contentType, headers: linesOf(headers) },
  ],
}

/** The policies of one route for the data plane. `sourceOf` names the line of a setting. */
export function specifyPolicies(
  { route, origins }: EffectivePolicies,
  routeId: string,
  issuers: TrustedIssuers,
  sourceOf: (path: SettingPath) => string,
): readonly PolicySpec[] {
  return (Object.keys(specify) as PolicyKind[]).flatMap((kind) => {
    const given = route[kind]
    const origin = origins.get(kind)
    if (given === undefined || origin === undefined) return []
    // Kind and settings belong together by the type of `specify`, which an index does not carry over.
    const make = specify[kind] as (...all: unknown[]) => readonly PolicySpec['spec'][]
    const scope = origin.label === 'route' ? routeId : origin.label
    return make(given, { route, routeId, scope, issuers } satisfies Around).map((spec, at) => {
      const below = Array.isArray(given) ? [kind, at] : [kind]
      return { kind, source: sourceOf([...origin.path, ...below]), spec } as PolicySpec
    })
  })
}

/** Headers that say who calls: no route lets a client send them, whether it asks who calls or not. */
export function verifiedHeaders(all: readonly EffectivePolicies[]): readonly string[] {
  const names = all.flatMap(({ route }) => Object.keys(route.auth?.forward ?? {}))
  return [...new Set(names.map((name) => name.toLowerCase()))]
}

/** Drops them from what clients send, on a route that does not write them itself. */
export function dropVerified(
  headers: readonly string[],
  policies: readonly PolicySpec[],
  source: string,
): readonly PolicySpec[] {
  const own = policies.find(({ kind }) => kind === 'auth')
  const written = own?.kind === 'auth' ? own.spec.forward.map(([, header]) => header) : []
  const remove = headers.filter((name) => !written.includes(name))
  if (remove.length === 0) return policies
  const none = { set: [], add: [], remove: [] }
  return [
    ...policies,
    { kind: 'headers', source, spec: { request: { ...none, remove }, response: none } },
  ]
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
  { routeId, scope }: Around,
): readonly PolicySpecs['limit'][] {
  const names = new Map<string, number>()
  return [limit].flat().map((each) => {
    const { by } = each
    const what = typeof by === 'string' ? by : `header-${by.header.toLowerCase()}`
    const nth = (names.get(what) ?? 0) + 1
    names.set(what, nth)
    const name = nth === 1 ? what : `${what}-${nth}`
    const base = {
      name,
      // By route means each route by itself, also where several share the setting.
      scope: `${by === 'route' ? routeId : scope}\n${name}`,
      by: typeof by === 'string' ? by : { header: by.header.toLowerCase() },
    }
    const { rate: perSecond, requests, window, burst, concurrency } = each
    if (concurrency !== undefined)
      return { ...base, algorithm: 'concurrency', requests: concurrency }
    if (perSecond === undefined) {
      return { ...base, algorithm: 'window', requests: requests ?? 1, windowMs: window ?? 1_000 }
    }
    const rate = formatRatePerSecond(perSecond)
    return { ...base, perSecond, rate, burst: burst ?? Math.max(1, Math.floor(perSecond)) }
  })
}

function specifyQuotas(
  quota: SettingsOf<'quota'>,
  { routeId, scope }: Around,
): readonly PolicySpecs['quota'][] {
  return [quota].flat().map(({ requests, per, by }) => {
    const what = typeof by === 'string' ? by : `header-${by.header.toLowerCase()}`
    const name = `${per}-${what}`
    return {
      name,
      scope: `${by === 'route' ? routeId : scope}\n${name}`,
      by: typeof by === 'string' ? by : { header: by.header.toLowerCase() },
      requests,
      per,
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
