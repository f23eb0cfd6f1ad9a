import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TOTALS_OTHER, type TotalsMessage } from '../../contracts/snapshot.ts'
import { createInstance } from '../upstream/instance.ts'
import { recordAt } from '../shared/resilience-memory.ts'
import { createCountMemory, openKeyedCounts } from '../shared/counts.ts'
import { createPermits } from '../upstream/permits.ts'
import { instanceSpec } from '../testing/specs.ts'
import { countLatency } from './counters.ts'
import { MESSAGES_PER_SECOND_MAX, TotalsMerge } from './merge.ts'
import { createTotalsCollector, type TotalsCollector } from './worker-totals.ts'

const values = {
  connections: 1,
  accessLogDropped: 2,
  recordsDropped: 3,
  wallMs: 1_000_000,
  monotonicMs: 1_000,
}
const others = () => ({ accessLogLost: 5, recordsDropped: 7 })

/** What a reader is told in one message. */
function only(messages: readonly TotalsMessage[]): TotalsMessage {
  assert.equal(messages.length, 1)
  return messages[0]!
}

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
  const reader = merge.createReader(others)
  answer(stores[0]!, 'a', 200, 4)
  answer(stores[0]!, 'b', 500, 4)
  answer(stores[1]!, 'a', 200, 90_000)
  stores.forEach((store, worker) => merge.add(worker, store.take(values)))
  const first = only(reader.take(1))
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
    handshakes: {},
    accessLogDropped: 4,
    accessLogLost: 5,
    recordsDropped: 13,
  })
  answer(stores[1]!, 'b', 200, 1)
  merge.add(1, stores[1]!.take(values))
  const second = only(reader.take(2))
  assert.deepEqual(
    second.edges.map(({ route, statuses }) => [route, statuses[2], statuses[5]]),
    [['b', 1, 1]],
  )
})

const learnt = recordAt(new SharedArrayBuffer(0), -1)
const noWaiters = { isScheduled: false, runTurn: () => {}, waiting: { size: 0 } }

test('gauges of a dead worker are zero, its counts stay and go on with its successor', () => {
  const merge = new TotalsMerge(2)
  const reader = merge.createReader(others)
  const store = createTotalsCollector()
  const edge = store.edge('', 'a', 'echo')
  edge.inFlight = 3
  answer(store, 'a', 200, 1)
  const instance = createInstance(
    noWaiters,
    instanceSpec(80),
    0,
    createPermits(openKeyedCounts(createCountMemory(1), 0), -1, 1),
    learnt,
  )
  instance.ejectedUntilMs = 2_000
  instance.connectionCount = 4
  store.touchInstance(instance)
  merge.knowInstance('echo', instance.id)
  merge.add(0, store.take(values))
  assert.equal(only(reader.take(1)).instances[0]!.ejectedUntilMs, 1_001_000)
  merge.forgetWorker(0)
  const after = only(reader.take(2))
  assert.deepEqual([after.edges[0]!.inFlight, after.edges[0]!.statuses[2]], [0, 1])
  assert.deepEqual([after.instances[0]!.connections, after.instances[0]!.ejectedUntilMs], [0, 0])
  const successor = createTotalsCollector()
  answer(successor, 'a', 200, 1)
  merge.add(0, successor.take(values))
  const last = only(reader.take(3))
  assert.deepEqual([last.edges[0]!.statuses[2], last.process.requests[0]], [2, 2])
})

test('beyond the limit all new edges count on one row', () => {
  const store = createTotalsCollector(2)
  for (const route of ['a', 'b', 'c', 'd', 'a']) answer(store, route, 200, 1)
  const rows = store.take(values).edges.map(({ route, statuses }) => [route, statuses[2]])
  assert.deepEqual(rows, [
    ['a', 2],
    ['b', 1],
    [TOTALS_OTHER, 2],
  ])
})

const noLimits = { edges: 100, instances: 100, perMessage: 100 }

