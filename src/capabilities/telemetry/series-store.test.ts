import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CALLER_SHARED } from '../../contracts/callers.ts'
import { LATENCY_BOUNDS_MS, TOTALS_OTHER } from '../../contracts/snapshot.ts'
import type { EdgeTotals, InstanceTotals } from '../../contracts/snapshot.ts'
import type { ChangesMessage, SeriesAnswer } from '../../contracts/telemetry.ts'
import { VarintReader } from '../../mechanisms/varint/varint.ts'
import { COUNTS_BYTES_MAX, createCounts, readCounts, writeCounts } from './counts.ts'
import { FrameRing } from './frames.ts'
import { querySeries, type SeriesQuery } from './series-query.ts'
import {
  SECONDS_BYTES_MAX,
  SECONDS_KEEP_MS,
  SeriesStore,
  TENS_BYTES_MAX,
  TENS_KEEP_MS,
} from './series-store.ts'

const none = [...LATENCY_BOUNDS_MS, 0].map(() => 0)
const bucketUpTo = (ms: number) => LATENCY_BOUNDS_MS.findIndex((bound) => bound >= ms)

/** What happened on an edge in a second: so many answers, all of the same latency. */
const edge = (
  caller: string,
  service: string,
  ok: number,
  ms = 10,
  more: Partial<EdgeTotals> = {},
): EdgeTotals => ({
  caller,
  route: caller === '' ? 'r' : '',
  service,
  statuses: [0, 0, ok, 0, 0, 0],
  reasons: {},
  retries: 0,
  requestBytes: 0,
  responseBytes: 0,
  latencyCounts: none.with(bucketUpTo(ms), ok),
  latencySumMs: ok * ms,
  inFlight: 0,
  ...more,
})
const instance = (id: string, ok: number, ms = 10): InstanceTotals => ({
  service: 'orders',
  id,
  statuses: [0, 0, ok, 0, 0, 0],
  failures: 1,
  inFlight: 2,
  connections: 1,
  latencyCounts: none.with(bucketUpTo(ms), ok),
  latencySumMs: ok * ms,
  ejectedUntilMs: 0,
})

const changes = (
  second: number,
  edges: readonly EdgeTotals[],
  instances: readonly InstanceTotals[] = [],
): ChangesMessage => ({ type: 'changes', atMs: second * 1_000, edges, instances })

const ask = (store: SeriesStore, query: Partial<SeriesQuery>): SeriesAnswer =>
  querySeries(store, {
    by: 'edge',
    fromMs: 0,
    toMs: 1e12,
    stepMs: 1_000,
    service: '',
    ...query,
  })

const pointsOf = (answer: SeriesAnswer, at = 0) =>
  answer.series[at]!.points.map(({ atMs, requests }) => [atMs / 1_000, requests])

test('percentiles of a service come from the histograms of all its callers, and are never means', () => {
  const store = new SeriesStore()
  store.add(changes(1, [edge('', 'orders', 50, 1_000), edge('users', 'orders', 50, 1)]))
  const [row] = ask(store, { by: 'service' }).series
  const [point] = row!.points
  assert.equal(point!.requests, 100)
  assert.ok(point!.p95Ms! > 750 && point!.p95Ms! <= 1_000, String(point!.p95Ms))
  assert.ok(point!.p50Ms! <= 1)
  const slow = ask(store, { by: 'edge' }).series.find(({ caller }) => caller === '')
  assert.ok(slow!.points[0]!.p50Ms! > 750)
})

test('calls through a listener that services share are not those of clients', () => {
  const store = new SeriesStore()
  store.add(changes(1, [edge('', 'orders', 5), edge('', 'orders', 3, 10, { route: '' })]))
  for (const by of ['edge', 'route'] as const) {
    assert.deepEqual(
      ask(store, { by }).series.map(({ caller, points }) => [caller, points[0]!.requests]),
      [
        ['', 5],
        [CALLER_SHARED, 3],
      ],
    )
  }
  assert.equal(ask(store, { by: 'service' }).series[0]!.points[0]!.requests, 8)
})

test('seconds for ten minutes, ten seconds for an hour, and nothing twice', () => {
  const store = new SeriesStore()
  const start = 1_000
  const hour = TENS_KEEP_MS / 1_000
  for (let second = start; second < start + hour + 600; second++) {
    store.add(changes(second, [edge('', 'orders', 1)]))
  }
  const end = start + hour + 600
  const all = pointsOf(ask(store, { stepMs: 10_000 }))
  assert.ok(all.length >= hour / 10 && all.length <= hour / 10 + 2, String(all.length))
  assert.ok(all.every(([, requests]) => requests === 10))
  const fine = pointsOf(ask(store, { fromMs: (end - 500) * 1_000 }))
  assert.deepEqual(
    fine,
    Array.from({ length: 500 }, (_, at) => [end - 500 + at, 1]),
  )
  const mixed = pointsOf(ask(store, { fromMs: (end - 900) * 1_000 }))
  assert.equal(
    mixed.reduce((sum, [, requests]) => sum + requests!, 0),
    900,
  )
  assert.deepEqual(mixed[0], [end - 900, 10], 'older than ten minutes: ten seconds at once')
})

