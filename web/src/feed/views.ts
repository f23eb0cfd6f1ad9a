import { CALLER_SHARED } from '../../../src/contracts/callers.ts'
import type {
  EdgeTick,
  InstanceView,
  ServiceState,
  ServiceView,
} from '../../../src/contracts/feed.ts'
import type { IndexedTick, SystemState, Traffic } from './state.ts'
import { edgeKeyOf, NO_TRAFFIC, splitEdgeKey } from './state.ts'

/** How a state looks: four tones, each with its own colour and shape. */
export type Tone = 'good' | 'warning' | 'bad' | 'quiet'

/** Share of failed requests from which an edge is marked. */
export const ERROR_RATIO_WARNING = 0.01
export const ERROR_RATIO_BAD = 0.05

/** The tone of a service's state. */
export function toneOfService(state: ServiceState): Tone {
  switch (state) {
    case 'healthy':
      return 'good'
    case 'starting':
    case 'waiting':
    case 'degraded':
      return 'warning'
    case 'down':
      return 'bad'
    case 'stopped':
    case 'finished':
    case 'empty':
      return 'quiet'
    default:
      return 'quiet'
  }
}

/** The tone of an instance's or a check's health. */
export function toneOfHealth(health: InstanceView['health']): Tone {
  switch (health) {
    case 'passing':
      return 'good'
    case 'warning':
    case 'draining':
      return 'warning'
    case 'critical':
      return 'bad'
    case 'unknown':
      return 'quiet'
    default:
      return 'quiet'
  }
}

/** The tone of a share of failed requests. */
export function toneOfErrors(ratio: number): Tone {
  if (ratio >= ERROR_RATIO_BAD) return 'bad'
  return ratio >= ERROR_RATIO_WARNING ? 'warning' : 'good'
}

/** Instances that a worker may choose, and all that there are or should be. */
export function countHealthy(service: ServiceView): {
  readonly healthy: number
  readonly total: number
} {
  const total = Math.max(service.instanceCount, service.kind === 'run' ? service.wanted : 0)
  return { healthy: service.routableCount, total }
}

/** Server time of the newest tick, so that a browser's wrong clock does not matter; 0 before the first. */
export function nowOf(system: SystemState): number {
  return system.ticks.at(-1)?.atMs ?? 0
}

/** Traffic into a service in the newest second. */
export function trafficOf(system: SystemState, service: string): Traffic {
  return system.ticks.at(-1)?.services.get(service) ?? NO_TRAFFIC
}

/** Requests a second into a service over the last `count` ticks. */
export function rateHistory(
  system: SystemState,
  service: string,
  count: number,
): readonly number[] {
  return system.ticks
    .slice(-count)
    .map((tick) => tick.services.get(service)?.requestsPerSecond ?? 0)
}

/** Requests a second from a caller, '' for the gateway's clients, over the last `count` ticks. */
export function callerHistory(
  system: SystemState,
  caller: string,
  count: number,
): readonly number[] {
  return system.ticks.slice(-count).map((tick) => sumRates(tick, caller))
}

function sumRates(tick: IndexedTick, caller: string): number {
  let sum = 0
  for (const edge of tick.edges.values()) if (edge.caller === caller) sum += edge.requestsPerSecond
  return sum
}

export interface Totals {
  readonly requestsPerSecond: number
  readonly errorRatio: number
  /** p95 of the slowest service that clients call, and its name. */
  readonly p95Ms: number
  readonly slowest: string
  readonly services: number
  readonly servicesHealthy: number
  readonly instances: number
  readonly instancesRoutable: number
}

/** The whole system in a few numbers. Requests are those of clients at the gateway; calls between services are not counted again. */
export function totalsOf(system: SystemState): Totals {
  const entering = [...(system.ticks.at(-1)?.edges.values() ?? [])].filter(
    (edge) => edge.caller === '',
  )
  const rate = entering.reduce((sum, edge) => sum + edge.requestsPerSecond, 0)
  const errors = entering.reduce((sum, edge) => sum + edge.requestsPerSecond * edge.errorRatio, 0)
  const slowest = entering.reduce<EdgeTick | null>(
    (worst, edge) => (worst === null || edge.p95Ms > worst.p95Ms ? edge : worst),
    null,
  )
  const services = [...system.services.values()]
  return {
    requestsPerSecond: rate,
    errorRatio: rate > 0 ? errors / rate : 0,
    p95Ms: slowest?.p95Ms ?? 0,
    slowest: slowest?.service ?? '',
    services: services.length,
    servicesHealthy: services.filter((service) => isFine(service.state)).length,
    instances: services.reduce((sum, service) => sum + service.instanceCount, 0),
    instancesRoutable: services.reduce((sum, service) => sum + service.routableCount, 0),
  }
}

function isFine(state: ServiceState): boolean {
  return state === 'healthy' || state === 'finished'
}

/**
 * The edges to draw: those with traffic in the window, and those declared by `calls`. A service that may call every other one
 * has declared nothing (that is the default), so its list is left out until there is traffic.
 */
export function edgesToDraw(
  services: ReadonlyMap<string, ServiceView>,
  seen: ReadonlySet<string>,
): readonly string[] {
  const known = (name: string): boolean =>
    name === '' || name === CALLER_SHARED || services.has(name)
  const keys = new Set(
    [...seen].filter((key) => {
      const { caller, service } = splitEdgeKey(key)
      return known(caller) && known(service)
    }),
  )
  for (const service of services.values()) {
    if (service.calls.length >= services.size - 1) continue
    for (const called of service.calls) if (known(called)) keys.add(edgeKeyOf(service.name, called))
  }
  return [...keys].toSorted()
}

/** The edges that begin or end at a service, busiest first. */
export function edgesOf(
  system: SystemState,
  service: string,
  side: 'caller' | 'service',
): readonly EdgeTick[] {
  const newest = system.ticks.at(-1)
  return edgesToDraw(system.services, system.edgeKeys)
    .filter((key) => splitEdgeKey(key)[side] === service)
    .map((key) => newest?.edges.get(key) ?? silentEdge(key))
    .toSorted((a, b) => b.requestsPerSecond - a.requestsPerSecond)
}

/** A service whose calls, or some of them, go through listeners that it shares with others: they cannot be told from those of the others. */
export function callsAreShared(system: SystemState, name: string): boolean {
  const outbound = system.listeners.filter((one) => one.kind === 'outbound')
  const own = new Set(outbound.filter((one) => one.caller === name).map((one) => one.service))
  const shared = new Set(outbound.filter((one) => one.caller === '').map((one) => one.service))
  const calls = system.services.get(name)?.calls ?? []
  return calls.some((service) => shared.has(service) && !own.has(service))
}

/** An edge without traffic. */
export function silentEdge(key: string): EdgeTick {
  return {
    ...splitEdgeKey(key),
    requestsPerSecond: 0,
    errorRatio: 0,
    p50Ms: 0,
    p95Ms: 0,
    p99Ms: 0,
    retriesPerSecond: 0,
  }
}
