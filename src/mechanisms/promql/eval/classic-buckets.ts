/** Buckets of a classic histogram: upper bounds, and how many observations are at most that. Sorted and repaired in place. */
export interface ClassicBuckets {
  readonly bounds: Float64Array
  readonly counts: Float64Array
  length: number
}

/** What had to be repaired so that counts rise. */
export interface Repair {
  readonly bucketMin: number
  readonly bucketMax: number
  readonly differenceMax: number
}

/** Relative differences up to this come from rounding. */
const tolerance = 1e-12

/**
 * The quantile of a share of the observations. Within a bucket they are taken to lie evenly; the lowest bucket begins at zero if it
 * can, and the highest one has no end, so its lower bound is answered. Bounds must rise; equal ones are put together.
 */
export function bucketQuantile(
  buckets: ClassicBuckets,
  share: number,
): { value: number; repair: Repair | undefined } {
  const plain = (value: number) => ({ value, repair: undefined })
  if (share !== share) return plain(NaN)
  if (share < 0) return plain(-Infinity)
  if (share > 1) return plain(Infinity)
  if (buckets.bounds[buckets.length - 1] !== Infinity) return plain(NaN)
  joinEqual(buckets)
  const repair = makeRise(buckets)
  const { bounds, counts, length } = buckets
  if (length < 2) return plain(NaN)
  const total = counts[length - 1]!
  if (total === 0) return plain(NaN)
  let rank = share * total
  let found = 0
  while (found < length - 1 && !(counts[found]! >= rank)) found++
  if (found === length - 1) return { value: bounds[length - 2]!, repair }
  if (found === 0 && bounds[0]! <= 0) return { value: bounds[0]!, repair }
  const lower = found > 0 ? bounds[found - 1]! : 0
  const below = found > 0 ? counts[found - 1]! : 0
  rank -= below
  return { value: lower + (bounds[found]! - lower) * (rank / (counts[found]! - below)), repair }
}

/** The share of the observations between two values. */
export function bucketFraction(buckets: ClassicBuckets, lower: number, upper: number): number {
  if (buckets.bounds[buckets.length - 1] !== Infinity) return NaN
  joinEqual(buckets)
  const total = buckets.counts[buckets.length - 1]!
  if (total === 0 || lower !== lower || upper !== upper) return NaN
  if (lower >= upper) return 0
  return (countBelow(buckets, upper, total) - countBelow(buckets, lower, total)) / total
}

function countBelow(
  { bounds, counts, length }: ClassicBuckets,
  value: number,
  total: number,
): number {
  let before = 0
  for (let index = 0; index < length; index++) {
    const upper = bounds[index]!
    const lower = index === 0 ? Math.min(0, upper) : bounds[index - 1]!
    if (lower >= value) return Math.min(before, total)
    const count = counts[index]!
    if (upper > value) {
      return Math.min(before + (count - before) * ((value - lower) / (upper - lower)), total)
    }
    before = count
  }
  return total
}

function joinEqual(buckets: ClassicBuckets): void {
  const { bounds, counts } = buckets
  let last = 0
  for (let index = 1; index < buckets.length; index++) {
    if (bounds[index] === bounds[last]) counts[last]! += counts[index]!
    else {
      last++
      bounds[last] = bounds[index]!
      counts[last] = counts[index]!
    }
  }
  buckets.length = last + 1
}

/** Takes away differences that come from rounding, and raises what is lower than before. */
function makeRise({ bounds, counts, length }: ClassicBuckets): Repair | undefined {
  let previous = counts[0]!
  let repair: Repair | undefined
  for (let index = 1; index < length; index++) {
    const count = counts[index]!
    if (isAlmostEqual(count, previous)) counts[index] = previous
    else if (count < previous) {
      counts[index] = previous
      repair = {
        bucketMin: Math.min(repair?.bucketMin ?? Infinity, bounds[index]!),
        bucketMax: Math.max(repair?.bucketMax ?? -Infinity, bounds[index]!),
        differenceMax: Math.max(repair?.differenceMax ?? 0, previous - count),
      }
    } else previous = count
  }
  return repair
}

function isAlmostEqual(one: number, other: number): boolean {
  if (one === other) return true
  const sum = Math.abs(one) + Math.abs(other)
  if (one === 0 || other === 0) return false
  return Math.abs(one - other) / Math.min(sum, Number.MAX_VALUE) < tolerance
}
