import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  addHistograms,
  divideHistogram,
  equalHistograms,
  isReset,
  scaleHistogram,
  subtractHistograms,
} from './arithmetic.ts'
import { boundOf, bucketsOf, compact, sideOf, spansOf, toSchema } from './buckets.ts'
import { customSchema, type FloatHistogram } from './float-histogram.ts'
import { nativeFraction, nativeQuantile, nativeVariance } from './quantile.ts'
import { arbitraryHistogram, customHistogram } from './testing/arbitrary-histogram.ts'
import { histogramText } from './text.ts'
import { trimHistogram } from './trim.ts'

const base: FloatHistogram = {
  resetHint: 'unknown',
  schema: 0,
  zeroThreshold: 0.001,
  zeroCount: 1,
  count: 7,
  sum: 10,
  positiveSpans: [
    { offset: 0, length: 2 },
    { offset: 1, length: 1 },
  ],
  positiveCounts: [1, 2, 3],
  negativeSpans: [],
  negativeCounts: [],
  customBounds: [],
}

test('bounds are powers of two and what lies between them', () => {
  const at = (schema: number, index: number) => boundOf(index, { schema, customBounds: [] })
  assert.deepEqual([at(0, 0), at(0, 3), at(0, -2), at(-1, 2)], [1, 8, 0.25, 16])
  assert.equal(at(1, 1), Math.SQRT2)
  assert.equal(at(3, -8), 0.5)
  assert.equal(at(0, 1_024), Number.MAX_VALUE)
  assert.equal(at(0, -1_074), 5e-324)
  const custom = { schema: customSchema, customBounds: [1, 2] }
  assert.deepEqual(
    [-1, 0, 1, 2].map((index) => boundOf(index, custom)),
    [-Infinity, 1, 2, Infinity],
  )
})

test('spans and indices say the same', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: -50, max: 50 })), (some) => {
      const indices = some.toSorted((one, other) => one - other)
      assert.deepEqual(sideOf(spansOf(indices), []).indices, indices)
    }),
  )
})

test('a sum has what both have, whichever comes first', () => {
  fc.assert(
    fc.property(arbitraryHistogram(), arbitraryHistogram(), (one, other) => {
      const sum = addHistograms(one, other)?.histogram
      const turned = addHistograms(other, one)?.histogram
      assert.ok(sum !== undefined && turned !== undefined)
      assert.ok(equalHistograms(sum, turned))
      assert.equal(sum.count, one.count + other.count)
      assert.equal(total(sum), sum.count)
      const back = subtractHistograms(sum, other)?.histogram
      assert.ok(back !== undefined)
      assert.equal(total(back), one.count)
      assert.equal(back.resetHint, 'gauge')
    }),
  )
})

test('a counter that only rose has no reset, one that fell has one', () => {
  fc.assert(
    fc.property(arbitraryHistogram(), arbitraryHistogram(), (one, more) => {
      const later = addHistograms(one, {
        ...more,
        schema: one.schema,
        zeroThreshold: one.zeroThreshold,
      })
      assert.ok(later !== undefined)
      assert.equal(isReset(later.histogram, one), false)
      if (more.count > 0) assert.equal(isReset(one, later.histogram), true)
      const lower = toSchema(later.histogram, later.histogram.schema - 1)
      assert.equal(isReset(lower, one), false)
      if (one.count > 0) assert.equal(isReset(one, lower), true)
    }),
  )
})

test('hints decide before counts do', () => {
  assert.equal(isReset({ ...base, resetHint: 'reset' }, base), true)
  assert.equal(isReset({ ...base, count: 0, resetHint: 'not-reset' }, base), false)
  assert.equal(isReset({ ...base, resetHint: 'gauge' }, base), false)
  assert.equal(isReset({ ...base, zeroThreshold: 0.0001 }, base), true)
  assert.equal(isReset({ ...base, zeroThreshold: 0.7 }, base), true)
})

test('hints of sums', () => {
  const hint = (one: FloatHistogram['resetHint'], other: FloatHistogram['resetHint']) => {
    const sum = addHistograms({ ...base, resetHint: one }, { ...base, resetHint: other })
    return [sum?.histogram.resetHint, sum?.hasResetConflict]
  }
  assert.deepEqual(hint('reset', 'reset'), ['reset', false])
  assert.deepEqual(hint('reset', 'not-reset'), ['unknown', true])
  assert.deepEqual(hint('reset', 'unknown'), ['unknown', false])
  assert.deepEqual(hint('gauge', 'reset'), ['gauge', false])
})

test('custom bounds that differ are reconciled, exponential ones are not comparable', () => {
  const one = customHistogram([1, 2, 5], [1, 2, 3, 4], 20)
  const other = customHistogram([1, 5], [10, 20, 30], 100)
  const sum = addHistograms(one, other)
  assert.equal(sum?.areBoundsReconciled, true)
  assert.deepEqual(sum?.histogram.customBounds, [1, 5])
  assert.deepEqual(sum?.histogram.positiveCounts, [11, 25, 34])
  assert.equal(addHistograms(one, base), undefined)
  assert.equal(
    addHistograms(customHistogram([1], [1, 1], 2), customHistogram([2], [1, 1], 2))?.histogram
      .positiveCounts[0],
    4,
  )
  assert.equal(isReset(other, one), false)
  assert.equal(isReset(one, other), true)
})

