import { bucketsOf, isCustom, sidesOf, withSides, type Bucket, type Side } from './buckets.ts'
import type { FloatHistogram } from './float-histogram.ts'
import { adjust, middleOf, shareBelow } from './quantile.ts'

/**
 * The histogram without the observations above (`upper`) or below (`lower`) a value. What lies in the same bucket as the value is
 * guessed as quantiles are; where anything was taken away, count and sum are calculated from what is left.
 */
export function trimHistogram(
  histogram: FloatHistogram,
  side: 'upper' | 'lower',
  value: number,
): FloatHistogram {
  if (value !== value) return histogram
  const custom = isCustom(histogram)
  const buckets = bucketsOf(histogram)
  const kept = buckets.map((bucket) => keep(adjust(bucket, histogram), { side, value, custom }))
  if (kept.every(({ count }, nth) => count === buckets[nth]?.count)) return histogram
  const { positive, negative } = sidesOf(histogram)
  const counts = kept.map(({ count }) => count)
  const firstPositive = counts.length - positive.indices.length
  const positiveSide: Side = { indices: positive.indices, counts: counts.slice(firstPositive) }
  const negativeSide: Side = {
    indices: negative.indices,
    counts: counts.slice(0, negative.indices.length).toReversed(),
  }
  const zeroCount = histogram.zeroCount === 0 ? 0 : (counts[firstPositive - 1] ?? 0)
  const trimmed = {
    ...histogram,
    zeroCount,
    count: counts.reduce((sum, count) => sum + count, 0),
    sum: kept.reduce((sum, bucket) => sum + sumOf(bucket, custom), 0),
  }
  return withSides(trimmed, positiveSide, negativeSide)
}

interface Trim {
  readonly side: 'upper' | 'lower'
  readonly value: number
  readonly custom: boolean
}

function keep(bucket: Bucket, { side, value, custom }: Trim): Bucket {
  if (bucket.upper <= value) return side === 'upper' ? bucket : { ...bucket, count: 0 }
  if (bucket.lower >= value) return side === 'lower' ? bucket : { ...bucket, count: 0 }
  const below = bucket.count * shareBelow(bucket, value, custom)
  return side === 'upper'
    ? { ...bucket, upper: value, count: below }
    : { ...bucket, lower: value, count: bucket.count - below }
}

/** A bucket without end counts as its one bound. */
function sumOf(bucket: Bucket, custom: boolean): number {
  if (bucket.count === 0) return 0
  if (bucket.upper === Infinity) return bucket.count * bucket.lower
  if (bucket.lower === -Infinity) return bucket.count * bucket.upper
  const isZero = bucket.lower <= 0 && bucket.upper >= 0
  return bucket.count * middleOf(bucket, custom || isZero)
}
