import {
  addHistograms,
  isReset,
  scaleHistogram,
  subtractHistograms,
} from '../../native-histogram/arithmetic.ts'
import type { FloatHistogram } from '../../native-histogram/float-histogram.ts'
import { warnMixed } from './range-notes.ts'
import { floatCount, histogramCount, type RangeCall, type Window } from './window.ts'

/** What is calculated between the bounds. */
interface Slope {
  readonly isCounter: boolean
  readonly isPerSecond: boolean
}

/** What is known about values that are either numbers or histograms. Undefined where two do not fit together. */
interface Algebra<T> {
  plus: (one: T, other: T) => T | undefined
  minus: (one: T, other: T) => T | undefined
  times: (one: T, factor: number) => T
  /** Whether a counter began anew between these. */
  isReset: (later: T, before: T) => boolean
}

const numbers: Algebra<number> = {
  plus: (one, other) => one + other,
  minus: (one, other) => one - other,
  times: (one, factor) => one * factor,
  isReset: (later, before) => later < before,
}

const histograms: Algebra<FloatHistogram> = {
  plus: (one, other) => addHistograms(one, other)?.histogram,
  minus: (one, other) => subtractHistograms(one, other)?.histogram,
  times: scaleHistogram,
  isReset,
}

/**
 * `rate`, `increase` and `delta` of a range with `anchored` or `smoothed`: between the values at its bounds, without extrapolation.
 * `anchored` takes the last samples before the bounds, `smoothed` what lies on a line between the samples around them. The window holds
 * the samples before, and for `smoothed` behind the range too.
 */
export function extendedRate(window: Window, call: RangeCall, slope: Slope): 0 | 1 | 2 {
  const { run, from, to, histogramFrom, histogramTo } = window
  const isSmoothed = call.extension === 'smoothed'
  const seconds = slope.isPerSecond ? call.rangeMs / 1_000 : 1
  const bounds = {
    startMs: window.startMs,
    endMs: window.endMs,
    isSmoothed,
    isCounter: slope.isCounter,
  }
  if (histogramCount(window) > 0) {
    if (floatCount(window) > 0) return warnMixed(window, call, call.place)
    const samples = {
      times: run.histogramTimes.slice(histogramFrom, histogramTo),
      values: run.histograms.slice(histogramFrom, histogramTo),
    }
    const change = between(samples, bounds, histograms)
    if (change === undefined) return 0
    window.histogram = { ...scaleHistogram(change, 1 / seconds), resetHint: 'gauge' }
    return 2
  }
  const samples = { times: run.times.subarray(from, to), values: run.values.subarray(from, to) }
  const change = between<number>(samples, bounds, numbers)
  if (change === undefined) return 0
  window.value = change / seconds
  return 1
}

interface Samples<T> {
  readonly times: ArrayLike<number>
  readonly values: ArrayLike<T>
}

interface Bounds {
  readonly startMs: number
  readonly endMs: number
  readonly isSmoothed: boolean
  readonly isCounter: boolean
}

function between<T>(
  { times, values }: Samples<T>,
  { startMs, endMs, isSmoothed, isCounter }: Bounds,
  algebra: Algebra<T>,
): T | undefined {
  const { length } = times
  let first = 0
  while (first + 1 < length && times[first + 1]! <= startMs) first++
  let last = length - 1
  if (isSmoothed) {
    last = 0
    while (last < length - 1 && times[last]! < endMs) last++
  }
  if (length === 0 || times[last]! <= startMs || times[first]! > endMs) return undefined
  const at = (index: number) => ({ time: times[index]!, value: values[index]! })
  const left =
    isSmoothed && times[first]! < startMs
      ? interpolate([at(first), at(first + 1)], startMs, { isCounter, isLeft: true }, algebra)
      : values[first]!
  const right =
    isSmoothed && last > 0 && times[last]! > endMs
      ? interpolate([at(last - 1), at(last)], endMs, { isCounter, isLeft: false }, algebra)
      : values[last]!
  if (left === undefined || right === undefined) return undefined
  let change = algebra.minus(right, left)
  if (!isCounter) return change
  // Resets at the bounds are in `left` and `right` already.
  if (times[first]! <= startMs) first++
  if (times[last]! >= endMs) last--
  let previous = left
  for (let index = first; index <= last + 1 && change !== undefined; index++) {
    const value = index <= last ? values[index]! : right
    if (algebra.isReset(value, previous)) change = algebra.plus(change, previous)
    previous = value
  }
  return change
}

interface Sample<T> {
  readonly time: number
  readonly value: T
}

/** The value at a time on the line between two samples. A counter that began anew between them began at zero. */
function interpolate<T>(
  [before, behind]: readonly [Sample<T>, Sample<T>],
  timeMs: number,
  { isCounter, isLeft }: { readonly isCounter: boolean; readonly isLeft: boolean },
  algebra: Algebra<T>,
): T | undefined {
  const share = (timeMs - before.time) / (behind.time - before.time)
  if (isCounter && algebra.isReset(behind.value, before.value)) {
    const risen = algebra.times(behind.value, share)
    return isLeft ? risen : algebra.plus(before.value, risen)
  }
  const difference = algebra.minus(behind.value, before.value)
  return difference === undefined
    ? undefined
    : algebra.plus(before.value, algebra.times(difference, share))
}
