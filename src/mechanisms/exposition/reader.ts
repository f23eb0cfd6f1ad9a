/** Types of OpenMetrics; the text format knows some of them and calls the unknown one untyped. */
export type MetricType =
  | 'counter'
  | 'gauge'
  | 'histogram'
  | 'gaugehistogram'
  | 'summary'
  | 'info'
  | 'stateset'
  | 'unknown'

/** What a reader has found. */
export type Entry =
  | { readonly kind: 'end' }
  /** A sample: its parts are in the reader until the next call. */
  | { readonly kind: 'sample' }
  | { readonly kind: 'type'; readonly name: string; readonly type: MetricType }
  | { readonly kind: 'help'; readonly name: string; readonly text: string }
  | { readonly kind: 'unit'; readonly name: string; readonly text: string }

/** A single observation that a sample points to. */
export interface Exemplar {
  readonly labels: readonly (readonly [name: string, value: string])[]
  readonly value: number
  /** Unix milliseconds; undefined where the target does not say it. */
  readonly timeMs: number | undefined
}

/** Reads an exposition entry by entry. */
export interface ExpositionReader {
  /** Throws `ExpositionError`; then nothing of the exposition counts. */
  next(): Entry
  /** Where name and labels of the sample are, for `parseSeriesText`: equal bytes are equal series. */
  readonly seriesStart: number
  readonly seriesEnd: number
  readonly value: number
  /** Unix milliseconds; NaN where the target does not say it. */
  readonly timeMs: number
  readonly exemplar: Exemplar | undefined
}

/** Times beyond this are no times: so many milliseconds are 71,000 years. */
export const TIME_MS_MAX = 2 ** 51
