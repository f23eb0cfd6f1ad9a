import {
  compact,
  isCustom,
  mergeSides,
  reduceSide,
  sidesOf,
  toSchema,
  withSides,
  type Side,
} from './buckets.ts'
import { customSchema, type FloatHistogram, type ResetHint } from './float-histogram.ts'
import { alignZero, widenZero } from './zero-bucket.ts'

/** A sum or difference, and what somebody should be told about it. */
export interface Combined {
  readonly histogram: FloatHistogram
  /** One side says that there was a reset, the other one that there was none. */
  readonly hasResetConflict: boolean
  /** The custom bounds were not the same; only those that both have are left. */
  readonly areBoundsReconciled: boolean
}

/** The sum of two histograms in the lower of both resolutions; undefined where only one of them has custom bounds. */
export function addHistograms(one: FloatHistogram, other: FloatHistogram): Combined | undefined {
  return combine(one, other, 1)
}

/** The difference of two histograms, which is a gauge. */
export function subtractHistograms(
  one: FloatHistogram,
  other: FloatHistogram,
): Combined | undefined {
  const combined = combine(one, other, -1)
  if (combined === undefined) return undefined
  return { ...combined, histogram: { ...combined.histogram, resetHint: 'gauge' } }
}

/** All counts and the sum times a factor. Times something negative it is a gauge. */
export function scaleHistogram(histogram: FloatHistogram, factor: number): FloatHistogram {
  return {
    ...histogram,
    resetHint: factor < 0 ? 'gauge' : histogram.resetHint,
    zeroCount: histogram.zeroCount * factor,
    count: histogram.count * factor,
    sum: histogram.sum * factor,
    positiveCounts: histogram.positiveCounts.map((count) => count * factor),
    negativeCounts: histogram.negativeCounts.map((count) => count * factor),
  }
}

/** All counts and the sum divided. By zero: no buckets are left, and what is left is infinite, or NaN. */
export function divideHistogram(histogram: FloatHistogram, divisor: number): FloatHistogram {
  const divided: FloatHistogram = {
    ...histogram,
    resetHint: divisor < 0 ? 'gauge' : histogram.resetHint,
    zeroCount: histogram.zeroCount / divisor,
    count: histogram.count / divisor,
    sum: histogram.sum / divisor,
    positiveCounts: histogram.positiveCounts.map((count) => count / divisor),
    negativeCounts: histogram.negativeCounts.map((count) => count / divisor),
  }
  if (divisor !== 0) return divided
  const none: Side = { indices: [], counts: [] }
  return withSides(divided, none, none)
}

/** Whether two histograms are the same in everything but the reset hint. NaN is equal to NaN. */
export function equalHistograms(one: FloatHistogram, other: FloatHistogram): boolean {
  const isSame = (left: number, right: number) =>
    left === right || (left !== left && right !== right)
  if (
    one.schema !== other.schema ||
    one.zeroThreshold !== other.zeroThreshold ||
    !isSame(one.zeroCount, other.zeroCount) ||
    !isSame(one.count, other.count) ||
    !isSame(one.sum, other.sum)
  ) {
    return false
  }
  const [left, right] = [sidesOf(one), sidesOf(other)]
  return (
    (one.schema !== customSchema || isEqualList(one.customBounds, other.customBounds)) &&
    isEqualList(left.positive.indices, right.positive.indices) &&
    isEqualList(left.negative.indices, right.negative.indices) &&
    isEqualList(left.positive.counts, right.positive.counts) &&
    isEqualList(left.negative.counts, right.negative.counts)
  )
}

/**
 * Whether the counter of `current` began anew after `previous`: its hint says so, or anything that can only rise is lower, or a layout
 * changed in a way that a running counter's cannot.
 */
export function isReset(current: FloatHistogram, previous: FloatHistogram): boolean {
  if (current.resetHint === 'reset') return true
  if (current.resetHint === 'not-reset') return false
  if (current.count < previous.count) return true
  if (isCustom(current) !== isCustom(previous)) return true
  if (isCustom(current)) return isCustomReset(current, previous)
  if (current.schema > previous.schema || current.zeroThreshold < previous.zeroThreshold)
    return true
  const widened = widenZero(previous, current.zeroThreshold)
  if (widened.zeroThreshold !== current.zeroThreshold) return true
  if (current.zeroCount < widened.zeroCount) return true
  const [, before] = alignZero(current, previous)
  const [now, then] = [sidesOf(current), sidesOf(toSchema(before, current.schema))]
  return isLower(now.positive, then.positive) || isLower(now.negative, then.negative)
}

