import {
  parseHostPattern,
  parsePathPattern,
  RoutePatternError,
} from '../mechanisms/routing/pattern.ts'
import { explainBadCidr } from '../platform/config/addresses.ts'
import type { SettingPath, SettingProblem } from '../platform/config/problems.ts'
import { formatShareRatio } from '../platform/config/units.ts'
import type { RouteSettings, Settings } from '../settings.ts'
import { checkPolicies } from './check-policies.ts'
import { checkServiceName } from './check-services.ts'
import { answersItself, policyKindsOf } from './policies.ts'

/** Problems of `gateway`. */
export function checkRoutes(settings: Settings): readonly SettingProblem[] {
  const { routes } = settings.gateway
  const each = routes.flatMap((route, index) => {
    const path = ['gateway', 'routes', index]
    return [
      ...checkTarget(route, settings.services, path),
      ...(route.tcp === undefined ? checkPattern(route.path, path) : checkRawTcp(route, path)),
      ...checkHosts(route, path),
      ...checkPolicies(route, path),
    ]
  })
  return [...each, ...checkIds(routes), ...checkProxies(settings)]
}

function checkTarget(
  route: RouteSettings,
  services: Settings['services'],
  path: SettingPath,
): readonly SettingProblem[] {
  const { to, split } = route
  if (answersItself(route)) return []
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

function checkTargetService(
  name: string,
  services: Settings['services'],
  path: SettingPath,
): readonly SettingProblem[] {
  if (services[name]?.task !== true) return checkServiceName(name, services, path)
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
    ...policyKindsOf(route)
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

function checkProxies({ gateway }: Settings): readonly SettingProblem[] {
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
