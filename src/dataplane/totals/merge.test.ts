import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createInstance } from '../upstream/instance.ts'
import { createCountMemory, openKeyedCounts } from '../shared/counts.ts'
import { createPermits } from '../upstream/permits.ts'
import { instanceSpec } from '../testing/specs.ts'
import { countLatency } from './counters.ts'
import { TotalsMerge } from './merge.ts'
import { createTotalsCollector, OTHER, type TotalsCollector } from './worker-totals.ts'

const values = { connections: 1, accessLogDropped: 2, wallMs: 1_000_000, monotonicMs: 1_000 }

function answer(store: TotalsCollector, route: string, status: number, ms: number): void {
  const edge = store.edge('', route, 'echo')
  edge.statuses[status / 100]!++
  countLatency(edge, ms)
  edge.reasons.set('ERR_X', (edge.reasons.get('ERR_X') ?? 0) + 1)
  store.touchEdge(edge)
  store.countRequest()
}

test('what workers count adds up, and only rows that changed are told', () => {
  const stores = [createTotalsCollector(), createTotalsCollector()]
  const merge = new TotalsMerge(2)
  answer(stores[0]!, 'a', 200, 4)
  answer(stores[0]!, 'b', 500, 4)
  answer(stores[1]!, 'a', 200, 90_000)
  stores.forEach((store, worker) => merge.add(worker, store.take(values)))
  const first = merge.take(1)
  assert.deepEqual(
    first.edges.map(({ route }) => route),
    ['a', 'b'],
  )
  const [a] = first.edges
  assert.deepEqual(a!.statuses, [0, 0, 2, 0, 0, 0])
  assert.deepEqual([a!.latencyCounts[5], a!.latencyCounts.at(-1), a!.latencySumMs], [1, 1, 90_004])
  assert.deepEqual(a!.reasons, { ERR_X: 2 })
  assert.deepEqual(first.process, {
    connections: [1, 1],
    requests: [2, 1],
    limited: {},
    accessLogDropped: 4,
  })
  answer(stores[1]!, 'b', 200, 1)
  merge.add(1, stores[1]!.take(values))
  const second = merge.take(2)
  assert.deepEqual(
    second.edges.map(({ route, statuses }) => [route, statuses[2], statuses[5]]),
    [['b', 1, 1]],
  )
})

const noWaiters = { isScheduled: false, runTurn: () => {}, waiting: { size: 0 } }

test('gauges of a dead worker are zero, its counts stay and go on with its successor', () => {
  const merge = new TotalsMerge(2)
  const store = createTotalsCollector()
  const edge = store.edge('', 'a', 'echo')
  edge.inFlight = 3
  answer(store, 'a', 200, 1)
  const instance = createInstance(
    noWaiters,
    instanceSpec(80),
    0,
    createPermits(openKeyedCounts(createCountMemory(1), 0), -1, 1),
  )
  instance.ejectedUntilMs = 2_000
  instance.connectionCount = 4
  store.touchInstance(instance)
  merge.add(0, store.take(values))
  assert.equal(merge.take(1).instances[0]!.ejectedUntilMs, 1_001_000)
  merge.forgetWorker(0)
  const after = merge.take(2)
  assert.deepEqual([after.edges[0]!.inFlight, after.edges[0]!.statuses[2]], [0, 1])
  assert.deepEqual([after.instances[0]!.connections, after.instances[0]!.ejectedUntilMs], [0, 0])
  const successor = createTotalsCollector()
  answer(successor, 'a', 200, 1)
  merge.add(0, successor.take(values))
  const last = merge.take(3)
  assert.deepEqual([last.edges[0]!.statuses[2], last.process.requests[0]], [2, 2])
})

test('beyond the limit all new edges count on one row', () => {
  const store = createTotalsCollector(2)
  for (const route of ['a', 'b', 'c', 'd', 'a']) answer(store, route, 200, 1)
  const rows = store.take(values).edges.map(({ route, statuses }) => [route, statuses[2]])
  assert.deepEqual(rows, [
    ['a', 2],
    ['b', 1],
    [OTHER, 2],
  ])
})
