import { quote } from '../../go-text/go-text.ts'
import {
  addHistograms,
  divideHistogram,
  emptyLike,
  isReset,
  scaleHistogram,
  subtractHistograms,
} from '../../native-histogram/arithmetic.ts'
import { isCustom, toSchema } from '../../native-histogram/buckets.ts'
import type { FloatHistogram } from '../../native-histogram/float-histogram.ts'
import { extendedRate } from './range-extended.ts'
import { informReconciled, warnMixed, warnSchemas } from './range-notes.ts'
import {
  floatCount,
  histogramCount,
  histogramOf,
  type RangeCall,
  type RangeFunction,
  type Window,
} from './window.ts'

/** What is calculated from the first to the last sample. */
interface Slope {
  readonly isCounter: boolean
  readonly isPerSecond: boolean
}

/** `rate`: by how much a counter rises in a second. */
export const rate = slopeFunction({ isCounter: true, isPerSecond: true })
/** `increase`: by how much a counter rose. */
export const increase = slopeFunction({ isCounter: true, isPerSecond: false })
/** `delta`: by how much a gauge changed. */
export const delta = slopeFunction({ isCounter: false, isPerSecond: false })
/** `irate`: the rise in a second between the last two samples. */
export const irate: RangeFunction = (window, call) => lastTwo(window, call, true)
/** `idelta`: the difference of the last two samples. */
export const idelta: RangeFunction = (window, call) => lastTwo(window, call, false)

function slopeFunction(slope: Slope): RangeFunction {
  return (window, call) => {
    if (call.extension !== undefined) return extendedRate(window, call, slope)
    const histograms = histogramCount(window)
    if (histograms === 0) return floatSlope(window, call, slope)
    if (floatCount(window) > 0) return warnMixed(window, call, call.place)
    return histograms > 1 ? histogramSlope(window, call, slope) : 0
  }
}

function floatSlope(window: Window, call: RangeCall, { isCounter, isPerSecond }: Slope): 0 | 1 {
  const { from, to, run } = window
  const { times, values } = run
  const last = to - 1
  if (last <= from) return 0
  const first = values[from]!
  let change = values[last]! - first
  if (isCounter) {
    let previous = first
    for (let index = from + 1; index < to; index++) {
      const value = values[index]!
      if (value < previous) change += previous
      previous = value
    }
  }
  const firstMs = times[from]!
  const lastMs = times[last]!
  const zero = isCounter && change > 0 && first >= 0 ? first / change : Infinity
  let factor = extrapolation(window, { firstMs, lastMs, gaps: last - from, zero })
  if (isPerSecond) factor /= call.rangeMs / 1_000
  window.value = change * factor
  return 1
}

/** The samples that a slope is taken from. `zero`: how far before them it would be zero, as a share of their distance. */
interface Sampled {
  readonly firstMs: number
  readonly lastMs: number
  readonly gaps: number
  readonly zero: number
}

/**
 * The factor from the change between the samples to that in the whole range. The series is taken to reach to an end of the range
 * unless a sample more would fit in there (with a tenth of tolerance); then it ends half a gap beyond its samples. No counter is
 * followed back beyond the point where it would have been zero.
 */
function extrapolation(window: Window, { firstMs, lastMs, gaps, zero }: Sampled): number {
  const sampled = (lastMs - firstMs) / 1_000
  const gap = sampled / gaps
  const threshold = gap * 1.1
  let toStart = (firstMs - window.startMs) / 1_000
  let toEnd = (window.endMs - lastMs) / 1_000
  if (toStart >= threshold) toStart = gap / 2
  const toZero = sampled * zero
  if (toZero < toStart) toStart = toZero
  if (toEnd >= threshold) toEnd = gap / 2
  return (sampled + toStart + toEnd) / sampled
}

function histogramSlope(window: Window, call: RangeCall, slope: Slope): 0 | 2 {
  const { histogramFrom, histogramTo, run } = window
  const last = histogramTo - 1
  const change = histogramChange(window, call, slope.isCounter)
  if (change === undefined) return 0
  const first = histogramOf(window, histogramFrom)
  const canBeZero = slope.isCounter && change.count > 0 && first.count >= 0
  let factor = extrapolation(window, {
    firstMs: run.histogramTimes[histogramFrom]!,
    lastMs: run.histogramTimes[last]!,
    gaps: last - histogramFrom,
    zero: canBeZero ? first.count / change.count : Infinity,
  })
  if (slope.isPerSecond) factor /= call.rangeMs / 1_000
  window.histogram = scaleHistogram(change, factor)
  return 2
}

