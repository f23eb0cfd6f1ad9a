import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  LATENCY_BOUNDS_MS,
  type EdgeTotals,
  type InstanceTotals,
} from '../../contracts/snapshot.ts'
import { createTickStore, TICK_ROWS_MAX, TICKS_MAX, WINDOW_SAMPLES } from './ticks.ts'

const none = [...LATENCY_BOUNDS_MS, 0].map(() => 0)

/** Totals of an edge with so many answers, all in the bucket up to 10 ms. */
const edge = (ok: number, failed = 0, more: Partial<EdgeTotals> = {}): EdgeTotals => ({
  caller: '',
  route: 'r',
  service: 'orders',
  statuses: [0, 0, ok, 0, 0, failed],
  reasons: {},
  retries: 0,
  requestBytes: 0,
  responseBytes: 0,
  latencyCounts: none.map((_, at) => (LATENCY_BOUNDS_MS[at] === 10 ? ok + failed : 0)),
  latencySumMs: 0,
  inFlight: 0,
  ...more,
})
const instance = (id: string, ok: number): InstanceTotals => ({
  service: 'orders',
  id,
  statuses: [0, 0, ok, 0, 0, 0],
  failures: 0,
  inFlight: 3,
  connections: 1,
  latencyCounts: none,
  latencySumMs: 0,
  ejectedUntilMs: 0,
})

function take(
  store: ReturnType<typeof createTickStore>,
  second: number,
  edges: EdgeTotals[],
  instances: InstanceTotals[] = [],
  cpuSeconds = 0,
) {
  return store.take({
    atMs: second * 1000,
    edges,
    instances,
    useOf: () => ({ cpuSeconds, residentBytes: 42 }),
  })
}

test('rates, errors and latencies are over the last ten seconds', () => {
  const store = createTickStore()
  assert.deepEqual(take(store, 0, [edge(1000)]).edges, [], 'one sample is no rate')
  const [row] = take(store, 1, [edge(1090, 10, { retries: 5 })]).edges
  assert.equal(row?.requestsPerSecond, 100)
  assert.equal(row.errorRatio, 0.1)
  assert.equal(row.retriesPerSecond, 5)
  assert.ok(row.p50Ms > 7.5 && row.p50Ms <= 10, String(row.p50Ms))
  assert.ok(row.p99Ms >= row.p95Ms && row.p95Ms >= row.p50Ms)
  for (let second = 2; second <= WINDOW_SAMPLES; second++) take(store, second, [edge(1090, 10)])
  assert.equal(store.ticks().at(-1)?.edges.length, 1, 'ten seconds ago it had traffic')
  assert.deepEqual(take(store, WINDOW_SAMPLES + 1, [edge(1090, 10)]).edges, [])
})

test('routes of the same caller and service are one edge', () => {
  const store = createTickStore()
  const other = { route: 'other' }
  take(store, 0, [edge(1), edge(1, 0, other)])
  assert.deepEqual(
    take(store, 1, [edge(11), edge(31, 0, other)]).edges.map((row) => row.requestsPerSecond),
    [40],
  )
})

test('a data plane that starts again begins a new window; nothing is ever negative', () => {
  const store = createTickStore()
  take(store, 0, [edge(1000, 50)])
  take(store, 1, [edge(2000, 60)])
  assert.deepEqual(take(store, 2, [edge(10)]).edges, [])
  assert.equal(take(store, 3, [edge(30)]).edges[0]?.requestsPerSecond, 20)
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(99), fc.nat(99)), { maxLength: 30 }), (samples) => {
      const any = createTickStore()
      for (const [at, [ok, failed]] of samples.entries()) {
        for (const row of take(any, at, [edge(ok, failed)]).edges) {
          assert.ok(row.requestsPerSecond > 0 && row.errorRatio >= 0 && row.errorRatio <= 1)
          assert.ok(row.p50Ms >= 0 && row.p50Ms <= 10)
        }
      }
    }),
  )
})

