import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EdgeTotals } from '../../contracts/snapshot.ts'
import { failingEdges } from './failing-edges.ts'
import { createTickStore, WINDOW_SAMPLES } from './ticks.ts'

function edge(change: Partial<EdgeTotals>): EdgeTotals {
  return {
    caller: '',
    route: '/**',
    service: 'payments',
    statuses: [0, 0, 0, 0, 0, 0],
    reasons: {},
    retries: 0,
    requestBytes: 0,
    responseBytes: 0,
    latencyCounts: [],
    latencySumMs: 0,
    inFlight: 0,
    ...change,
  }
}

/** The texts after totals that came once a second. */
function textsAfter(...seconds: readonly (readonly EdgeTotals[])[]): readonly string[] {
  const store = createTickStore()
  for (const [second, edges] of seconds.entries()) {
    store.take({ atMs: second * 1_000, edges, instances: [], useOf: () => undefined })
  }
  return failingEdges(store.failures()).map(({ text }) => text)
}

test('a failing edge is told in numbers, by what went wrong, over all its routes', () => {
  const texts = textsAfter(
    [edge({}), edge({ route: '/pay' })],
    [
      edge({ statuses: [2, 0, 63, 0, 0, 4], reasons: { ERR_GATEWAY_UPSTREAM_RESET: 4 } }),
      edge({ route: '/pay', statuses: [0, 0, 0, 0, 0, 6], reasons: { constructor: 1 } }),
    ],
  )
  assert.deepEqual(texts, [
    '12 of 75 requests of clients to payments failed in the last 1 s: 5xx × 10, no answer × 2; the gateway answered ERR_GATEWAY_UPSTREAM_RESET × 4, constructor × 1.',
  ])
})

test('few failures alarm nobody, and what failed before the window is over', () => {
  const bad = edge({ statuses: [0, 0, 100, 0, 0, 100] })
  assert.deepEqual(textsAfter([edge({})], [edge({ statuses: [0, 0, 100, 0, 0, 5] })]), [])
  assert.deepEqual(textsAfter([edge({})], [edge({ statuses: [0, 0, 0, 0, 0, 1] })]).length, 1)
  const calm = Array.from({ length: WINDOW_SAMPLES + 1 }, (_, at) => [
    edge({ statuses: [0, 0, 200 + at, 0, 0, 100] }),
  ])
  assert.deepEqual(textsAfter([edge({})], [bad], ...calm), [])
})
