import type { PolicySpec } from '../../contracts/policies.ts'
import type { RouteSpec } from '../../contracts/snapshot.ts'
import type { RouteRow, TriedPolicy, TriedRoute, TriedService } from '../../contracts/try-route.ts'
import type { RequestFields } from '../../mechanisms/routing/conditions.ts'
import { normalizePath } from '../../mechanisms/routing/normalize-path.ts'
import {
  allowedMethods,
  compileRoutes,
  matchRoute,
  ROUTE_METHOD_NOT_ALLOWED,
} from '../../mechanisms/routing/routing.ts'
import type { GatewayConfig } from './api.ts'
import { describePolicy } from './describe-policies.ts'
import { POLICY_KINDS } from './policy-settings.ts'
import { effectivePolicies, specifyGateway } from './specify.ts'

/** A request as somebody imagines it. */
export interface TryRequest {
  readonly method: string
  /** Path with query. */
  readonly target: string
  /** Lower case, without port; '' for none. */
  readonly host: string
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>
}

/** What is known of a service's instances. */
export type CountInstances = (service: string) => {
  readonly instances: number
  readonly routable: number
}

/** Routes that are looked at for those that come near. */
const LOOKED_AT_MAX = 2_000
const OTHERS_MAX = 5

/** What would happen to the request now: the router's own tables decide, and nothing is sent. */
export function tryRoute(
  config: GatewayConfig,
  request: TryRequest,
  countOf: CountInstances,
): TriedRoute {
  const routes = specifyGateway(config.settings, config.sourceOf, []).routes
  const { method, host } = request
  const mark = request.target.indexOf('?')
  const query = mark < 0 ? '' : request.target.slice(mark)
  const path = normalizePath(mark < 0 ? request.target : request.target.slice(0, mark))
  const asked = { method, host, path: path ?? '', query }
  const none = { route: null, policies: [], services: [], others: [] }
  if (path === null) {
    const detail = 'the path has dot segments, encoded slashes or bytes that a path cannot have'
    return { ...asked, ...none, refusal: { code: 'ERR_GATEWAY_PATH_AMBIGUOUS', detail } }
  }
  const fields = fieldsOf(request, query)
  const table = compileRoutes(routes)
  const found = matchRoute(table, host, path, method, fields)
  const others = nearRoutes(routes, found, request, path, fields)
  if (found < 0) {
    const isMethod = found === ROUTE_METHOD_NOT_ALLOWED
    const refusal = isMethod
      ? {
          code: 'ERR_GATEWAY_METHOD_NOT_ALLOWED',
          detail: `${path} takes ${allowedMethods(table, host, path, fields).join(', ')}, not ${method}`,
        }
      : {
          code: 'ERR_GATEWAY_ROUTE_NOT_FOUND',
          detail: `no route for ${path} of ${host || 'a request without host'}`,
        }
    return { ...asked, ...none, refusal, others }
  }
  const route = routes[found]!
  return {
    ...asked,
    route: {
      id: route.id,
      source: route.source,
      pattern: patternOf(route),
      why: whyOf(routes, others.length),
      upstream: `${upstreamOf(route, path)}${query}`,
    },
    refusal: null,
    policies: policiesOf(config, routes, found),
    services: servicesOf(config, route, countOf),
    others,
  }
}

/** Every HTTP route of the file, in its order. */
export function listRoutes(config: GatewayConfig): readonly RouteRow[] {
  const { routes } = specifyGateway(config.settings, config.sourceOf, [])
  return routes.map((route, at) => ({
    id: route.id,
    source: route.source,
    pattern: patternOf(route),
    to: sharesOf(route),
    policies: policiesOf(config, routes, at),
  }))
}

/** Services by share; none where a policy answers. */
function sharesOf({ to, policies }: RouteSpec): RouteRow['to'] {
  if (policies.some(({ kind }) => kind === 'respond' || kind === 'redirect')) return []
  const sum = to.reduce((total, { weight }) => total + weight, 0)
  return to.map(({ service, weight }) => ({ service, share: sum === 0 ? 0 : weight / sum }))
}

function fieldsOf({ headers }: TryRequest, query: string): RequestFields {
  return { header: (name) => headers.get(name), query: query.slice(1) }
}

