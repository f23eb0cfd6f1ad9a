import { bucketsOf, isCustom, type Bucket } from './buckets.ts'
import type { FloatHistogram } from './float-histogram.ts'

/** A quantile, and how far observations of NaN spoiled it. */
export interface NativeQuantile {
  readonly value: number
  readonly spoiled: 'no' | 'skewed' | 'nan'
}

/** The quantile of a share (0 to 1) of the observations. */
export function nativeQuantile(histogram: FloatHistogram, share: number): NativeQuantile {
  const plain = (value: number): NativeQuantile => ({ value, spoiled: 'no' })
  if (share < 0) return plain(-Infinity)
  if (share > 1) return plain(Infinity)
  if (histogram.count === 0 || share !== share) return plain(NaN)
  const hasNan = histogram.sum !== histogram.sum
  // From the nearer end, since rounding adds up. Observations of NaN count but lie in no bucket, so then from below.
  const isForward = hasNan || share < 0.5
  const buckets = isForward ? bucketsOf(histogram) : bucketsOf(histogram).toReversed()
  let rank = (isForward ? share : 1 - share) * histogram.count
  let count = 0
  let found: Bucket | undefined
  for (const bucket of buckets) {
    if (bucket.count === 0) continue
    found = bucket
    count += bucket.count
    if (count >= rank) break
  }
  if (found === undefined) {
    if (hasNan) return { value: NaN, spoiled: 'nan' }
    return plain(rank > 0 ? 0 : NaN)
  }
  const bucket = adjust(found, histogram)
  if (isCustom(histogram)) {
    if (bucket.lower === -Infinity) return plain(bucket.upper)
    if (bucket.upper === Infinity) return plain(bucket.lower)
  }
  count = Math.min(count, histogram.count)
  if (count < rank) return hasNan ? { value: NaN, spoiled: 'nan' } : plain(bucket.upper)
  rank = isForward ? rank - (count - bucket.count) : count - rank
  return {
    value: valueAt(bucket, rank / bucket.count, isCustom(histogram)),
    spoiled: hasNan ? 'skewed' : 'no',
  }
}

/** The share of the observations between two values. Of observations of NaN it is told that they are in none. */
export function nativeFraction(
  histogram: FloatHistogram,
  lower: number,
  upper: number,
): { value: number; hasNan: boolean } {
  const hasNan = histogram.sum !== histogram.sum
  if (histogram.count === 0 || lower !== lower || upper !== upper)
    return { value: NaN, hasNan: false }
  if (lower >= upper) return { value: 0, hasNan: false }
  const buckets = bucketsOf(histogram)
  const all = hasNan ? buckets.reduce((sum, { count }) => sum + count, 0) : histogram.count
  const above = Math.min(countBelow(histogram, buckets, upper) ?? all, all)
  const below = Math.min(countBelow(histogram, buckets, lower) ?? all, all)
  return { value: (above - below) / histogram.count, hasNan }
}

/** The variance of the observations, each taken for the middle of its bucket. */
export function nativeVariance(histogram: FloatHistogram): number {
  const mean = histogram.sum / histogram.count
  let sum = 0
  let rest = 0
  for (const bucket of bucketsOf(histogram)) {
    if (bucket.count === 0) continue
    const distance = middleOf(bucket, isCustom(histogram)) - mean
    const part = bucket.count * distance * distance
    const next = sum + part
    if (Number.isFinite(next)) {
      rest += Math.abs(sum) >= Math.abs(part) ? sum - next + part : part - next + sum
    } else rest = 0
    sum = next
  }
  return (sum + rest) / histogram.count
}

/** Where the observations of a bucket are taken to be: in its arithmetic middle, or its geometric one for exponential buckets. */
export function middleOf({ lower, upper }: Bucket, custom: boolean): number {
  if (custom) return (upper + lower) / 2
  if (lower <= 0 && upper >= 0) return 0
  const middle = Math.sqrt(upper * lower)
  return upper < 0 ? -middle : middle
}

/**
 * The bucket with bounds between which something can be guessed: a zero bucket reaches only to the side on which there are
 * observations, and the lowest custom one begins at zero where it can.
 */
export function adjust(bucket: Bucket, histogram: FloatHistogram): Bucket {
  if (isCustom(histogram)) {
    return bucket.lower === -Infinity && bucket.upper > 0 ? { ...bucket, lower: 0 } : bucket
  }
  if (!(bucket.lower < 0 && bucket.upper > 0)) return bucket
  const [hasNegative, hasPositive] = [
    histogram.negativeCounts.length > 0,
    histogram.positiveCounts.length > 0,
  ]
  if (hasPositive && !hasNegative) return { ...bucket, lower: 0 }
  return hasNegative && !hasPositive ? { ...bucket, upper: 0 } : bucket
}

/** The share of a bucket's observations that lie below a value within it. */
export function shareBelow({ lower, upper }: Bucket, value: number, custom: boolean): number {
  if (lower === -Infinity) return 1
  if (custom || (lower <= 0 && upper >= 0)) return (value - lower) / (upper - lower)
  const [logLower, logUpper] = [Math.log2(Math.abs(lower)), Math.log2(Math.abs(upper))]
  const logValue = Math.log2(Math.abs(value))
  return value > 0
    ? (logValue - logLower) / (logUpper - logLower)
    : 1 - (logValue - logUpper) / (logLower - logUpper)
}

function countBelow(
  histogram: FloatHistogram,
  buckets: readonly Bucket[],
  value: number,
): number | undefined {
  let rank = 0
  for (const given of buckets) {
    const bucket = adjust(given, histogram)
    if (bucket.lower >= value) return rank
    if (bucket.upper > value) {
      return rank + bucket.count * shareBelow(bucket, value, isCustom(histogram))
    }
    rank += bucket.count
  }
  return undefined
}

function valueAt({ lower, upper }: Bucket, share: number, custom: boolean): number {
  if (custom || (lower <= 0 && upper >= 0)) return lower + (upper - lower) * share
  const [logLower, logUpper] = [Math.log2(Math.abs(lower)), Math.log2(Math.abs(upper))]
  if (lower > 0) return 2 ** (logLower + (logUpper - logLower) * share)
  return -(2 ** (logUpper + (logLower - logUpper) * (1 - share)))
}
