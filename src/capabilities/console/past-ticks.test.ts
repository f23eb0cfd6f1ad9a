import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SeriesAnswer, SeriesPoint, SeriesRow } from '../../contracts/telemetry.ts'
import { systemClock } from '../../platform/clock.ts'
import { readPastTicks, ticksOf } from './past-ticks.ts'

const point = (
  second: number,
  requests: number,
  change: Partial<SeriesPoint> = {},
): SeriesPoint => ({
  atMs: second * 1_000,
  requests,
  errors: 0,
  failures: 0,
  requestBytes: 0,
  responseBytes: 0,
  inFlight: 0,
  latencySumMs: 0,
  latency: [8, requests],
  p50Ms: null,
  p95Ms: null,
  p99Ms: null,
  ...change,
})
const answer = (...series: readonly Partial<SeriesRow>[]): SeriesAnswer => ({
  fromMs: 0,
  toMs: 0,
  stepMs: 1_000,
  left: 0,
  series: series.map((row) => ({
    caller: '',
    route: '',
    service: 'orders',
    id: '',
    points: [],
    ...row,
  })),
})

test('points become the ticks that were told at that time', () => {
  const edges = answer(
    { points: [point(10, 20), point(11, 40, { errors: 10, failures: 3 }), point(13, 40)] },
    { caller: 'users', points: [point(13, 8, { latency: [20, 8] })] },
  )
  const instances = answer({ id: 'orders-1', points: [point(11, 10, { inFlight: 3 })] })
  const ticks = ticksOf(edges, instances)
  assert.deepEqual(
    ticks.map(({ atMs }) => atMs / 1_000),
    [10, 11, 12, 13],
  )
  const [, second, third, last] = ticks
  assert.deepEqual(
    second!.edges.map((row) => [
      row.caller,
      row.requestsPerSecond,
      row.errorRatio,
      row.retriesPerSecond,
    ]),
    [['', 30, 10 / 60, 1.5]],
  )
  assert.deepEqual([third!.edges[0]!.requestsPerSecond, third!.instances[0]!.inFlight], [20, 3])
  assert.deepEqual(
    last!.services.map((row) => [row.service, row.requestsPerSecond]),
    [['orders', 27]],
  )
})

test('nothing is known while telemetry is away, or has nothing', async () => {
  assert.deepEqual(ticksOf(answer(), answer()), [])
  assert.deepEqual(await readPastTicks('/nonexistent/telemetry.sock', systemClock), [])
})
