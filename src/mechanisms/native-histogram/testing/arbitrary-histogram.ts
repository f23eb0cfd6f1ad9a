import fc from 'fast-check'
import { spansOf } from '../buckets.ts'
import { customSchema, type FloatHistogram } from '../float-histogram.ts'

const side = fc
  .uniqueArray(fc.tuple(fc.integer({ min: -8, max: 8 }), fc.integer({ min: 1, max: 9 })), {
    selector: ([index]) => index,
    maxLength: 6,
  })
  .map((buckets) => buckets.toSorted(([one], [other]) => one - other))

/** A random histogram of an exponential schema, of counts that are whole. */
export function arbitraryHistogram(): fc.Arbitrary<FloatHistogram> {
  return fc
    .record({
      schema: fc.integer({ min: -1, max: 2 }),
      zeroThreshold: fc.constantFrom(0.001, 0.01, 0.5),
      zeroCount: fc.integer({ min: 0, max: 5 }),
      positive: side,
      negative: side,
      sum: fc.integer({ min: -50, max: 50 }),
    })
    .map(({ positive, negative, zeroCount, ...rest }) => {
      const counts = [...positive, ...negative].map(([, count]) => count)
      return {
        ...rest,
        resetHint: 'unknown' as const,
        zeroCount,
        count: counts.reduce((sum, count) => sum + count, zeroCount),
        positiveSpans: spansOf(positive.map(([index]) => index)),
        positiveCounts: positive.map(([, count]) => count),
        negativeSpans: spansOf(negative.map(([index]) => index)),
        negativeCounts: negative.map(([, count]) => count),
        customBounds: [],
      }
    })
}

/** A histogram with custom bounds, its counts one by one. */
export function customHistogram(
  bounds: readonly number[],
  counts: readonly number[],
  sum: number,
): FloatHistogram {
  return {
    resetHint: 'unknown',
    schema: customSchema,
    zeroThreshold: 0,
    zeroCount: 0,
    count: counts.reduce((total, count) => total + count, 0),
    sum,
    positiveSpans: [{ offset: 0, length: counts.length }],
    positiveCounts: counts,
    negativeSpans: [],
    negativeCounts: [],
    customBounds: bounds,
  }
}
