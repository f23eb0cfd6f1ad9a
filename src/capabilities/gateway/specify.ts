import type { ListenerSpec, GatewaySpec, RouteSpec, ServiceSpec } from '../../contracts/snapshot.ts'
import type { GatewayLimits } from '../../contracts/gateway-limits.ts'
import type { BreakerOrder, BreakerSpec } from '../../contracts/resilience.ts'
import { wantedListener, type Wanted } from '../../platform/listeners/table.ts'
import type { RouteSettings, ServiceSettings, Settings } from '../../settings.ts'
import type { Edge } from './edges.ts'
import { gatewaySettings } from './settings.ts'
import { type GatewayName, specifyDemand, specifyHttps, specifyTls } from './specify-tls.ts'
import { type EffectivePolicies, inheritPolicies } from './inherit-policies.ts'
import {
  conditionsOf,
  dropVerified,
  methodsTaken,
  specifyPolicies,
  verifiedHeaders,
} from './specify-policies.ts'
import { trustedIssuers } from './trusted-issuers.ts'

/** Names the line that a setting stands on: `backplane.yaml:12`, or `default`. */
export type SourceOf = (path: readonly (string | number)[]) => string

/** The outbound listeners: one port an edge, told to the caller as `<SERVICE>_URL`. */
export interface OutboundListener extends Edge {
  readonly port: number
}

/** Everything that the data plane must know of listeners, routes and limits. */
export function specifyGateway(
  settings: Settings,
  sourceOf: SourceOf,
  outbound: readonly OutboundListener[],
): GatewaySpec {
  return {
    listeners: [...outsideListeners(settings), ...outbound.map(outboundListener)],
    routes: specifyRoutes(settings, sourceOf),
    limits: specifyLimits(settings.gateway.limits),
    trustedProxies: settings.gateway.trustedProxies,
    hosts: settings.gateway.hosts.map((host) => host.toLowerCase()),
    traceSampleRate: settings.gateway.tracing.sampleRate,
    https: specifyHttps(settings),
  }
}

/** Off, automatic or named. The one with TLS is off as long as there is nothing to show. */
export function wantedGateway({ listen, tls }: Settings, name: GatewayName): Wanted {
  if (name === 'gateway-tls' && tls === undefined) return { mode: 'off' }
  return wantedListener(name, gatewaySettings.listeners[name], listen)
}

function outsideListeners(settings: Settings): ListenerSpec[] {
  const { proxyProtocol, routes } = settings.gateway
  const gateway = (['gateway', 'gateway-tls'] as const).flatMap((name): ListenerSpec[] => {
    const wanted = wantedGateway(settings, name)
    if (wanted.mode === 'off') return []
    return hostsOf(wanted.address.host).map((host, at) => ({
      kind: 'gateway',
      id: at === 0 ? name : `${name}-${at + 1}`,
      host,
      port: wanted.address.port,
      proxyProtocol,
      ...(name === 'gateway' ? {} : { tls: specifyTls(settings) }),
    }))
  })
  const tcp = routes.flatMap((route, at): ListenerSpec[] => {
    if (route.tcp === undefined || route.tcp === 'off') return []
    const { port } = route.tcp
    const id = route.id ?? `tcp-${port === 0 ? at : port}`
    return hostsOf(route.tcp.host).map((host, nth) => ({
      kind: 'tcp',
      id: nth === 0 ? id : `${id}-${nth + 1}`,
      host,
      port,
      route: id,
      service: route.to ?? '',
      proxyProtocol,
    }))
  })
  return [...gateway, ...tcp]
}

/** `localhost` is both loopback addresses, since clients try either. */
function hostsOf(host: string): readonly string[] {
  return host === 'localhost' ? ['127.0.0.1', '::1'] : [host]
}

function outboundListener(listener: OutboundListener): ListenerSpec {
  const { caller, service, port } = listener
  return {
    kind: 'outbound',
    id: `outbound/${caller}/${service}`,
    host: '127.0.0.1',
    port,
    caller,
    service,
  }
}