test('factors', () => {
  assert.deepEqual(scaleHistogram(base, 2).positiveCounts, [2, 4, 6])
  assert.equal(scaleHistogram(base, -1).resetHint, 'gauge')
  assert.equal(divideHistogram(base, 2).sum, 5)
  const infinite = divideHistogram({ ...base, sum: 0 }, 0)
  assert.deepEqual(
    [infinite.count, infinite.zeroCount, infinite.sum, infinite.positiveCounts.length],
    [Infinity, Infinity, NaN, 0],
  )
})

/** A bucket that ends within the zero bucket: no observation can be counted there, so nothing holds of such a histogram. */
function hasBucketInZero(histogram: FloatHistogram): boolean {
  const { positiveSpans, positiveCounts, negativeSpans, negativeCounts } = histogram
  if (histogram.schema === customSchema) return false
  const sides = [sideOf(positiveSpans, positiveCounts), sideOf(negativeSpans, negativeCounts)]
  return sides.some(({ indices }) =>
    indices.some((index) => boundOf(index, histogram) <= histogram.zeroThreshold),
  )
}

test('quantiles rise with their share and lie within the buckets; fractions are their inverse', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(arbitraryHistogram(), share, share, (histogram, one, other) => {
      fc.pre(histogram.count > 0 && !hasBucketInZero(histogram))
      const [low, high] = [Math.min(one, other), Math.max(one, other)]
      const [lower, upper] = [low, high].map((each) => nativeQuantile(histogram, each).value)
      assert.ok(lower !== undefined && upper !== undefined && lower <= upper + 1e-9)
      const fraction = nativeFraction(histogram, -Infinity, upper).value
      const isEmptyAt = nativeQuantile(histogram, Math.min(1, high + 1e-9)).value !== upper
      if (isEmptyAt) assert.ok(Math.abs(fraction - high) < 1e-6 || fraction <= 1)
    }),
  )
  assert.equal(nativeQuantile(base, -1).value, -Infinity)
  assert.equal(nativeQuantile(base, 2).value, Infinity)
  assert.ok(Number.isNaN(nativeQuantile({ ...base, count: 0 }, 0.5).value))
  assert.equal(nativeQuantile({ ...base, sum: NaN, count: 20 }, 0.9).spoiled, 'nan')
  assert.equal(nativeQuantile({ ...base, sum: NaN }, 0.5).spoiled, 'skewed')
  assert.equal(nativeQuantile(customHistogram([1, 2], [4, 0, 0], 2), 0.5).value, 0.5)
  assert.equal(nativeQuantile(customHistogram([1, 2], [0, 0, 3], 9), 0.5).value, 2)
  assert.equal(nativeQuantile(customHistogram([-1, 2], [4, 0, 0], 2), 0.5).value, -1)
  assert.equal(nativeFraction(customHistogram([1, 2], [4, 4, 0], 2), 0.5, 1.5).value, 0.5)
  assert.equal(nativeFraction({ ...base, sum: NaN, count: 14 }, -Infinity, Infinity).value, 0.5)
})

test('the variance is that of the middles of the buckets', () => {
  const histogram = customHistogram([0, 2, 4], [0, 2, 2, 0], 8)
  assert.equal(nativeVariance(histogram), 1)
})

test('what is trimmed above and what is trimmed below are the whole', () => {
  const value = fc.double({ min: -20, max: 20, noNaN: true })
  fc.assert(
    fc.property(arbitraryHistogram(), value, (histogram, at) => {
      const [below, above] = [
        trimHistogram(histogram, 'upper', at),
        trimHistogram(histogram, 'lower', at),
      ]
      assert.ok(Math.abs(below.count + above.count - histogram.count) < 1e-9)
      assert.ok(Math.abs(total(below) - below.count) < 1e-9)
    }),
  )
  assert.equal(trimHistogram(base, 'upper', Infinity), base)
  assert.equal(trimHistogram(base, 'upper', 2).count, 4)
  assert.equal(trimHistogram(base, 'lower', 2).count, 3)
  assert.equal(
    trimHistogram(customHistogram([1, 3], [2, 4, 1], 10), 'upper', 2).sum,
    2 * 0.5 + 2 * 1.5,
  )
})

test('a line of text', () => {
  assert.equal(
    histogramText(base),
    '{count:7, sum:10, [-0.001,0.001]:1, (0.5,1]:1, (1,2]:2, (4,8]:3}',
  )
  assert.equal(
    histogramText(customHistogram([1], [1, 2], 3)),
    '{count:3, sum:3, [-Inf,1]:1, (1,+Inf]:2}',
  )
})

test('empty buckets go', () => {
  const histogram = compact({ ...base, positiveCounts: [0, 2, 0] })
  assert.deepEqual(histogram.positiveSpans, [{ offset: 1, length: 1 }])
  assert.deepEqual(histogram.positiveCounts, [2])
})

function total(histogram: FloatHistogram): number {
  return bucketsOf(histogram).reduce((sum, { count }) => sum + count, 0)
}
