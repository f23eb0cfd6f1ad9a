import {
  parseHostPattern,
  parsePathPattern,
  RoutePatternError,
} from '../../mechanisms/routing/pattern.ts'
import { explainBadCidr } from '../../platform/config/addresses.ts'
import type { SourceOf } from '../../platform/config/load.ts'
import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'
import { formatShareRatio } from '../../platform/config/units.ts'
import { checkServiceName, urlVariable } from '../../platform/config/service-name.ts'
import { ownEntry } from '../../platform/own-entry.ts'
import { checkIssuers } from './check-auth.ts'
import { checkBalance } from './check-balance.ts'
import { checkGroups } from './check-groups.ts'
import { checkPolicies, checkSubjects } from './check-policies.ts'
import { checkResilience } from './check-resilience.ts'
import { checkRoutes } from './check-routes.ts'
import { checkAsked, checkDemand, type DemandedTls } from './check-demand.ts'
import { checkEdges, type Callers } from './edges.ts'
import { inheritPolicies, ownPolicies } from './inherit-policies.ts'
import { answersItself, policyKindsOf, type PolicyRoute } from './policy-settings.ts'
import type { BalancedService, GatewaySettings } from './schema.ts'
import { trustedIssuers, type IssuingSettings } from './trusted-issuers.ts'

type Services = Callers & Readonly<Record<string, BalancedService>>
type RouteSettings = GatewaySettings['routes'][number]

/** What the check looks at. */
export interface GatewayChecked {
  readonly gateway: GatewaySettings
  readonly services: Services
  readonly tls?: DemandedTls | undefined
  readonly identity?: IssuingSettings['identity']
}

/** Problems of `gateway`, and of how services are called. */
export function checkGateway(
  settings: GatewayChecked,
  sourceOf: SourceOf,
): readonly SettingProblem[] {
  const { gateway } = settings
  const { routes, issuers } = gateway
  const trusted = trustedIssuers(settings)
  const each = routes.flatMap((route, index) => {
    const path = ['gateway', 'routes', index]
    const effective = inheritPolicies(route, path, gateway).route
    return [
      ...checkTarget(route, effective, settings.services, path),
      ...checkSubjects(effective, path),
      ...(route.tcp === undefined ? checkPattern(route.path, path) : checkRawTcp(route, path)),
      ...checkHosts(route, path),
      ...checkPolicies(ownPolicies(route), path, trusted),
      ...checkMirror(route.mirror, settings.services, [...path, 'mirror']),
      ...checkDemand(route, settings.tls, path),
    ]
  })
  return [
    ...checkServices(settings.services, sourceOf),
    ...each,
    ...checkGroups(gateway, trusted),
    ...checkMirror(gateway.policies.mirror, settings.services, ['gateway', 'policies', 'mirror']),
    ...Object.entries(gateway.groups).flatMap(([name, { mirror }]) =>
      checkMirror(mirror, settings.services, ['gateway', 'groups', name, 'mirror']),
    ),
    ...checkIssuers(issuers),
    ...checkRoutes(routes),
    ...checkIds(routes),
    ...checkProxies(settings),
    ...checkAsked(settings.tls),
  ]
}

function checkTarget(
  route: RouteSettings,
  effective: PolicyRoute,
  services: Services,
  path: SettingPath,
): readonly SettingProblem[] {
  const { to, split } = route
  // One that answers only by inheritance (maintenance) may name a service, and one that answers by itself need not.
  if (answersItself(effective) && to === undefined && split === undefined) return []
  if (answersItself(ownPolicies(route))) return []
  if (to !== undefined && split !== undefined) {
    const message = 'excludes to: a route has one service, or several by share; remove one'
    return [{ path: [...path, 'split'], code: 'ERR_CONFIG_CONFLICT', message, at: 'key' }]
  }
  if (to !== undefined) return checkTargetService(to, services, [...path, 'to'])
  if (split === undefined) {
    const message =
      'leads nowhere; name its service with to: (or several with split:), or answer with redirect: or respond:'
    return [{ path, code: 'ERR_CONFIG_CONFLICT', message }]
  }
  const names = split.flatMap((part, index) =>
    checkTargetService(part.to, services, [...path, 'split', index, 'to']),
  )
  const sum = split.reduce((total, part) => total + part.weight, 0)
  // Three thirds written as 33.3% are no typing error; a missing part is.
  if (Math.abs(sum - 1) <= 0.002) return names
  const shown = formatShareRatio(Number(sum.toPrecision(6)))
  const message = `shares must sum up to 100%; these sum up to ${sum > 1 ? `${Number((sum * 100).toPrecision(6))}%` : shown}`
  return [...names, { path: [...path, 'split'], code: 'ERR_CONFIG_SPLIT_SUM', message }]
}

function checkMirror(
  mirror: RouteSettings['mirror'],
  services: Services,
  path: SettingPath,
): readonly SettingProblem[] {
  if (mirror === undefined || mirror === 'off') return []
  return checkTargetService(mirror.to, services, [...path, 'to'])
}

function checkTargetService(
  name: string,
  services: Services,
  path: SettingPath,
): readonly SettingProblem[] {
  if (ownEntry(services, name)?.task !== true) return checkServiceName(name, services, path)
  const message = `${name} is a task, which answers no requests; name a service`
  return [{ path, code: 'ERR_CONFIG_CONFLICT', message }]
}

