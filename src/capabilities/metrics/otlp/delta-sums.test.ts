import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toNativeHistogram } from '../../../mechanisms/otlp-metrics/to-histogram.ts'
import { DELTA_BUCKETS_MAX, DeltaSums } from './delta-sums.ts'

test('the sum of histograms whose buckets are always others does not grow without end', () => {
  const sums = new DeltaSums()
  const width = 5_000
  for (let round = 1; round < 12; round++) {
    const more = toNativeHistogram({
      scale: 8,
      positive: { offset: round * width, counts: Array.from({ length: width }, () => 1) },
      negative: { offset: 0, counts: [] },
      zeroThreshold: 0,
      zeroCount: 0,
      count: width,
      sum: 1,
      attributes: [],
      timeMs: round,
      isStale: false,
    })
    const sum = sums.addHistogram({ ref: 1, generation: 1 }, round, more)
    assert.ok(sum !== undefined && sum.positiveCounts.length <= DELTA_BUCKETS_MAX)
    assert.equal(sum.count, sum.positiveCounts.length)
  }
})