function specifyRoutes(settings: Settings, sourceOf: SourceOf): readonly RouteSpec[] {
  const { gateway } = settings
  const { routes } = gateway
  const all = effectivePolicies(gateway)
  const verified = verifiedHeaders(all)
  const issuers = trustedIssuers(settings)
  return routes.flatMap((route, at) => {
    if (route.tcp !== undefined) return []
    const id = routeIdOf(route)
    const source = sourceOf(['gateway', 'routes', at])
    const policies = specifyPolicies(all[at]!, id, issuers, sourceOf)
    return [
      specifyRoute(settings, route, all[at]!, source, dropVerified(verified, policies, source)),
    ]
  })
}

/** The policies that hold for each route of the file, in its order. */
export function effectivePolicies(gateway: Settings['gateway']): readonly EffectivePolicies[] {
  return gateway.routes.map((route, at) =>
    inheritPolicies(route, ['gateway', 'routes', at], gateway),
  )
}

/** Name of a route in logs and metrics. */
function routeIdOf({ id, methods, host, path }: RouteSettings): string {
  const first = [host ?? []].flat()[0]?.toLowerCase() ?? ''
  return id ?? [methods.join('+'), first, path].filter(Boolean).join(' ')
}

function specifyRoute(
  settings: Settings,
  route: RouteSettings,
  effective: EffectivePolicies,
  source: string,
  policies: RouteSpec['policies'],
): RouteSpec {
  const hosts = [route.host ?? []].flat().map((host) => host.toLowerCase())
  return {
    id: routeIdOf(route),
    source,
    hosts,
    path: route.path,
    methods: methodsTaken(effective.route),
    headers: conditionsOf(route.headers),
    query: route.query,
    to:
      route.split === undefined
        ? [route.to ?? []].flat().map((service) => ({ service, weight: 1 }))
        : route.split.map(({ to, weight }) => ({ service: to, weight })),
    stripPrefix: route.strip ?? '',
    timeoutMs: route.timeout ?? 0,
    ...(route.priority === 'normal' ? {} : { priority: route.priority }),
    ...specifyDemand(settings, route),
    policies,
  }
}

function specifyLimits(limits: Settings['gateway']['limits']): GatewayLimits {
  return {
    requestLineBytesMax: limits.requestLine,
    headBytesMax: limits.head,
    headersMax: limits.headers,
    bodyBytesMax: limits.body,
    connectionsMax: limits.connections,
    requestsInFlightMax: limits.requests,
    headTimeoutMs: limits.headTimeout,
    idleTimeoutMs: limits.idleTimeout,
    bodyTimeoutMs: limits.bodyTimeout,
    tunnelIdleTimeoutMs: limits.tunnelIdleTimeout,
    responseHeadBytesMax: limits.responseHead,
    streamsMax: limits.streams,
    streamWindowBytes: limits.streamWindow,
    connectionWindowBytes: limits.connectionWindow,
  }
}

/** What its certificate must say, '' for the host of the instance. */
function nameOf(tls: Exclude<ServiceSettings['tls'], false>): string {
  return tls === true ? '' : (tls.name ?? '')
}

