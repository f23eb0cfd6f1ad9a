import { quote } from '../../go-text/go-text.ts'
import { equalHistograms, isReset } from '../../native-histogram/arithmetic.ts'
import { compact } from '../../native-histogram/buckets.ts'
import type { FloatHistogram } from '../../native-histogram/float-histogram.ts'
import { HistogramMean, HistogramSum } from './histogram-sums.ts'
import { warnMixed, warnSchemas } from './range-notes.ts'
import { addTo, quantileOf, type Sum } from './sums.ts'
import {
  floatCount,
  histogramCount,
  histogramOf,
  type RangeCall,
  type RangeFunction,
  type Window,
} from './window.ts'

/** A function of the numbers alone: histograms beside them are told of, ranges without numbers have no answer. */
function ofFloats(calculate: (window: Window, call: RangeCall) => number): RangeFunction {
  return (window, call) => {
    if (window.from === window.to) return 0
    if (histogramCount(window) > 0) informIgnored(window, call)
    window.value = calculate(window, call)
    return 1
  }
}

/** The annotation for histograms that a function has no use for. */
export function informIgnored({ metric }: Window, { notes, place }: RangeCall): void {
  const problem = 'ignored histograms in a range containing both floats and histograms'
  notes.inform(`${problem} for metric name ${quote(metric)}`, place)
}

/** `count_over_time`. */
export const countOverTime: RangeFunction = (window) => {
  window.value = floatCount(window) + histogramCount(window)
  return 1
}

/** `present_over_time`. */
export const presentOverTime: RangeFunction = (window) => {
  window.value = 1
  return 1
}

/** `max_over_time`: NaN only where there is nothing else. */
export const maxOverTime = ofFloats(({ run: { values }, from, to }) => {
  let best = values[from]!
  for (let index = from + 1; index < to; index++) {
    const value = values[index]!
    if (value > best || best !== best) best = value
  }
  return best
})

/** `min_over_time`: NaN only where there is nothing else. */
export const minOverTime = ofFloats(({ run: { values }, from, to }) => {
  let best = values[from]!
  for (let index = from + 1; index < to; index++) {
    const value = values[index]!
    if (value < best || best !== best) best = value
  }
  return best
})

/** `ts_of_max_over_time`: of several the last one. */
export const timeOfMax = ofFloats(({ run: { values, times }, from, to }) => {
  let best = from
  for (let index = from; index < to; index++) {
    if (values[index]! >= values[best]! || values[best] !== values[best]) best = index
  }
  return times[best]! / 1_000
})

/** `ts_of_min_over_time`: of several the last one. */
export const timeOfMin = ofFloats(({ run: { values, times }, from, to }) => {
  let best = from
  for (let index = from; index < to; index++) {
    if (values[index]! <= values[best]! || values[best] !== values[best]) best = index
  }
  return times[best]! / 1_000
})

/** `ts_of_first_over_time`. */
export const timeOfFirst: RangeFunction = (window) => {
  const { run, from, to, histogramFrom, histogramTo } = window
  const first = from < to ? run.times[from]! : Infinity
  const firstHistogram = histogramFrom < histogramTo ? run.histogramTimes[histogramFrom]! : Infinity
  window.value = Math.min(first, firstHistogram) / 1_000
  return 1
}

/** `ts_of_last_over_time`. */
export const timeOfLast: RangeFunction = (window) => {
  const { run, from, to, histogramFrom, histogramTo } = window
  const last = from < to ? run.times[to - 1]! : -Infinity
  const lastHistogram =
    histogramFrom < histogramTo ? run.histogramTimes[histogramTo - 1]! : -Infinity
  window.value = Math.max(last, lastHistogram) / 1_000
  return 1
}

/** `first_over_time`. */
export const firstOverTime: RangeFunction = (window) => {
  const { run, from, histogramFrom } = window
  const hasFloat = floatCount(window) > 0
  const isFloat =
    histogramCount(window) === 0 ||
    (hasFloat && run.times[from]! < run.histogramTimes[histogramFrom]!)
  return isFloat ? answerFloat(window, from) : answerHistogram(window, histogramFrom)
}

