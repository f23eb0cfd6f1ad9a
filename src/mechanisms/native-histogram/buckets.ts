import { customSchema, type FloatHistogram, type Span } from './float-histogram.ts'

/** The buckets of one sign, by rising index, with their counts. Empty ones may be among them. */
export interface Side {
  readonly indices: readonly number[]
  readonly counts: readonly number[]
}

/** A bucket with its bounds. Every observation of the histogram but NaN is in one. */
export interface Bucket {
  readonly lower: number
  readonly upper: number
  readonly isLowerIncluded: boolean
  readonly isUpperIncluded: boolean
  readonly count: number
}

/** Whether the bounds of a histogram are given one by one. */
export function isCustom({ schema }: { readonly schema: number }): boolean {
  return schema === customSchema
}

/** The buckets of spans, each with its index. */
export function sideOf(spans: readonly Span[], counts: readonly number[]): Side {
  const indices: number[] = []
  let index = 0
  for (const { offset, length } of spans) {
    index += offset
    for (let nth = 0; nth < length; nth++) indices.push(index++)
  }
  return { indices, counts }
}

/** Spans of buckets with rising indices. */
export function spansOf(indices: readonly number[]): readonly Span[] {
  const spans: { offset: number; length: number }[] = []
  let next = 0
  for (const index of indices) {
    const last = spans.at(-1)
    if (last !== undefined && index === next) last.length++
    else spans.push({ offset: index - next, length: 1 })
    next = index + 1
  }
  return spans
}

/** The positive and the negative buckets. */
export function sidesOf(histogram: FloatHistogram): { positive: Side; negative: Side } {
  return {
    positive: sideOf(histogram.positiveSpans, histogram.positiveCounts),
    negative: sideOf(histogram.negativeSpans, histogram.negativeCounts),
  }
}

/** The histogram with other buckets; empty ones are left out. */
export function withSides(
  histogram: FloatHistogram,
  positive: Side,
  negative: Side,
): FloatHistogram {
  const [kept, keptNegative] = [withoutEmpty(positive), withoutEmpty(negative)]
  return {
    ...histogram,
    positiveSpans: spansOf(kept.indices),
    positiveCounts: kept.counts,
    negativeSpans: spansOf(keptNegative.indices),
    negativeCounts: keptNegative.counts,
  }
}

function withoutEmpty(side: Side): Side {
  if (!side.counts.includes(0)) return side
  const kept = side.indices.flatMap((index, nth) => (side.counts[nth] === 0 ? [] : [[index, nth]]))
  return {
    indices: kept.map(([index]) => index ?? 0),
    counts: kept.map(([, nth]) => side.counts[nth ?? 0] ?? 0),
  }
}

/** The upper bound of a bucket that is not negative. */
export function boundOf(index: number, { schema, customBounds }: BoundSource): number {
  if (schema === customSchema) {
    if (index < 0) return -Infinity
    return customBounds[index] ?? Infinity
  }
  // Powers of two are exact, so whole and fraction are taken apart.
  const size = 2 ** schema
  const whole = Math.floor(index / size)
  const fraction = index - whole * size
  if (whole > 1_024 || (whole === 1_024 && fraction > 0)) return Infinity
  if (whole === 1_024) return Number.MAX_VALUE
  return whole < -1_000
    ? 2 ** (whole + 100) * 2 ** (fraction / size) * 2 ** -100
    : 2 ** whole * 2 ** (fraction / size)
}

interface BoundSource {
  readonly schema: number
  readonly customBounds: readonly number[]
}

/** All buckets from the lowest to the highest, the zero bucket in its place unless it is empty. */
export function bucketsOf(histogram: FloatHistogram): readonly Bucket[] {
  const { positive, negative } = sidesOf(histogram)
  const custom = isCustom(histogram)
  const buckets: Bucket[] = []
  for (let nth = negative.indices.length - 1; nth >= 0; nth--) {
    const index = negative.indices[nth] ?? 0
    buckets.push({
      lower: -boundOf(index, histogram),
      upper: -boundOf(index - 1, histogram),
      isLowerIncluded: true,
      isUpperIncluded: false,
      count: negative.counts[nth] ?? 0,
    })
  }
  if (histogram.zeroCount !== 0) {
    const [lower, upper] = [-histogram.zeroThreshold, histogram.zeroThreshold]
    const count = histogram.zeroCount
    buckets.push({ lower, upper, isLowerIncluded: true, isUpperIncluded: true, count })
  }
  for (const [nth, index] of positive.indices.entries()) {
    buckets.push({
      lower: boundOf(index - 1, histogram),
      upper: boundOf(index, histogram),
      isLowerIncluded: custom && index === 0,
      isUpperIncluded: true,
      count: positive.counts[nth] ?? 0,
    })
  }
  return buckets
}

/** Buckets of a lower resolution: each takes in those of the higher one that lie in it. */
export function reduceSide(side: Side, from: number, to: number): Side {
  if (from === to) return side
  const indices: number[] = []
  const counts: number[] = []
  for (const [nth, index] of side.indices.entries()) {
    const target = ((index - 1) >> (from - to)) + 1
    if (indices.at(-1) === target) counts[counts.length - 1]! += side.counts[nth] ?? 0
    else {
      indices.push(target)
      counts.push(side.counts[nth] ?? 0)
    }
  }
  return { indices, counts }
}

/** The buckets of both, those of `other` with a factor. */
export function mergeSides(one: Side, other: Side, factor: number): Side {
  const indices: number[] = []
  const counts: number[] = []
  let [left, right] = [0, 0]
  while (left < one.indices.length || right < other.indices.length) {
    const [leftIndex = Infinity, rightIndex = Infinity] = [one.indices[left], other.indices[right]]
    const index = Math.min(leftIndex, rightIndex)
    let count = 0
    if (leftIndex === index) count += one.counts[left++] ?? 0
    if (rightIndex === index) count += factor * (other.counts[right++] ?? 0)
    indices.push(index)
    counts.push(count)
  }
  return { indices, counts }
}

/** The histogram in a lower resolution. */
export function toSchema(histogram: FloatHistogram, schema: number): FloatHistogram {
  if (histogram.schema === schema) return histogram
  const { positive, negative } = sidesOf(histogram)
  return withSides(
    { ...histogram, schema },
    reduceSide(positive, histogram.schema, schema),
    reduceSide(negative, histogram.schema, schema),
  )
}

/** The histogram without empty buckets. */
export function compact(histogram: FloatHistogram): FloatHistogram {
  const { positive, negative } = sidesOf(histogram)
  return withSides(histogram, positive, negative)
}