/** How one service is balanced, timed out, retried and ejected. */
export function specifyService(
  name: string,
  service: ServiceSettings,
  sourceOf: SourceOf,
  order: BreakerOrder = 'auto',
): ServiceSpec {
  const { balance, resilience } = service
  const breaker = specifyBreaker(resilience.breaker, order)
  return {
    name,
    source: sourceOf(['services', name]),
    protocol: service.protocol === 'http1' ? 'http1' : 'h2c',
    ...(service.tls === false ? {} : { tls: { name: nameOf(service.tls) } }),
    balance: {
      algorithm: balance.algorithm,
      slowStartMs: balance.slowStart,
      cookie: balance.cookie,
      ...hashedBy(balance),
      ...specifyGroups(balance),
    },
    timeoutMs: resilience.timeout,
    connectTimeoutMs: resilience.connectTimeout,
    attemptTimeoutMs: resilience.attemptTimeout,
    retry: {
      attempts: resilience.retry.attempts,
      budgetRatio: resilience.retry.budget,
      reservePerSecond: resilience.retry.reserve,
      on: resilience.retry.on,
      waits: {
        baseMs: resilience.retry.wait,
        maxMs: resilience.retry.waitMax,
        jitter: resilience.retry.jitter,
      },
      bytesMax: resilience.retry.body,
    },
    ejection: {
      failures: resilience.ejection.failures,
      baseMs: resilience.ejection.base,
      maxMs: resilience.ejection.max,
      shareMax: resilience.ejection.share,
    },
    outliers: {
      latencyFactor: resilience.outliers.slower,
      latencyFloorMs: resilience.outliers.floor,
      failureRatio: resilience.outliers.failing,
      localFailureRatio: resilience.outliers.failing,
      callsMin: resilience.outliers.minimum,
    },
    ...(resilience.hedge.after === 0
      ? {}
      : { hedge: { quantile: resilience.hedge.after, minMs: resilience.hedge.minimum } }),
    ...specifyConcurrency(resilience.concurrency),
    ...specifyFallback(resilience.fallback),
    ...(breaker === undefined ? {} : { breaker }),
    connectionsPerInstanceMax: service.connections,
    pendingMax: service.pending,
  }
}

/** Undefined where there is none, and nobody has ordered one. */
function specifyBreaker(
  settings: ServiceSettings['resilience']['breaker'],
  order: BreakerOrder,
): BreakerSpec | undefined {
  if (settings.of === 'off' && order === 'auto') return undefined
  return {
    scope: settings.of,
    order,
    failureRatio: settings.failures === 0 ? NEVER_RATIO : settings.failures,
    slowRatio: settings.slow.rate === 0 ? NEVER_RATIO : settings.slow.rate,
    slowMs: settings.slow.over,
    statuses: settings.statuses,
    callsMin: settings.minimum,
    window:
      settings.lastCalls === 0
        ? { kind: 'time', ms: settings.window }
        : { kind: 'count', size: settings.lastCalls },
    openMs: settings.open,
    openMsMax: settings.openMax,
    probes: settings.probes,
  }
}

/** Only where it means something: it costs a look at each request. */
function hashedBy({
  algorithm,
  by,
  load,
}: ServiceSettings['balance']): Pick<ServiceSpec['balance'], 'by' | 'loadFactor'> {
  if (algorithm !== 'ring-hash' && algorithm !== 'maglev') return {}
  const key = typeof by === 'object' && 'header' in by ? { header: by.header.toLowerCase() } : by
  return { by: key, loadFactor: load }
}

/** Only what is asked for. */
function specifyGroups({
  subset,
  panic,
}: ServiceSettings['balance']): Pick<ServiceSpec['balance'], 'subset' | 'panicShare'> {
  const panicShare = panic === 0 ? {} : { panicShare: panic }
  if (subset === undefined) return panicShare
  const { header, otherwise = '', missing } = subset
  const chosen = { header: header.toLowerCase(), otherwise, fallsBackToAny: missing === 'any' }
  return { ...panicShare, subset: chosen }
}

function specifyFallback(
  settings: ServiceSettings['resilience']['fallback'],
): Pick<ServiceSpec, 'fallback'> {
  if (settings === undefined) return {}
  const { to = '', stale, answer } = settings
  return {
    fallback: {
      service: to,
      ...(stale === undefined
        ? {}
        : { stale: { ageMsMax: stale.age, bytesMax: stale.memory, bodyBytesMax: stale.body } }),
      ...(answer === undefined
        ? {}
        : { answer: { status: answer.status, contentType: answer.type, body: answer.body } }),
    },
  }
}

function specifyConcurrency(
  settings: ServiceSettings['resilience']['concurrency'],
): Pick<ServiceSpec, 'concurrency'> {
  const { algorithm, initial, min, max, slowAfter, queue, queueWait } = settings
  if (algorithm === 'off') return {}
  const bounds = { initial, min, max, slowMs: slowAfter }
  return { concurrency: { algorithm, ...bounds, queueMax: queue, queueMs: queueWait } }
}

/** No share of calls is that large. */
const NEVER_RATIO = 2