function isCustomReset(current: FloatHistogram, previous: FloatHistogram): boolean {
  const bounds = commonBounds(current.customBounds, previous.customBounds)
  const now = withBounds(current, bounds)
  const then = withBounds(previous, bounds)
  return isLower(sidesOf(now).positive, sidesOf(then).positive)
}

/** Whether any bucket has less in it. Buckets that are not there are empty. */
function isLower(current: Side, previous: Side): boolean {
  let at = 0
  for (const [nth, index] of previous.indices.entries()) {
    while (at < current.indices.length && (current.indices[at] ?? 0) < index) at++
    const count = current.indices[at] === index ? (current.counts[at] ?? 0) : 0
    if (count < (previous.counts[nth] ?? 0)) return true
  }
  return false
}

function combine(one: FloatHistogram, other: FloatHistogram, factor: 1 | -1): Combined | undefined {
  if (isCustom(one) !== isCustom(other)) return undefined
  const { resetHint, hasConflict } = mergeHints(one.resetHint, other.resetHint)
  const areBoundsReconciled = isCustom(one) && !isEqualList(one.customBounds, other.customBounds)
  const [left, right] = areBoundsReconciled ? reconcileBounds(one, other) : alignZero(one, other)
  const schema = Math.min(left.schema, right.schema)
  const [leftSides, rightSides] = [sidesOf(left), sidesOf(right)]
  const positive = mergeSides(
    reduceSide(leftSides.positive, left.schema, schema),
    reduceSide(rightSides.positive, right.schema, schema),
    factor,
  )
  const negative = mergeSides(
    reduceSide(leftSides.negative, left.schema, schema),
    reduceSide(rightSides.negative, right.schema, schema),
    factor,
  )
  const merged = {
    ...left,
    resetHint,
    schema,
    zeroCount: left.zeroCount + factor * right.zeroCount,
    count: left.count + factor * right.count,
    sum: left.sum + factor * right.sum,
  }
  const histogram = withSides(merged, positive, negative)
  return { histogram, hasResetConflict: hasConflict, areBoundsReconciled }
}

function mergeHints(
  one: ResetHint,
  other: ResetHint,
): { resetHint: ResetHint; hasConflict: boolean } {
  if (one === other) return { resetHint: one, hasConflict: false }
  if (one === 'gauge' || other === 'gauge') return { resetHint: 'gauge', hasConflict: false }
  const hasConflict = one !== 'unknown' && other !== 'unknown'
  return { resetHint: 'unknown', hasConflict }
}

function reconcileBounds(
  one: FloatHistogram,
  other: FloatHistogram,
): readonly [FloatHistogram, FloatHistogram] {
  const bounds = commonBounds(one.customBounds, other.customBounds)
  return [withBounds(one, bounds), withBounds(other, bounds)]
}

function commonBounds(one: readonly number[], other: readonly number[]): readonly number[] {
  const known = new Set(other)
  return one.filter((bound) => known.has(bound))
}

/** The histogram with fewer custom bounds: what lies between two that are left is one bucket. */
function withBounds(histogram: FloatHistogram, bounds: readonly number[]): FloatHistogram {
  if (isEqualList(histogram.customBounds, bounds)) return histogram
  const { positive, negative } = sidesOf(histogram)
  const indices: number[] = []
  const counts: number[] = []
  for (const [nth, index] of positive.indices.entries()) {
    const upper = histogram.customBounds[index] ?? Infinity
    const found = bounds.findIndex((bound) => bound >= upper)
    const target = found < 0 ? bounds.length : found
    if (indices.at(-1) === target) counts[counts.length - 1]! += positive.counts[nth] ?? 0
    else {
      indices.push(target)
      counts.push(positive.counts[nth] ?? 0)
    }
  }
  return withSides({ ...histogram, customBounds: bounds }, { indices, counts }, negative)
}

function isEqualList(one: readonly number[], other: readonly number[]): boolean {
  return (
    one.length === other.length &&
    one.every(
      (value, index) =>
        value === other[index] || (value !== value && other[index] !== other[index]),
    )
  )
}

/** An empty histogram with the layout of another one. */
export function emptyLike(histogram: FloatHistogram): FloatHistogram {
  return compact({
    ...histogram,
    resetHint: 'unknown',
    zeroThreshold: 0,
    zeroCount: 0,
    count: 0,
    sum: 0,
    positiveSpans: [],
    positiveCounts: [],
    negativeSpans: [],
    negativeCounts: [],
  })
}