function instances(store: TotalsCollector, ids: readonly number[]): void {
  for (const port of ids) {
    const instance = createInstance(
      noWaiters,
      instanceSpec(port),
      0,
      createPermits(openKeyedCounts(createCountMemory(1), 0), -1, 1),
      learnt,
    )
    instance.counters.failures = 1
    instance.inFlight = 1
    store.touchInstance(instance)
  }
}

const idOf = (port: number): string =>
  createInstance(
    noWaiters,
    instanceSpec(port),
    0,
    createPermits(openKeyedCounts(createCountMemory(1), 0), -1, 1),
    learnt,
  ).id

test('a report that comes after its instance has gone does not bring the row back', () => {
  const merge = new TotalsMerge(1, { ...noLimits, instances: 2 })
  const reader = merge.createReader(others)
  const store = createTotalsCollector()
  for (let round = 1; round <= 5; round++) {
    merge.knowInstance('echo', idOf(round))
    instances(store, [round])
    merge.add(0, store.take(values))
    assert.deepEqual(
      only(reader.take(round)).instances.map(({ id }) => id),
      [idOf(round)],
    )
    merge.forgetInstance('echo', idOf(round))
    instances(store, [round])
    merge.add(0, store.take(values))
    assert.deepEqual(only(reader.take(round)).instances, [], 'late')
  }
})

test('beyond the limit all new instances count on one row, without gauges', () => {
  const merge = new TotalsMerge(1, { ...noLimits, instances: 2 })
  const reader = merge.createReader(others)
  const store = createTotalsCollector()
  const ports = [1, 2, 3, 4]
  for (const port of ports) merge.knowInstance('echo', idOf(port))
  instances(store, ports)
  merge.add(0, store.take(values))
  const rows = only(reader.take(1)).instances
  assert.deepEqual(
    rows.map((row) => [row.service, row.id, row.failures, row.inFlight]),
    [
      ['echo', idOf(1), 1, 1],
      ['echo', idOf(2), 1, 1],
      [TOTALS_OTHER, TOTALS_OTHER, 2, 0],
    ],
  )
})

test('who listens anew is told every row, changed or not; the other one only what changed', () => {
  const merge = new TotalsMerge(1)
  const control = merge.createReader(others)
  const other = merge.createReader(others)
  const store = createTotalsCollector()
  answer(store, 'a', 200, 1)
  merge.add(0, store.take(values))
  for (const reader of [control, other]) {
    const first = only(reader.take(1))
    assert.deepEqual([first.reset, first.edges.length], [true, 1])
    const second = only(reader.take(2))
    assert.deepEqual([second.reset, second.edges.length], [undefined, 0])
  }
  control.restart()
  const again = only(control.take(3))
  assert.deepEqual([again.reset, again.edges.length], [true, 1])
  assert.equal(only(other.take(3)).edges.length, 0)
})

test('many rows are told in bounded messages, all of them in turn', () => {
  const merge = new TotalsMerge(1, { edges: 1_000, instances: 1_000, perMessage: 10 })
  const reader = merge.createReader(others)
  const store = createTotalsCollector()
  const ports = Array.from({ length: 95 }, (_, at) => at + 1)
  for (const port of ports) merge.knowInstance('echo', idOf(port))
  instances(store, ports)
  answer(store, 'a', 200, 1)
  merge.add(0, store.take(values))
  const seen = new Set<string>()
  for (let second = 1; second <= 3; second++) {
    const messages = reader.take(second)
    assert.ok(messages.length <= MESSAGES_PER_SECOND_MAX)
    for (const [at, { more, edges, instances: rows, reset }] of messages.entries()) {
      assert.equal(more === true, at < messages.length - 1)
      assert.equal(reset === true, second === 1 && at === 0)
      assert.ok(edges.length + rows.length <= 10)
      for (const { id } of rows) seen.add(id)
    }
  }
  assert.equal(seen.size, 95)
  assert.equal(only(reader.take(4)).instances.length, 0)
})
