import { CALLER_SHARED } from '../../src/contracts/callers.ts'
import type {
  EdgeTick,
  InstanceView,
  Picture,
  ProblemView,
  ServiceView,
  Tick,
} from '../../src/contracts/feed.ts'
import type { RequestRecord } from '../../src/contracts/snapshot.ts'

/** Unix milliseconds of the last tick of every scripted picture. */
export const SCENE_AT_MS = Date.UTC(2026, 10, 22, 12, 3, 4)

/** A service in good health; `change` replaces what a test needs. */
export function serviceView(name: string, change: Partial<ServiceView> = {}): ServiceView {
  const instances = change.instances ?? [instanceView(name, 1), instanceView(name, 2)]
  return {
    name,
    kind: 'run',
    state: 'healthy',
    reason: '',
    source: 'backplane.yaml:7',
    command: `node services/${name}.ts`,
    after: [],
    calls: [],
    algorithm: 'peak-ewma',
    instances,
    instanceCount: instances.length,
    routableCount: instances.filter((one) => one.isRoutable).length,
    wanted: 2,
    wantedByFile: 2,
    scaleMax: 8,
    overrides: [],
    ...change,
  }
}

/** Instance number `slot` of a service, in rotation. */
export function instanceView(
  service: string,
  slot: number,
  change: Partial<InstanceView> = {},
): InstanceView {
  return {
    id: `${service}-${slot}`,
    address: `127.0.0.1:${41_000 + slot}`,
    source: 'run',
    isRoutable: true,
    health: 'passing',
    checks: [
      {
        name: 'http /health',
        status: 'passing',
        output: '200 OK\n{"status":"up"}',
        atMs: SCENE_AT_MS - 900,
        durationMs: 2.4,
      },
    ],
    process: {
      state: 'running',
      pid: 4200 + slot,
      startedAtMs: SCENE_AT_MS - 754_000,
      restarts: 0,
      exit: '',
      lastLines: [],
    },
    ejectedUntilMs: 0,
    ...change,
  }
}

/** One edge with traffic. */
export function edgeTick(
  caller: string,
  service: string,
  requestsPerSecond: number,
  change: Partial<EdgeTick> = {},
): EdgeTick {
  const latencyMs = 3 + service.length * 2
  return {
    caller,
    service,
    requestsPerSecond,
    errorRatio: 0,
    p50Ms: latencyMs,
    p95Ms: latencyMs * 3,
    p99Ms: latencyMs * 7,
    retriesPerSecond: 0,
    ...change,
  }
}

const SHOP_EDGES: readonly (readonly [string, string, number])[] = [
  ['', 'web', 42],
  ['', 'orders', 11],
  ['web', 'catalog', 38],
  ['web', 'users', 20],
  ['web', 'recommendations', 12],
  ['orders', 'payments', 9],
  ['orders', 'users', 11],
  ['recommendations', 'catalog', 12],
]

/** One second of the shop's traffic; `shape` moves the rates a little, so that curves are curves. */
export function shopTick(
  atMs: number,
  change: Readonly<Record<string, Partial<EdgeTick>>> = {},
): Tick {
  const shape = 1 + 0.25 * Math.sin(atMs / 40_000) + 0.05 * Math.sin(atMs / 3_100)
  const edges = SHOP_EDGES.map(([caller, service, rate]) =>
    edgeTick(caller, service, rate * shape, change[`${caller}>${service}`]),
  )
  const instances = shopNames.flatMap((name) => instanceTicks(name, edges))
  return {
    atMs,
    edges,
    services: shopNames.flatMap((name) => serviceTicks(name, edges)),
    instances,
  }
}

const shopNames = ['web', 'catalog', 'orders', 'payments', 'users', 'recommendations']

/** What flows into one service; its callers' percentiles are the same in this scene. */
function serviceTicks(service: string, edges: readonly EdgeTick[]): Tick['services'] {
  const into = edges.filter((edge) => edge.service === service)
  const [first] = into
  if (first === undefined) return []
  const sum = (of: (edge: EdgeTick) => number) => into.reduce((all, edge) => all + of(edge), 0)
  const requestsPerSecond = sum((edge) => edge.requestsPerSecond)
  const errors = sum((edge) => edge.requestsPerSecond * edge.errorRatio)
  const { caller: _, ...row } = first
  return [{ ...row, requestsPerSecond, errorRatio: errors / requestsPerSecond }]
}