test('instances: rate, processor share, memory; a process that starts again has no negative share', () => {
  const store = createTickStore()
  take(store, 0, [], [instance('orders-1', 0)], 10)
  const [row] = take(store, 2, [], [instance('orders-1', 50)], 11).instances
  assert.equal(row?.requestsPerSecond, 25)
  assert.equal(row.cpuRatio, 0.5)
  assert.equal(row.residentBytes, 42)
  assert.equal(row.inFlight, 3)
  assert.equal(take(store, 3, [], [instance('orders-1', 50)], 0.1).instances[0]?.cpuRatio, 0)
})

test('ticks and rows are bounded; the busiest are kept', () => {
  const store = createTickStore()
  const many = (n: number) =>
    Array.from({ length: TICK_ROWS_MAX + 50 }, (_, at) => instance(`orders-${at}`, n * at))
  take(store, 0, [], many(1))
  const { instances } = take(store, 1, [], many(2))
  assert.equal(instances.length, TICK_ROWS_MAX)
  assert.ok(instances.every((row) => row.requestsPerSecond >= 50))
  for (let second = 2; second < TICKS_MAX + 20; second++) take(store, second, [])
  assert.equal(store.ticks().length, TICKS_MAX)
  assert.equal(store.ticks()[0]?.atMs, 20_000)
})

/** Totals of an edge whose answers all took about so long. */
const edgeAt = (caller: string, count: number, ms: number): EdgeTotals =>
  edge(count, 0, {
    caller,
    latencyCounts: none.with(
      LATENCY_BOUNDS_MS.findIndex((bound) => bound >= ms),
      count,
    ),
  })

test('percentiles of a service are those of all its requests, not means of its callers', () => {
  const store = createTickStore()
  take(store, 0, [edgeAt('', 0, 1_000), edgeAt('users', 0, 1)])
  const tick = take(store, 1, [edgeAt('', 60, 1_000), edgeAt('users', 40, 1)])
  const [service, ...others] = tick.services
  assert.deepEqual(
    [service!.service, service!.requestsPerSecond, others.length],
    ['orders', 100, 0],
  )
  assert.ok(service!.p50Ms > 750 && service!.p95Ms > 900, JSON.stringify(service))
  assert.equal(tick.edges.length, 2)
})

test('two services may have instances of the same id', () => {
  const store = createTickStore()
  const users = { ...instance('1', 0), service: 'users' }
  const sample = (atMs: number, cpu: number) =>
    store.take({
      atMs,
      edges: [],
      instances: [instance('1', 0), users],
      useOf: (service) => ({
        cpuSeconds: service === 'users' ? cpu : 0,
        residentBytes: service === 'users' ? 7 : 3,
      }),
    })
  sample(0, 0)
  assert.deepEqual(
    sample(1_000, 0.5).instances.map((row) => [row.service, row.cpuRatio, row.residentBytes]),
    [
      ['orders', 0, 3],
      ['users', 0.5, 7],
    ],
  )
})

test('ticks from before go in front, none twice, and never more than ten minutes', () => {
  const store = createTickStore()
  const past = Array.from({ length: TICKS_MAX }, (_, at) => ({
    atMs: at * 1_000,
    edges: [],
    services: [],
    instances: [],
  }))
  store.take({ atMs: 589_200, edges: [], instances: [], useOf: () => undefined })
  assert.deepEqual(store.ticks(), [], 'one sample knows no rate and is no point of a chart')
  store.take({ atMs: 590_200, edges: [], instances: [], useOf: () => undefined })
  store.prepend(past)
  assert.equal(store.ticks()[0]?.atMs, 0)
  assert.deepEqual(
    store
      .ticks()
      .slice(-2)
      .map(({ atMs }) => atMs),
    [589_000, 590_200],
  )
  for (let second = 600; second < 700; second++) take(store, second, [])
  store.prepend(past)
  assert.equal(store.ticks().length, TICKS_MAX)
})