/** `last_over_time`. */
export const lastOverTime: RangeFunction = (window) => {
  const { run, to, histogramTo } = window
  const hasFloat = floatCount(window) > 0
  const isFloat =
    histogramCount(window) === 0 ||
    (hasFloat && run.times[to - 1]! > run.histogramTimes[histogramTo - 1]!)
  return isFloat ? answerFloat(window, to - 1) : answerHistogram(window, histogramTo - 1)
}

function answerFloat(window: Window, index: number): 1 {
  window.value = window.run.values[index]!
  return 1
}

function answerHistogram(window: Window, index: number): 2 {
  window.histogram = histogramOf(window, index)
  return 2
}

/** `sum_over_time`. */
export const sumOverTime: RangeFunction = (window, call) => {
  const { run, from, to } = window
  if (histogramCount(window) > 0) return ofHistograms(window, call, new HistogramSum())
  const { values } = run
  let sum = 0
  let rest = 0
  for (let index = from; index < to; index++) {
    const value = values[index]!
    const next = sum + value
    if (next === Infinity || next === -Infinity) rest = 0
    else if (Math.abs(sum) >= Math.abs(value)) rest += sum - next + value
    else rest += value - next + sum
    sum = next
  }
  window.value = sum === Infinity || sum === -Infinity ? sum : sum + rest
  return 1
}

/** `avg_over_time`. */
export const avgOverTime: RangeFunction = (window, call) => {
  if (histogramCount(window) > 0) return ofHistograms(window, call, new HistogramMean())
  const { run, from, to } = window
  window.value = meanOf(run.values, from, to)
  return 1
}

function ofHistograms(window: Window, call: RangeCall, sum: HistogramSum | HistogramMean): 0 | 2 {
  if (floatCount(window) > 0) return warnMixed(window, call, call.place)
  for (let index = window.histogramFrom; index < window.histogramTo; index++) {
    if (!sum.add(histogramOf(window, index))) return warnSchemas(window, call, call.place)
  }
  sum.report(call.notes, call.place)
  const result = sum.result()
  if (result === undefined) return 0
  window.histogram = result
  return 2
}

/** The mean by way of the sum; where that is too large for a number, step by step. */
function meanOf(values: Float64Array, from: number, to: number): number {
  const sum: Sum = { value: values[from]!, rest: 0 }
  const count = to - from
  for (let index = from + 1; index < to; index++) {
    const before = { ...sum }
    addTo(sum, values[index]!)
    if (sum.value === Infinity || sum.value === -Infinity) {
      return steppedMean(values, { from: index, to, seen: index - from, sum: before })
    }
  }
  return sum.value / count + sum.rest / count
}

interface Stepped {
  readonly from: number
  readonly to: number
  readonly seen: number
  readonly sum: Sum
}

function steppedMean(values: Float64Array, { from, to, seen, sum }: Stepped): number {
  const mean: Sum = { value: sum.value / seen, rest: sum.rest / seen }
  let count = seen
  for (let index = from; index < to; index++) {
    count++
    const share = (count - 1) / count
    mean.value *= share
    mean.rest *= share
    addTo(mean, values[index]! / count)
  }
  return mean.value + mean.rest
}

/** `stdvar_over_time`. */
export const stdvarOverTime = ofFloats((window) => varianceOf(window))
/** `stddev_over_time`. */
export const stddevOverTime = ofFloats((window) => Math.sqrt(varianceOf(window)))

function varianceOf({ run: { values }, from, to }: Window): number {
  const mean: Sum = { value: 0, rest: 0 }
  const square: Sum = { value: 0, rest: 0 }
  let count = 0
  for (let index = from; index < to; index++) {
    const value = values[index]!
    count++
    const distance = value - (mean.value + mean.rest)
    addTo(mean, distance / count)
    addTo(square, distance * (value - (mean.value + mean.rest)))
  }
  return (square.value + square.rest) / count
}

