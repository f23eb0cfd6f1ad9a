import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EdgeTick, Picture, ServiceView, Tick } from '../../../src/contracts/feed.ts'
import type { SystemState } from './state.ts'
import { reduceFeed, TICKS_MAX } from './state.ts'
import { edgesToDraw, totalsOf, trafficOf } from './views.ts'

const edge = (
  caller: string,
  service: string,
  rate: number,
  change: Partial<EdgeTick> = {},
): EdgeTick => ({
  caller,
  service,
  requestsPerSecond: rate,
  errorRatio: 0,
  p50Ms: 1,
  p95Ms: 10,
  p99Ms: 20,
  retriesPerSecond: 0,
  ...change,
})
const tick = (atMs: number, ...edges: EdgeTick[]): Tick => ({
  atMs,
  edges,
  services: [],
  instances: [],
})
const service = (name: string, calls: readonly string[] = []): ServiceView => ({
  name,
  kind: 'run',
  state: 'healthy',
  reason: '',
  source: '',
  command: '',
  after: [],
  calls,
  algorithm: '',
  instances: [],
  instanceCount: 0,
  routableCount: 0,
  wanted: 1,
  wantedByFile: 1,
  scaleMax: 1,
  overrides: [],
})
const picture = (change: Partial<Picture> = {}): Picture => ({
  name: 'shop',
  version: '1',
  startedAtMs: 0,
  listeners: [],
  services: [service('orders'), service('users'), service('web')],
  problems: [],
  ticks: [],
  ...change,
})

function after(...messages: Parameters<typeof reduceFeed>[1][]): SystemState {
  const state = messages.reduce<SystemState | null>(reduceFeed, null)
  assert.ok(state)
  return state
}

test('nothing is known before the first picture', () => {
  assert.equal(reduceFeed(null, { type: 'tick', tick: tick(1) }), null)
})

test('services are replaced whole and by name, and go', () => {
  const state = after(
    { type: 'picture', picture: picture() },
    {
      type: 'services',
      changed: [{ ...service('orders'), state: 'down' }, service('api')],
      gone: ['web'],
    },
  )
  assert.deepEqual([...state.services.keys()], ['api', 'orders', 'users'])
  assert.equal(state.services.get('orders')?.state, 'down')
})

test('errors come before warnings, then the oldest first', () => {
  const problem = (id: string, severity: 'error' | 'warning', sinceMs: number) => ({
    id,
    severity,
    sinceMs,
    service: '',
    instance: '',
    code: '',
    text: '',
  })
  const state = after(
    { type: 'picture', picture: picture() },
    {
      type: 'problems',
      problems: [problem('a', 'warning', 1), problem('b', 'error', 9), problem('c', 'error', 3)],
    },
  )
  assert.deepEqual(
    state.problems.map((one) => one.id),
    ['c', 'b', 'a'],
  )
})

test('ticks are bounded, and one that is not newer is left out', () => {
  const ticks = Array.from({ length: TICKS_MAX }, (_, index) => tick(index * 1000))
  const state = after(
    { type: 'picture', picture: picture({ ticks }) },
    { type: 'tick', tick: tick(TICKS_MAX * 1000) },
    { type: 'tick', tick: tick(5) },
  )
  assert.equal(state.ticks.length, TICKS_MAX)
  assert.equal(state.ticks[0]?.atMs, 1000)
  assert.equal(state.ticks.at(-1)?.atMs, TICKS_MAX * 1000)
})

test('edge keys stay the same object while only numbers change', () => {
  const first = after({
    type: 'picture',
    picture: picture({ ticks: [tick(1000, edge('', 'web', 5))] }),
  })
  const second = reduceFeed(first, { type: 'tick', tick: tick(2000, edge('', 'web', 9)) })
  assert.equal(second?.edgeKeys, first.edgeKeys)
  const third = reduceFeed(first, { type: 'tick', tick: tick(2000, edge('web', 'users', 1)) })
  assert.deepEqual([...(third?.edgeKeys ?? [])], ['>web', 'web>users'])
})

test('totals count clients once and weigh errors by rate', () => {
  const totals = totalsOf(
    after({
      type: 'picture',
      picture: picture({
        ticks: [
          tick(
            1000,
            edge('', 'web', 30, { errorRatio: 0.1 }),
            edge('', 'orders', 10, { p95Ms: 80 }),
            edge('web', 'users', 99),
          ),
        ],
      }),
    }),
  )
  assert.equal(totals.requestsPerSecond, 40)
  assert.ok(Math.abs(totals.errorRatio - 0.075) < 1e-9)
  assert.equal(totals.slowest, 'orders')
})

test('declared calls are drawn, but not the default of calling everyone, nor an edge of a service that is gone', () => {
  const services = new Map(
    [service('a', ['b']), service('b', ['a', 'c']), service('c')].map((one) => [one.name, one]),
  )
  assert.deepEqual(edgesToDraw(services, new Set(['>a', 'gone>a'])), ['>a', 'a>b'])
})

test("a service's percentiles are the server's, not made from those of its callers", () => {
  const edges = [edge('', 'orders', 50, { p95Ms: 925 }), edge('web', 'orders', 50, { p95Ms: 50 })]
  const { caller: _, ...row } = edge('', 'orders', 100, { errorRatio: 0.1, p95Ms: 900 })
  const state = after({
    type: 'picture',
    picture: picture({ ticks: [{ ...tick(1000, ...edges), services: [row] }] }),
  })
  const traffic = trafficOf(state, 'orders')
  assert.deepEqual(
    [traffic.requestsPerSecond, traffic.errorsPerSecond, traffic.p95Ms],
    [100, 10, 900],
  )
})
