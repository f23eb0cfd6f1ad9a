import type { GatewaySpec, InstanceSpec, RouteSpec, ServiceSpec } from '../../contracts/snapshot.ts'
import type { GatewayLimits } from '../../contracts/gateway-limits.ts'

/** Generous limits and short enough times for tests. */
export const testLimits: GatewayLimits = {
  requestLineBytesMax: 8_192,
  headBytesMax: 16_384,
  headersMax: 100,
  bodyBytesMax: 0,
  connectionsMax: 20_000,
  requestsInFlightMax: 10_000,
  headTimeoutMs: 10_000,
  idleTimeoutMs: 75_000,
  bodyTimeoutMs: 10_000,
  tunnelIdleTimeoutMs: 0,
  responseHeadBytesMax: 16_384,
  streamsMax: 100,
  streamWindowBytes: 131_072,
  connectionWindowBytes: 1_048_576,
}

export function routeSpec(change: Partial<RouteSpec> = {}): RouteSpec {
  return {
    id: 'everything',
    source: 'backplane.yaml:7',
    hosts: [],
    path: '/**',
    methods: [],
    headers: {},
    query: {},
    to: [{ service: 'echo', weight: 1 }],
    stripPrefix: '',
    timeoutMs: 0,
    policies: [],
    ...change,
  }
}

export function serviceSpec(change: Partial<ServiceSpec> = {}): ServiceSpec {
  return {
    name: 'echo',
    source: 'backplane.yaml:3',
    balance: { algorithm: 'peak-ewma', slowStartMs: 0, cookie: 'backplane_instance' },
    timeoutMs: 5_000,
    connectTimeoutMs: 1_000,
    attemptTimeoutMs: 2_000,
    retry: { attempts: 2, budgetRatio: 0.2, reservePerSecond: 10 },
    ejection: { failures: 5, baseMs: 500, maxMs: 5_000, shareMax: 0.5 },
    connectionsPerInstanceMax: 1_024,
    pendingMax: 1_024,
    ...change,
  }
}

export function instanceSpec(port: number, change: Partial<InstanceSpec> = {}): InstanceSpec {
  return { service: 'echo', id: `echo-${port}`, host: '127.0.0.1', port, weight: 1, ...change }
}

export function gatewaySpec(change: Partial<GatewaySpec> = {}): GatewaySpec {
  return {
    listeners: [
      { kind: 'gateway', id: 'gateway', host: '127.0.0.1', port: 0, proxyProtocol: false },
    ],
    routes: [routeSpec()],
    limits: testLimits,
    trustedProxies: [],
    hosts: ['*'],
    traceSampleRate: 1,
    https: { hsts: '', redirectPort: -1 },
    ...change,
  }
}