/** Raw bytes have no path, host, method or header to choose by. */
function checkRawTcp(route: RouteSettings, path: SettingPath): readonly SettingProblem[] {
  const given: readonly [string, boolean][] = [
    ['host', route.host !== undefined],
    ['path', route.path !== '/**'],
    ['methods', route.methods.length > 0],
    ['headers', Object.keys(route.headers).length > 0],
    ['query', Object.keys(route.query).length > 0],
    ['strip', route.strip !== undefined],
    ['timeout', route.timeout !== undefined],
    ['split', route.split !== undefined],
    ['clientCertificate', route.clientCertificate !== undefined],
    ...policyKindsOf(ownPolicies(route))
      .filter((kind) => kind !== 'headers')
      .map((kind): [string, boolean] => [kind, true]),
  ]
  return given
    .filter(([, isGiven]) => isGiven)
    .map(([name]) => {
      const message = 'has no meaning in a tcp route, which passes raw bytes; remove it'
      return { path: [...path, name], code: 'ERR_CONFIG_CONFLICT', message, at: 'key' }
    })
}

function checkPattern(pattern: string, path: SettingPath): readonly SettingProblem[] {
  return checkParses(() => parsePathPattern(pattern), [...path, 'path'])
}

function checkHosts({ host }: RouteSettings, path: SettingPath): readonly SettingProblem[] {
  if (typeof host === 'string') return checkParses(() => parseHostPattern(host), [...path, 'host'])
  return (host ?? []).flatMap((each, index) =>
    checkParses(() => parseHostPattern(each), [...path, 'host', index]),
  )
}

/** The router's own parser decides, so that what is valid here can be routed. */
function checkParses(parse: () => unknown, path: SettingPath): readonly SettingProblem[] {
  try {
    parse()
    return []
  } catch (error) {
    if (!(error instanceof RoutePatternError)) throw error
    return [{ path, code: 'ERR_CONFIG_VALUE_INVALID', message: error.message }]
  }
}

function checkIds(routes: readonly RouteSettings[]): readonly SettingProblem[] {
  return routes.flatMap(({ id }, index) => {
    if (id === undefined || routes.findIndex((other) => other.id === id) === index) return []
    const message = `${id} names an earlier route already; metrics and logs could not tell them apart`
    return [{ path: ['gateway', 'routes', index, 'id'], code: 'ERR_CONFIG_CONFLICT', message }]
  })
}

function checkProxies({ gateway }: GatewayChecked): readonly SettingProblem[] {
  const problems = gateway.trustedProxies.flatMap((block, index): readonly SettingProblem[] => {
    const path = ['gateway', 'trustedProxies', index]
    const why = explainBadCidr(block)
    if (why === undefined) return []
    return [{ path, code: 'ERR_CONFIG_VALUE_INVALID', message: `${block} ${why}` }]
  })
  if (gateway.proxyProtocol && gateway.trustedProxies.length === 0) {
    const message =
      'is believed only from trustedProxies, and there is none: every connection would be refused; add their addresses'
    const path = ['gateway', 'proxyProtocol']
    return [...problems, { path, code: 'ERR_CONFIG_CONFLICT', message, at: 'key' }]
  }
  return problems
}

function checkServices(services: Services, sourceOf: SourceOf): readonly SettingProblem[] {
  const each = Object.entries(services).flatMap(([name, service]) => {
    const path = ['services', name]
    const resilience = [...path, 'resilience']
    return [
      ...checkName(name, path),
      ...checkResilience(service.resilience, resilience, sourceOf),
      ...checkFallback(name, services, resilience),
      ...checkBalance(service.balance, [...path, 'balance']),
    ]
  })
  return [...each, ...checkEdges(services)]
}

/** Callers read the address of a service from `<NAME>_URL`. */
function checkName(name: string, path: SettingPath): readonly SettingProblem[] {
  if (name !== 'backplane' && !name.startsWith('backplane-')) return []
  const variable = urlVariable(name)
  const message = `may not begin with backplane: its address would be told as ${variable}, which is Backplane's own; choose another name`
  return [{ path, code: 'ERR_CONFIG_NAME_RESERVED', message, at: 'key' }]
}

/** Another service, and one that serves. */
function checkFallback(
  name: string,
  services: Services,
  path: SettingPath,
): readonly SettingProblem[] {
  const fallback = ownEntry(services, name)?.resilience.fallback
  if (fallback === undefined) return []
  const at = [...path, 'fallback']
  const { to, stale, answer } = fallback
  if (to === undefined && stale === undefined && answer === undefined) {
    const message =
      'names nothing that stands in; write to: SERVICE, stale: {} or answer: { body: ... }'
    return [{ path: at, code: 'ERR_CONFIG_CONFLICT', message, at: 'key' }]
  }
  if (fallback.to === undefined) return []
  if (fallback.to !== name) return checkTargetService(fallback.to, services, [...at, 'to'])
  const message = 'is the service itself; name another one'
  return [{ path: [...at, 'to'], code: 'ERR_CONFIG_CONFLICT', message }]
}