test('sums are the same, whatever the step and however seconds were cut into messages', () => {
  const row = fc.record({
    route: fc.constantFrom('a', 'b'),
    caller: fc.constantFrom('', 'users'),
    ok: fc.integer({ min: 1, max: 9 }),
  })
  const seconds = fc.array(fc.array(row, { maxLength: 4 }), { minLength: 1, maxLength: 60 })
  fc.assert(
    fc.property(seconds, fc.constantFrom(1_000, 5_000, 10_000, 60_000), (all, stepMs) => {
      const store = new SeriesStore()
      let total = 0
      for (const [second, rows] of all.entries()) {
        for (const { route, caller, ok } of rows) {
          total += ok
          store.add({
            ...changes(100 + second, [edge(caller, 'orders', ok, 10, { route })]),
            more: true,
          })
        }
        store.add(changes(100 + second, []))
      }
      for (const by of ['edge', 'route', 'service'] as const) {
        const { series } = ask(store, { by, stepMs })
        const points = series.flatMap((one) => one.points)
        assert.equal(
          points.reduce((sum, { requests }) => sum + requests, 0),
          total,
        )
        assert.ok(points.every(({ atMs }) => atMs % stepMs === 0))
      }
    }),
    { numRuns: 50 },
  )
})

test('series are bounded; what is beyond counts on one that says so', () => {
  const store = new SeriesStore(3)
  store.add(
    changes(
      1,
      ['a', 'b', 'c', 'd', 'e'].map((service) => edge('', service, 1)),
      [instance('x', 5)],
    ),
  )
  const { series } = ask(store, {})
  assert.deepEqual(
    series.map(({ service, points }) => [service, points[0]!.requests]),
    [
      [TOTALS_OTHER, 2],
      ['a', 1],
      ['b', 1],
      ['c', 1],
    ],
  )
  assert.deepEqual(
    ask(store, { by: 'instance' }).series.map(({ id }) => id),
    [TOTALS_OTHER],
  )
})

test('memory is bounded in bytes, and series that were silent for an hour are forgotten', () => {
  const store = new SeriesStore()
  const rows = Array.from({ length: 3_000 }, (_, at) => edge('caller', `service-${at}`, 1 + at))
  for (let second = 1; second <= 300; second++) store.add(changes(second, rows))
  assert.ok(store.bytes <= SECONDS_BYTES_MAX + TENS_BYTES_MAX)
  assert.ok(store.bytes > SECONDS_BYTES_MAX / 2)
  assert.equal(store.seriesCount, 3_000)
  store.add(changes(300 + TENS_KEEP_MS / 1_000 + 20, [edge('', 'orders', 1)]))
  assert.equal(store.seriesCount, 1)
})

test('an answer is bounded: the busiest series are told, and how many are not', () => {
  const store = new SeriesStore()
  const rows = Array.from({ length: 700 }, (_, at) => edge('', `service-${at}`, 1 + at))
  store.add(changes(1, rows))
  const answer = ask(store, {})
  assert.deepEqual([answer.series.length, answer.left], [500, 200])
  assert.equal(answer.series[0]!.service, 'service-699')
  assert.equal(ask(store, { service: 'service-3' }).series.length, 1)
})

test('instances: failures, and what is in flight is the newest', () => {
  const store = new SeriesStore()
  store.add(changes(11, [], [instance('orders-1', 5)]))
  store.add(changes(12, [], [{ ...instance('orders-1', 5), inFlight: 7 }]))
  const [row] = ask(store, { by: 'instance', stepMs: 10_000 }).series
  assert.deepEqual(
    row!.points.map(({ requests, failures, inFlight }) => [requests, failures, inFlight]),
    [[10, 2, 7]],
  )
})

test('a row of a frame is read as it was written', () => {
  const count = fc.nat(1_000_000)
  const counts = fc.record({
    statuses: fc.array(count, { minLength: 6, maxLength: 6 }),
    failures: count,
    requestBytes: fc.maxSafeNat(),
    responseBytes: fc.maxSafeNat(),
    latencySumMs: count,
    latencyCounts: fc.array(fc.oneof(fc.constant(0), fc.maxSafeNat()), {
      minLength: none.length,
      maxLength: none.length,
    }),
    inFlight: count,
  })
  fc.assert(
    fc.property(counts, (one) => {
      const into = Buffer.alloc(COUNTS_BYTES_MAX)
      const end = writeCounts(into, 0, one)
      const read = createCounts()
      readCounts(new VarintReader(into.subarray(0, end), 0, 'a row'), read)
      assert.deepEqual({ ...read }, { ...one })
    }),
  )
})

test('frames go by age, and by bytes, the oldest first', () => {
  const ring = new FrameRing({ keepMs: SECONDS_KEEP_MS, bytesMax: 2_000 })
  const counts = createCounts()
  counts.statuses[2] = 1
  for (let second = 1; second <= 20; second++) ring.push(second * 1_000, new Map([[1, counts]]))
  assert.ok(ring.bytes <= 2_000 && ring.oldestMs > 10_000 && ring.hasDropped)
  ring.push(20_000 + SECONDS_KEEP_MS + 1, new Map())
  assert.equal(ring.oldestMs, Infinity)
})
