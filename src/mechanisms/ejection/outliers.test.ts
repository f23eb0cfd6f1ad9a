import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  isPanic,
  judgeOutliers,
  OUTLIER,
  type OutlierPolicy,
  type OutlierVerdict,
} from './outliers.ts'
import { OutlierStats } from './outlier-stats.ts'

const policy: OutlierPolicy = {
  latencyFactor: 3,
  latencyFloorMs: 5,
  failureRatio: 0.5,
  localFailureRatio: 0.5,
  callsMin: 5,
}

interface Calls {
  readonly latencies?: readonly number[]
  readonly failures?: number
  readonly local?: number
}

function statsOf({ latencies = [], failures = 0, local = 0 }: Calls): OutlierStats {
  const stats = new OutlierStats()
  for (const one of latencies) stats.observe(one)
  for (let i = 0; i < failures; i++) stats.observeFailure(i < local)
  return stats
}

function outliersOf(all: readonly OutlierStats[], terms = policy): [number, OutlierVerdict][] {
  const found: [number, OutlierVerdict][] = []
  judgeOutliers(terms, all, (index, verdict) => found.push([index, verdict]))
  return found
}

const times = (count: number, ms: number): number[] => Array.from({ length: count }, () => ms)

test('one of five that is ten times slower is found, with a handful of calls', () => {
  const all = [10, 11, 100, 9, 12].map((ms) => statsOf({ latencies: times(5, ms) }))
  const [found, ...more] = outliersOf(all)
  assert.deepEqual([found?.[0], found?.[1].outlier, more.length], [2, OUTLIER.latency, 0])
  assert.ok(found![1].value > 80 && found![1].others < 14)
})

test('all slow alike, a little slower, fast but for the floor, or hardly asked: nobody', () => {
  const of = (...ms: number[]) => ms.map((one) => statsOf({ latencies: times(9, one) }))
  assert.deepEqual(outliersOf(of(100, 100, 100)), [])
  assert.deepEqual(outliersOf(of(10, 10, 20)), [])
  assert.deepEqual(outliersOf(of(0.2, 0.2, 3)), [])
  assert.deepEqual(outliersOf([...of(10, 10), statsOf({ latencies: times(4, 100) })]), [])
  assert.deepEqual(outliersOf(of(100)), [])
  assert.equal(outliersOf(of(10, 100)).length, 1)
  assert.deepEqual(outliersOf(of(10, 10, 100), { ...policy, latencyFactor: 0 }), [])
})

/** Envoy's failure percentage and split_external_local_origin_errors. */
test('a share of failures counts against the others; what began on our side is told apart', () => {
  const well = () => statsOf({ latencies: times(9, 5), failures: 1 })
  const bad = statsOf({ latencies: times(4, 5), failures: 6 })
  const away = statsOf({ latencies: times(4, 5), failures: 6, local: 6 })
  assert.deepEqual(outliersOf([well(), bad, well()])[0]?.slice(0, 1), [1])
  assert.equal(outliersOf([well(), well(), away])[0]?.[1].outlier, OUTLIER.localFailures)
  assert.deepEqual(outliersOf([bad, bad, well(), bad]), [], 'all are in trouble')
})

test('two spans count, and no more', () => {
  const stats = statsOf({ latencies: times(3, 100), failures: 2, local: 1 })
  stats.turn()
  stats.observe(1)
  assert.deepEqual([stats.calls, stats.failures, stats.localFailures], [6, 2, 1])
  assert.ok(stats.medianMs > 90)
  stats.turn()
  assert.deepEqual([stats.calls, stats.failures], [1, 0])
  stats.clear()
  assert.ok(stats.calls === 0 && Number.isNaN(stats.medianMs))
})

/** Envoy's panic threshold: 50 % of the hosts. */
test('panic is when too few are left', () => {
  assert.deepEqual(
    [
      [5, 10],
      [4, 10],
      [0, 0],
      [0, 1],
    ].map(([left, total]) => isPanic(left!, total!, 0.5)),
    [false, true, false, true],
  )
})

test('sorting all that was measured says the same', () => {
  const latency = fc.constantFrom(1, 2, 10, 30, 100, 400)
  const one = fc.record({
    latencies: fc.array(latency, { maxLength: 12 }),
    failures: fc.nat(8),
    local: fc.nat(8),
  })
  let found = 0
  fc.assert(
    fc.property(fc.array(one, { maxLength: 8 }), (given) => {
      const expected = new Set<number>()
      const known = given
        .map((calls, index) => ({ ...calls, index, local: Math.min(calls.local, calls.failures) }))
        .filter((calls) => calls.latencies.length + calls.failures >= 5)
      for (const own of known) {
        const others = known.filter((other) => other !== own)
        if (others.length === 0) continue
        const sum = (of: (calls: (typeof known)[0]) => number) =>
          others.reduce((total, other) => total + of(other), 0)
        const calls = (of: (typeof known)[0]) => of.latencies.length + of.failures
        for (const failed of ['failures', 'local'] as const) {
          const share = own[failed] / calls(own)
          if (share >= 0.5 && (sum((other) => other[failed]) / sum(calls)) * 2 < share)
            expected.add(own.index)
        }
        const medianOf = (values: readonly number[]) =>
          values.toSorted((a, b) => a - b)[Math.ceil(values.length / 2) - 1]!
        const medians = others.filter((other) => other.latencies.length > 0)
        if (own.latencies.length === 0 || medians.length === 0) continue
        const sorted = medians.map((other) => medianOf(other.latencies)).toSorted((a, b) => a - b)
        const middle = sorted[sorted.length >> 1]!
        // The latencies are so far apart that a bucket's width decides nothing: 10 to 30 is beyond three by it.
        const value = medianOf(own.latencies)
        if (value > middle * 3.6 && value > middle + 6) expected.add(own.index)
      }
      const all = given.map((calls) => statsOf(calls))
      const clear = outliersOf(all)
        .filter(
          ([, { outlier, value, others }]) => outlier !== OUTLIER.latency || value > others * 4,
        )
        .map(([index]) => index)
      for (const index of expected) assert.ok(outliersOf(all).some(([at]) => at === index))
      for (const index of clear) assert.ok(expected.has(index))
      found += expected.size
    }),
    { numRuns: 500 },
  )
  assert.ok(found > 100)
})