function instanceTicks(service: string, edges: readonly EdgeTick[]): Tick['instances'] {
  const rate = edges
    .filter((edge) => edge.service === service)
    .reduce((sum, edge) => sum + edge.requestsPerSecond, 0)
  return [1, 2].map((slot) => ({
    service,
    id: `${service}-${slot}`,
    requestsPerSecond: rate / 2,
    errorRatio: 0,
    p95Ms: 12 + slot,
    inFlight: slot,
    cpuRatio: 0.04 * slot,
    residentBytes: 71_000_000 + slot * 4_000_000,
  }))
}

/** The six services of the shop, all well. */
export function shopPicture(change: Partial<Picture> = {}): Picture {
  return {
    name: 'shop',
    version: '0.1.0',
    startedAtMs: SCENE_AT_MS - 755_000,
    listeners: [
      listener('gateway', 'gateway', 8080, 'backplane.yaml:3'),
      listener('console', 'console', 4000, 'default'),
      {
        ...listener('consul', 'tcp', 8500, 'backplane.yaml:4'),
        error: 'port 8500 is taken by another program',
        service: 'catalog',
      },
      { ...listener('web>users', 'outbound', 41_233, 'default'), caller: 'web', service: 'users' },
    ],
    services: shopNames.map((name) => serviceView(name)),
    problems: [],
    ticks: Array.from({ length: 300 }, (_, index) => shopTick(SCENE_AT_MS - (299 - index) * 1000)),
    ...change,
  }
}

function listener(
  id: string,
  kind: Picture['listeners'][number]['kind'],
  port: number,
  source: string,
): Picture['listeners'][number] {
  const address = `127.0.0.1:${port}`
  return { id, kind, address, url: `http://${address}`, error: '', caller: '', service: '', source }
}

/** The shop with a crash loop, an ejected instance, a failing edge and a run-time change. */
export function troubledPicture(): Picture {
  const crashed = instanceView('payments', 1, {
    isRoutable: false,
    health: 'critical',
    checks: [
      {
        name: 'tcp',
        status: 'critical',
        output: 'connect ECONNREFUSED 127.0.0.1:41001',
        atMs: SCENE_AT_MS - 400,
        durationMs: 0.3,
      },
    ],
    process: {
      state: 'crash-looping',
      pid: 0,
      startedAtMs: 0,
      restarts: 6,
      exit: 'exited with code 1',
      lastLines: ['Error: PAYMENTS_KEY is not set', '    at services/payments.ts:12:9'],
    },
  })
  const picture = shopPicture()
  return {
    ...picture,
    services: picture.services.map((service) => {
      if (service.name === 'payments') {
        return {
          ...service,
          state: 'degraded' as const,
          routableCount: 1,
          reason: 'payments-1 exits with code 1 again and again',
          instances: [
            crashed,
            instanceView('payments', 2, { ejectedUntilMs: SCENE_AT_MS + 9_000 }),
          ],
        }
      }
      if (service.name !== 'users') return service
      return {
        ...service,
        wanted: 3,
        overrides: [{ setting: 'instances' as const, value: '3', file: '2' }],
      }
    }),
    problems: troubles,
    ticks: picture.ticks.map((tick) =>
      shopTick(tick.atMs, {
        'orders>payments': { errorRatio: 0.12, p95Ms: 1840 },
        'web>users': { errorRatio: 0.02 },
      }),
    ),
  }
}

/** In the wrong order on purpose: errors must come first. */
export const troubles: readonly ProblemView[] = [
  {
    id: 'ejected',
    severity: 'warning',
    service: 'payments',
    instance: 'payments-2',
    code: 'instance-ejected',
    text: 'is ejected after 5 failures in a row',
    sinceMs: SCENE_AT_MS - 400_000,
  },
  {
    id: 'crash',
    severity: 'error',
    service: 'payments',
    instance: 'payments-1',
    code: 'ERR_PROCESS_CRASH_LOOP',
    text: 'exits with code 1 again and again: PAYMENTS_KEY is not set',
    sinceMs: SCENE_AT_MS - 73_000,
  },
]

