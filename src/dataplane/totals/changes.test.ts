import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TOTALS_OTHER } from '../../contracts/snapshot.ts'
import { countLatency } from './counters.ts'
import { TotalsChanges } from './changes.ts'
import { MESSAGES_PER_SECOND_MAX, ROWS_PER_MESSAGE_MAX } from './merge.ts'
import { createTotalsCollector } from './worker-totals.ts'

const values = {
  connections: 1,
  accessLogDropped: 0,
  recordsDropped: 0,
  wallMs: 1_000,
  monotonicMs: 0,
}
const gauges = { edgeInFlight: () => 4, instanceInFlight: () => 5 }

function report(routes: readonly string[]): ReturnType<typeof store.take> {
  for (const route of routes) {
    const edge = store.edge('', route, 'echo')
    edge.statuses[2]!++
    countLatency(edge, 1)
    edge.retries++
    store.touchEdge(edge)
  }
  return store.take(values)
}
const store = createTotalsCollector(100_000)

test('what workers report is added up until it is taken, and then begins anew', () => {
  const changes = new TotalsChanges(gauges)
  changes.add(report(['a']))
  changes.begin()
  changes.add(report(['a', 'a', 'b']))
  changes.add(report(['a']))
  const [message, ...others] = changes.take(7)
  assert.equal(others.length, 0)
  assert.deepEqual(
    message!.edges.map(({ route, statuses, retries, inFlight }) => [
      route,
      statuses[2],
      retries,
      inFlight,
    ]),
    [
      ['a', 3, 3, 4],
      ['b', 1, 1, 4],
    ],
  )
  assert.deepEqual(changes.take(8)[0]?.edges, [])
  changes.add(report(['a']))
  changes.end()
  changes.begin()
  assert.deepEqual(changes.take(9)[0]?.edges, [], 'whoever comes next does not get the past')
})

test('rows are bounded, and so is a second; nothing is lost', () => {
  const changes = new TotalsChanges(gauges, 3)
  changes.begin()
  changes.add(report(['a', 'b', 'c', 'd', 'e']))
  const rows = changes.take(1)[0]!.edges.map(({ route, statuses }) => [route, statuses[2]])
  assert.deepEqual(rows, [
    ['a', 1],
    ['b', 1],
    ['c', 1],
    [TOTALS_OTHER, 2],
  ])
  const many = new TotalsChanges(gauges, 1e6)
  many.begin()
  const count = (MESSAGES_PER_SECOND_MAX + 1) * ROWS_PER_MESSAGE_MAX
  many.add(report(Array.from({ length: count }, (_, at) => `r${at}`)))
  const first = many.take(1)
  assert.deepEqual(
    first.map(({ edges, more }) => [edges.length, more ?? false]),
    [1, 2, 3, 4].map((nth) => [ROWS_PER_MESSAGE_MAX, nth < 4]),
  )
  assert.equal(many.take(2)[0]?.edges.length, ROWS_PER_MESSAGE_MAX)
})
