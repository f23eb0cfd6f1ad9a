import type { FloatHistogram } from '../../native-histogram/float-histogram.ts'
import type { TextRange } from '../syntax/parse-error.ts'
import type { Notes } from './notes.ts'
import type { Run } from './runs.ts'

/** The samples of a series in a range of time, and where a function puts what it makes of them. One is used for all times. */
export interface Window {
  run: Run
  /** The numbers are those from `from` to before `to`. */
  from: number
  to: number
  histogramFrom: number
  histogramTo: number
  /** The range, its start not included. */
  startMs: number
  endMs: number
  /** The time of the evaluation, and its number. */
  evalMs: number
  step: number
  /** The name of the metric, for annotations. */
  metric: string
  /** What the function answers: a number or a histogram, as it says. */
  value: number
  histogram: FloatHistogram | undefined
}

/** What a call of a range function is, for all series and times. */
export interface RangeCall {
  /** The scalar arguments, one value a time. */
  readonly scalars: readonly Float64Array[]
  readonly rangeMs: number
  readonly extension: 'anchored' | 'smoothed' | undefined
  readonly notes: Notes
  /** The place of the range in the query, and that of all arguments. */
  readonly place: TextRange
  readonly argsPlace: TextRange
  readonly firstPlace: TextRange
}

/**
 * A function of a window, which is not empty. Answers `float` or `histogram` and sets `value` or `histogram` of the window, or answers
 * `absent`.
 */
export type RangeFunction = (window: Window, call: RangeCall) => 0 | 1 | 2

/** How many numbers the window has. */
export function floatCount(window: Window): number {
  return window.to - window.from
}

/** How many histograms the window has. */
export function histogramCount(window: Window): number {
  return window.histogramTo - window.histogramFrom
}

/** The histogram at an index of the run. */
export function histogramOf({ run }: Window, index: number): FloatHistogram {
  const found = run.histograms[index]
  if (found === undefined) throw new Error('a window reaches beyond its run')
  return found
}