/** Forty services in five layers. */
export function largePicture(): Picture {
  const name = (index: number): string =>
    `${['edge', 'account', 'order', 'stock', 'ledger'][Math.floor(index / 8)]}-${index % 8}`
  const services = Array.from({ length: 40 }, (_, index) => serviceView(name(index)))
  const edges = services.flatMap((_, index) => {
    if (index < 8) return [edgeTick('', name(index), 5 + index * 9)]
    const callers = [index - 8, index - 8 + ((index * 5) % 8) - (index % 8)]
    return [...new Set(callers)].map((caller) =>
      edgeTick(
        name(caller),
        name(index),
        1 + ((index * 7) % 90),
        index === 19 ? { errorRatio: 0.08 } : {},
      ),
    )
  })
  const ticks = [0, 1, 2].map((age) => ({
    atMs: SCENE_AT_MS - (2 - age) * 1000,
    edges,
    services: services.flatMap(({ name }) => serviceTicks(name, edges)),
    instances: [],
  }))
  return shopPicture({ name: 'forty', services, ticks })
}

/** Services that share one listener a callee: `calls` is not said, and there are many. */
export function sharedPicture(): Picture {
  const services = ['front', 'orders', 'users', 'stock'].map((name, _, all) =>
    serviceView(name, { calls: all.filter((other) => other !== name) }),
  )
  const edges = [
    edgeTick('', 'front', 30),
    edgeTick(CALLER_SHARED, 'orders', 20),
    edgeTick(CALLER_SHARED, 'users', 50, { errorRatio: 0.03 }),
  ]
  const shared = ['front', 'orders', 'users', 'stock'].map((service, index) => ({
    ...listener(`outbound//${service}`, 'outbound', 21_000 + index, 'default'),
    service,
  }))
  return shopPicture({
    services,
    listeners: [listener('gateway', 'gateway', 8080, 'default'), ...shared],
    ticks: [0, 1].map((age) => ({
      atMs: SCENE_AT_MS - (1 - age) * 1000,
      edges,
      services: services.flatMap(({ name }) => serviceTicks(name, edges)),
      instances: [],
    })),
  })
}

/** A call that a service made for `retriedRequest`, with an id of its own. */
export const calledRequest = (): RequestRecord => ({
  ...retriedRequest,
  requestId: '01JD8Z6T3N',
  spanId: 'b7ad6b7169203331',
  parentSpanId: retriedRequest.spanId,
  startedAtMs: retriedRequest.startedAtMs + 12,
  listener: 'outbound//payments',
  route: '',
  routeSource: '',
  service: 'payments',
  status: 200,
  reason: '',
  detail: '',
  policies: [],
})

/** A request that was saved by its second attempt. */
export const retriedRequest: RequestRecord = {
  requestId: '01JD8Z6T3M',
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  parentSpanId: '53995c3f42cd8ad8',
  isSampled: true,
  startedAtMs: SCENE_AT_MS - 5_000,
  worker: 1,
  listener: 'gateway',
  caller: '',
  client: '127.0.0.1',
  protocol: 'http/1.1',
  tls: '',
  method: 'GET',
  host: 'shop.test',
  target: '/api/orders/17',
  route: 'orders-by-id',
  routeSource: 'backplane.yaml:31',
  service: 'orders',
  serviceSource: 'backplane.yaml:12',
  algorithm: 'peak-ewma',
  status: 502,
  reason: 'upstream-reset',
  detail: 'orders-2 closed the connection before the response head; no attempt was left of 2.',
  version: 48,
  queueMs: 1.25,
  durationMs: 34.2,
  requestBytes: 311,
  responseBytes: 204,
  hasDefect: false,
  policies: [
    { policy: 'cors', decision: 'the origin may read the answer', value: 0 },
    { policy: 'limit', decision: 'limit address: 17 of 20 left at 5/s', value: 0 },
  ],
  attempts: [
    {
      instance: 'orders-1',
      address: '127.0.0.1:41001',
      candidates: 2,
      excluded: 0,
      choice: 'ewma 3.1 ms x 3 beat orders-2 (8.0 ms x 2)',
      startedMs: 0.4,
      connectedMs: 2.1,
      answeredMs: 0,
      outcome: 'connect-refused',
      status: 0,
    },
    {
      instance: 'orders-2',
      address: '127.0.0.1:41002',
      candidates: 1,
      excluded: 1,
      choice: 'the only one left',
      startedMs: 6.2,
      connectedMs: 9.8,
      answeredMs: 33.9,
      outcome: 'reset',
      status: 0,
    },
  ],
}
