import { QueryError } from './errors.ts'
import { informIgnored } from './range-aggregates.ts'
import { addTo, type Sum } from './sums.ts'
import {
  floatCount,
  histogramCount,
  type RangeCall,
  type RangeFunction,
  type Window,
} from './window.ts'

/** `deriv`: the slope of the line through the samples, a second. */
export const deriv: RangeFunction = (window, call) => {
  if (!hasTwo(window, call)) return 0
  // From a time near the samples, so that nothing is lost by large numbers.
  window.value = regression(window, window.run.times[window.from]!).slope
  return 1
}

/** `predict_linear`: where that line will be in some seconds. */
export const predictLinear: RangeFunction = (window, call) => {
  if (!hasTwo(window, call)) return 0
  const seconds = call.scalars[0]?.[window.step] ?? NaN
  const { slope, intercept } = regression(window, window.evalMs)
  window.value = slope * seconds + intercept
  return 1
}

/** `double_exponential_smoothing`, after Holt. */
export const doubleExponentialSmoothing: RangeFunction = (window, call) => {
  const smoothing = call.scalars[0]?.[window.step] ?? NaN
  const trend = call.scalars[1]?.[window.step] ?? NaN
  if (smoothing <= 0 || smoothing >= 1) {
    const told = smoothing.toFixed(6)
    throw new QueryError(`invalid smoothing factor. Expected: 0 < sf < 1, got: ${told}`)
  }
  if (trend <= 0 || trend >= 1) {
    throw new QueryError(`invalid trend factor. Expected: 0 < tf < 1, got: ${trend.toFixed(6)}`)
  }
  if (!hasTwo(window, call)) return 0
  const { values } = window.run
  let before = 0
  let level = values[window.from]!
  let slope = values[window.from + 1]! - level
  for (let index = window.from + 1; index < window.to; index++) {
    if (index > window.from + 1) slope = trend * (level - before) + (1 - trend) * slope
    before = level
    level = smoothing * values[index]! + (1 - smoothing) * (level + slope)
  }
  window.value = level
  return 1
}

/** Whether there is enough; histograms beside numbers are told of. */
function hasTwo(window: Window, call: RangeCall): boolean {
  const count = floatCount(window)
  if (count > 0 && histogramCount(window) > 0) informIgnored(window, call)
  return count >= 2
}

/** The line through the samples by least squares; its value at a time. */
function regression({ run, from, to }: Window, atMs: number): { slope: number; intercept: number } {
  const { times, values } = run
  const [sumX, sumY, sumXY, sumXX]: [Sum, Sum, Sum, Sum] = [zero(), zero(), zero(), zero()]
  const first = values[from]!
  let isConstant = true
  for (let index = from; index < to; index++) {
    const value = values[index]!
    if (value !== first) isConstant = false
    const x = (times[index]! - atMs) / 1_000
    addTo(sumX, x)
    addTo(sumY, value)
    addTo(sumXY, x * value)
    addTo(sumXX, x * x)
  }
  if (isConstant) {
    if (Number.isFinite(first)) return { slope: 0, intercept: first }
    return { slope: NaN, intercept: NaN }
  }
  const count = to - from
  const [x, y] = [sumX.value + sumX.rest, sumY.value + sumY.rest]
  const covariance = sumXY.value + sumXY.rest - (x * y) / count
  const variance = sumXX.value + sumXX.rest - (x * x) / count
  const slope = covariance / variance
  return { slope, intercept: y / count - (slope * x) / count }
}

function zero(): Sum {
  return { value: 0, rest: 0 }
}