function patternOf({ hosts, methods, path, headers, query }: RouteSpec): string {
  const conditions = [
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...Object.entries(query).map(([name, value]) => `?${name}=${value}`),
  ]
  return [methods.join(','), `${hosts.join(',')}${path}`, ...conditions].filter(Boolean).join(' ')
}

function whyOf(routes: readonly RouteSpec[], others: number): string {
  if (routes.length === 1) return 'it is the only route'
  return others === 0
    ? `no other of ${routes.length} routes comes near`
    : `it is the most specific of ${routes.length} routes that takes the request`
}

/** As far as `strip` decides; a rewrite shows itself among the policies. */
function upstreamOf({ stripPrefix }: RouteSpec, path: string): string {
  const prefix = stripPrefix.replace(/\/$/, '')
  if (prefix === '' || !(path === prefix || path.startsWith(`${prefix}/`))) return path
  return path.slice(prefix.length) || '/'
}

/** In the order in which they run: a limit by subject stands behind `auth`. */
function policiesOf(
  { settings }: GatewayConfig,
  routes: readonly RouteSpec[],
  found: number,
): readonly TriedPolicy[] {
  const { policies } = routes[found]!
  const at = httpPlaces(settings.gateway.routes)[found]!
  const { origins } = effectivePolicies(settings.gateway)[at]!
  const isLate = (policy: PolicySpec): boolean =>
    policy.kind === 'limit' && policy.spec.by === 'subject'
  const early = policies
    .filter((policy) => !isLate(policy))
    .toSorted((one, other) => POLICY_KINDS.indexOf(one.kind) - POLICY_KINDS.indexOf(other.kind))
  const authAt = early.findIndex(({ kind }) => kind === 'auth') + 1
  const late = policies.filter(isLate)
  const ordered = [...early.slice(0, authAt), ...late, ...early.slice(authAt)]
  return ordered.map((policy) => ({
    kind: policy.kind,
    source: policy.source,
    // One that the gateway adds itself (headers that say who calls are dropped) stands nowhere in the file.
    from: origins.get(policy.kind)?.label ?? 'gateway',
    does: describePolicy(policy),
  }))
}

/** Where the HTTP routes stand among all. */
function httpPlaces(all: GatewayConfig['settings']['gateway']['routes']): readonly number[] {
  return all.flatMap(({ tcp }, at) => (tcp === undefined ? [at] : []))
}

function servicesOf(
  { settings, sourceOf }: GatewayConfig,
  route: RouteSpec,
  countOf: CountInstances,
): readonly TriedService[] {
  return sharesOf(route).map(({ service, share }) => ({
    name: service,
    share,
    source: Object.hasOwn(settings.services, service)
      ? sourceOf(['services', service])
      : 'registered through the admin API',
    ...countOf(service),
  }))
}

/** Routes whose path fits: what of the request keeps each from taking it, or that another one is more specific. */
function nearRoutes(
  routes: readonly RouteSpec[],
  found: number,
  { method, host }: TryRequest,
  path: string,
  fields: RequestFields,
): TriedRoute['others'] {
  const near: { route: string; source: string; why: string }[] = []
  const free = { hosts: [], methods: [], headers: {}, query: {} }
  for (const [at, route] of routes.slice(0, LOOKED_AT_MAX).entries()) {
    if (at === found || near.length >= OTHERS_MAX) continue
    const takes = (change: Partial<RouteSpec>): boolean =>
      matchRoute(compileRoutes([{ ...route, ...free, ...change }]), host, path, method, fields) >= 0
    if (!takes({})) continue
    const { hosts, methods, headers, query } = route
    const why = !takes({ hosts })
      ? `its host is ${hosts.join(', ')}`
      : !takes({ methods })
        ? `it takes ${methods.join(', ')}`
        : !takes({ headers })
          ? `it demands ${listed(headers, ': ')}`
          : !takes({ query })
            ? `it demands ${listed(query, '=')} in the query`
            : 'it takes the request too, and is less specific'
    near.push({ route: route.id, source: route.source, why })
  }
  return near
}

function listed(conditions: Readonly<Record<string, string>>, between: string): string {
  return Object.entries(conditions)
    .map(([name, value]) => (value === '*' ? name : `${name}${between}${value}`))
    .join(', ')
}