/** The last histogram minus the first one, with what was there before each reset added. */
function histogramChange(
  window: Window,
  call: RangeCall,
  isCounter: boolean,
): FloatHistogram | undefined {
  const { histogramFrom: from, histogramTo: to } = window
  const last = histogramOf(window, to - 1)
  const second = histogramOf(window, from + 1)
  const given = histogramOf(window, from)
  let previous = isCounter && isReset(second, given) ? emptyLike(second) : given
  warnHints(window, call, isCounter)
  let schema = Math.min(last.schema, previous.schema)
  for (let index = from; index < to; index++) {
    const current = index === from ? previous : histogramOf(window, index)
    if (isCustom(current) !== isCustom(last)) {
      warnSchemas(window, call, call.place)
      return undefined
    }
    if (isCounter) schema = Math.min(schema, current.schema)
  }
  const difference = subtractHistograms(toSchema(last, schema), previous)
  if (difference === undefined) return undefined
  let change = difference.histogram
  if (difference.areBoundsReconciled) informReconciled(call.notes, 'subtraction', call.place)
  for (let index = from + 1; isCounter && index < to; index++) {
    const current = histogramOf(window, index)
    if (isReset(current, previous)) {
      const sum = addHistograms(change, previous)
      if (sum === undefined) return undefined
      if (sum.areBoundsReconciled) informReconciled(call.notes, 'addition', call.place)
      change = sum.histogram
    }
    previous = current
  }
  return { ...change, resetHint: 'gauge' }
}

function warnHints(window: Window, call: RangeCall, isCounter: boolean): void {
  const { histogramFrom: from, histogramTo: to, metric } = window
  let hasGauge = false
  for (let index = from; index < to; index++) {
    if (histogramOf(window, index).resetHint === 'gauge') hasGauge = true
  }
  const ends = [histogramOf(window, from), histogramOf(window, to - 1)]
  if (isCounter && hasGauge) {
    call.notes.warn(`this native histogram metric is not a counter: ${quote(metric)}`, call.place)
  }
  if (!isCounter && ends.some(({ resetHint }) => resetHint !== 'gauge')) {
    call.notes.warn(`this native histogram metric is not a gauge: ${quote(metric)}`, call.place)
  }
}

/** Of the last two samples, whichever kind they are of. */
function lastTwo(window: Window, call: RangeCall, isRate: boolean): 0 | 1 | 2 {
  const { run, from, to, histogramFrom, histogramTo } = window
  if (floatCount(window) + histogramCount(window) < 2) return 0
  const floatTime = (index: number) => (index >= from ? run.times[index]! : -Infinity)
  const histogramTime = (index: number) =>
    index >= histogramFrom ? run.histogramTimes[index]! : -Infinity
  // The last one of a kind is newer than the last of the other kind, and so is the one before.
  if (floatTime(to - 2) > histogramTime(histogramTo - 1)) return lastTwoFloats(window, isRate)
  if (histogramTime(histogramTo - 2) > floatTime(to - 1)) {
    return lastTwoHistograms(window, call, isRate)
  }
  return warnMixed(window, call, call.argsPlace)
}

function lastTwoFloats(window: Window, isRate: boolean): 1 {
  const { to, run } = window
  const [last, before] = [run.values[to - 1]!, run.values[to - 2]!]
  const seconds = (run.times[to - 1]! - run.times[to - 2]!) / 1_000
  const change = isRate && last < before ? last : last - before
  window.value = isRate ? change / seconds : change
  return 1
}

function lastTwoHistograms(window: Window, call: RangeCall, isRate: boolean): 0 | 2 {
  const { histogramTo, run, metric } = window
  const last = histogramOf(window, histogramTo - 1)
  const before = histogramOf(window, histogramTo - 2)
  const hints = [last.resetHint, before.resetHint]
  if (isRate && hints.includes('gauge')) {
    const problem = `this native histogram metric is not a counter: ${quote(metric)}`
    call.notes.warn(problem, call.argsPlace)
  }
  if (!isRate && hints.some((hint) => hint !== 'gauge')) {
    const problem = `this native histogram metric is not a gauge: ${quote(metric)}`
    call.notes.warn(problem, call.argsPlace)
  }
  let change = last
  if (!isRate || !isReset(last, before)) {
    const difference = subtractHistograms(last, before)
    if (difference === undefined) {
      warnSchemas(window, call, call.argsPlace)
      return 0
    }
    if (difference.areBoundsReconciled) informReconciled(call.notes, 'subtraction', call.argsPlace)
    change = difference.histogram
  }
  const seconds =
    (run.histogramTimes[histogramTo - 1]! - run.histogramTimes[histogramTo - 2]!) / 1_000
  const gauge: FloatHistogram = { ...change, resetHint: 'gauge' }
  window.histogram = isRate ? divideHistogram(gauge, seconds) : gauge
  return 2
}
