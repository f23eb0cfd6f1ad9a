/**
 * Index of the bucket of a value: the first bound that is not below it, `bounds.length` for what is above all.
 * `bounds` rise. Binary search: 5 steps for 29 bounds.
 */
export function bucketOf(bounds: readonly number[], value: number): number {
  let low = 0
  let high = bounds.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (bounds[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * The value below which a share `q` (0 to 1) lies, by linear interpolation within its bucket, as Prometheus'
 * histogram_quantile does. `counts` has one more than `bounds`; a value in the last bucket is told as the highest
 * bound. NaN when nothing was counted.
 */
export function quantile(bounds: readonly number[], counts: ArrayLike<number>, q: number): number {
  const total = totalOf(counts)
  if (total <= 0) return NaN
  const rank = Math.min(1, Math.max(0, q)) * total
  let below = 0
  for (let bucket = 0; bucket < bounds.length; bucket++) {
    const count = counts[bucket]!
    if (count > 0 && below + count >= rank) {
      const lower = bucket === 0 ? Math.min(0, bounds[0]!) : bounds[bucket - 1]!
      return lower + ((bounds[bucket]! - lower) * (rank - below)) / count
    }
    below += count
  }
  return bounds[bounds.length - 1] ?? NaN
}

/** Sum of all counts. */
export function totalOf(counts: ArrayLike<number>): number {
  let total = 0
  for (let i = 0; i < counts.length; i++) total += counts[i]!
  return total
}

/** Adds `more` to `counts` in place; both have the same buckets. */
export function addCounts(counts: CountArray, more: ArrayLike<number>): void {
  for (let i = 0; i < counts.length; i++) counts[i] = counts[i]! + (more[i] ?? 0)
}

/** Counts that can be changed: a plain or a typed array, also on shared memory. */
export interface CountArray {
  readonly length: number
  [index: number]: number
}