/** `quantile_over_time`. */
export const quantileOverTime: RangeFunction = (window, call) => {
  if (window.from === window.to) return 0
  const share = call.scalars[0]?.[window.step] ?? NaN
  warnShare(share, call.notes, call.firstPlace)
  if (histogramCount(window) > 0) informIgnored(window, call)
  window.value = quantileOf(window.run.values.slice(window.from, window.to), share)
  return 1
}

/** The annotation for a quantile that is none. */
export function warnShare(
  share: number,
  notes: RangeCall['notes'],
  place: RangeCall['place'],
): void {
  if (share >= 0 && share <= 1) return
  notes.warn(`quantile value should be between 0 and 1, got ${shareText(share)}`, place)
}

function shareText(share: number): string {
  return Number.isFinite(share)
    ? String(share)
    : Number.isNaN(share)
      ? 'NaN'
      : share > 0
        ? '+Inf'
        : '-Inf'
}

/** `mad_over_time`: the median of the distances from the median. */
export const madOverTime = ofFloats(({ run: { values }, from, to }) => {
  const some = values.slice(from, to)
  if (some.some((value) => value !== value)) return NaN
  const median = quantileOf(some, 0.5)
  return quantileOf(
    some.map((value) => Math.abs(value - median)),
    0.5,
  )
})

/** `changes`. */
export const changes: RangeFunction = (window, call) => {
  return countSteps(window, call, {
    floats: (value, before) => value !== before && !(value !== value && before !== before),
    histograms: (value, before) => !equalHistograms(compact(value), compact(before)),
  })
}

/** `resets`. */
export const resets: RangeFunction = (window, call) => {
  return countSteps(window, call, {
    floats: (value, before) => value < before,
    // From a counter to a gauge, or back, is a reset too.
    histograms: (value, before) =>
      (value.resetHint === 'gauge') !== (before.resetHint === 'gauge') || isReset(value, before),
  })
}

interface Counted {
  readonly floats: (value: number, before: number) => boolean
  readonly histograms: (value: FloatHistogram, before: FloatHistogram) => boolean
}

/** Counts neighbours for which something is true; a number beside a histogram always counts. */
function countSteps(window: Window, call: RangeCall, counted: Counted): 0 | 1 {
  const { run, to, histogramTo } = window
  const isAnchored = call.extension === 'anchored'
  let at = isAnchored ? anchor(run.times, window.from, to, window.startMs) : window.from
  let histogramAt = isAnchored
    ? anchor(run.histogramTimes, window.histogramFrom, histogramTo, window.startMs)
    : window.histogramFrom
  if (isAnchored && !hasWithin(window)) return 0
  let count = 0
  let previous: number | FloatHistogram | undefined
  while (at < to || histogramAt < histogramTo) {
    const isFloat =
      histogramAt >= histogramTo || (at < to && run.times[at]! < run.histogramTimes[histogramAt]!)
    const current = isFloat ? run.values[at++]! : histogramOf(window, histogramAt++)
    if (previous !== undefined && isCounted(current, previous, counted)) count++
    previous = current
  }
  window.value = count
  return 1
}

function isCounted(
  current: number | FloatHistogram,
  previous: number | FloatHistogram,
  { floats, histograms }: Counted,
): boolean {
  if (typeof current === 'number') {
    return typeof previous === 'number' ? floats(current, previous) : true
  }
  return typeof previous === 'number' ? true : histograms(current, previous)
}

/** The last sample at or before a time, or the first one. */
function anchor(times: ArrayLike<number>, from: number, to: number, startMs: number): number {
  let at = from
  while (at + 1 < to && times[at + 1]! <= startMs) at++
  return at
}

function hasWithin({ run, from, to, histogramFrom, histogramTo, startMs }: Window): boolean {
  return (
    (to > from && run.times[to - 1]! > startMs) ||
    (histogramTo > histogramFrom && run.histogramTimes[histogramTo - 1]! > startMs)
  )
}
