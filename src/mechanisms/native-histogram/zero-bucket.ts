import { boundOf, sidesOf, withSides, type Side } from './buckets.ts'
import type { FloatHistogram } from './float-histogram.ts'

/** What a zero bucket would hold, and how wide it would have to be so that it cuts no bucket in two. */
export interface WidenedZero {
  readonly zeroCount: number
  readonly zeroThreshold: number
}

/** The zero bucket with at least a threshold; wider where the threshold lies within a bucket that is not empty. */
export function widenZero(histogram: FloatHistogram, threshold: number): WidenedZero {
  if (threshold <= histogram.zeroThreshold) {
    return { zeroCount: histogram.zeroCount, zeroThreshold: histogram.zeroThreshold }
  }
  const { positive, negative } = sidesOf(histogram)
  let zeroThreshold = threshold
  for (;;) {
    let zeroCount = histogram.zeroCount
    const before = zeroThreshold
    for (const side of [positive, negative]) {
      const taken = takeWithin(side, histogram, zeroThreshold)
      zeroCount += taken.count
      zeroThreshold = taken.threshold
    }
    // What was counted with the smaller threshold is counted again.
    if (zeroThreshold === before) return { zeroCount, zeroThreshold }
  }
}

/** The histogram with a wider zero bucket, and without the buckets in it. */
export function withWiderZero(histogram: FloatHistogram, threshold: number): FloatHistogram {
  const { zeroCount, zeroThreshold } = widenZero(histogram, threshold)
  if (zeroThreshold === histogram.zeroThreshold) return histogram
  const { positive, negative } = sidesOf(histogram)
  return withSides(
    { ...histogram, zeroCount, zeroThreshold },
    outside(positive, histogram, zeroThreshold),
    outside(negative, histogram, zeroThreshold),
  )
}

/** Both histograms with zero buckets of the same width. */
export function alignZero(
  one: FloatHistogram,
  other: FloatHistogram,
): readonly [one: FloatHistogram, other: FloatHistogram] {
  let [left, right] = [one, other]
  while (left.zeroThreshold !== right.zeroThreshold) {
    if (left.zeroThreshold > right.zeroThreshold) right = withWiderZero(right, left.zeroThreshold)
    else left = withWiderZero(left, right.zeroThreshold)
  }
  return [left, right]
}

function takeWithin(
  { indices, counts }: Side,
  histogram: FloatHistogram,
  threshold: number,
): { count: number; threshold: number } {
  let count = 0
  for (const [nth, index] of indices.entries()) {
    if (boundOf(index - 1, histogram) >= threshold) break
    const here = counts[nth] ?? 0
    count += here
    const upper = boundOf(index, histogram)
    if (upper > threshold) return { count, threshold: here === 0 ? threshold : upper }
  }
  return { count, threshold }
}

function outside({ indices, counts }: Side, histogram: FloatHistogram, threshold: number): Side {
  const first = indices.findIndex((index) => boundOf(index - 1, histogram) >= threshold)
  if (first < 0) return { indices: [], counts: [] }
  return { indices: indices.slice(first), counts: counts.slice(first) }
}
