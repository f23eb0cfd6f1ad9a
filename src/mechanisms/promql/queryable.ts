import type { Labels } from '../labels/labels.ts'
import type { FloatHistogram } from '../native-histogram/float-histogram.ts'

/** How a matcher compares. Expressions are RE2's, and match the whole value. A missing label is an empty one. */
export type MatcherKind = '=' | '!=' | '=~' | '!~'

/** One condition on the labels of a series. */
export interface Matcher {
  readonly name: string
  readonly kind: MatcherKind
  readonly value: string
}

/** What samples are wanted for. A store may use it to read less; it may not change the answer. */
export interface SelectHints {
  /** The function or aggregation around the selector; empty where there is none. */
  readonly func: string
  /** 0 for an instant query. */
  readonly stepMs: number
  /** The range of a range selector; 0 for an instant selector. */
  readonly rangeMs: number
  readonly grouping: {
    readonly labels: readonly string[]
    /** False for `without`. */
    readonly isBy: boolean
  }
}

/** Asks for the samples of all series that fulfil all matchers. At least one matcher does not match an empty value. */
export interface SelectQuery {
  readonly matchers: readonly Matcher[]
  /** The first and the last time that may be answered, both included, in milliseconds. They may be negative. */
  readonly fromMs: number
  readonly toMs: number
  /** A store that would answer more samples than this throws `TooManySamplesError` instead of reading them. */
  readonly samplesMax: number
  /** A store that finds more series than this throws `TooManySeriesError`; without it there is no such limit. */
  readonly seriesMax?: number
  readonly hints: SelectHints
}

/**
 * A series and its samples in the range that was asked for, times rising strictly. `values` has the bits as they were written, so
 * that markers of staleness can be told from other NaN (`isStaleAt`).
 *
 * Where `histograms` has an entry the sample is a histogram, and its number in `values` means nothing. A histogram series goes
 * stale by a stale number like any other.
 *
 * `timestamps`, `values` and `histograms` may be getters that decode when they are asked. The evaluator reads them once a series,
 * one series after the other, and lets go of them before it reads the next one's, so that a store holds one decoded series at a time.
 */
export interface Series {
  readonly labels: Labels
  readonly timestamps: Float64Array
  readonly values: Float64Array
  readonly histograms?: readonly (FloatHistogram | undefined)[] | undefined
}

/**
 * Where samples come from. No two series of an answer have the same labels; their order means nothing. An answer stays as it is
 * until the evaluation has ended, whatever is written meanwhile.
 */
export interface Queryable {
  select(query: SelectQuery): Promise<readonly Series[]>
}

/** The two halves of the NaN that marks the end of a series (Prometheus' `StaleNaN`, 0x7ff0000000000002). */
export const staleHigh = 0x7ff00000
export const staleLow = 2

/**
 * The bits of values, for `isStaleAt`. Numbers lose the bits of a NaN as soon as they are calculated with, or even moved, so they
 * are looked at where they lie. Two words a value, the low one first (this is a little-endian program, as all that Node runs on).
 */
export function bitsOf(values: Float64Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length * 2)
}

/** Whether the value at an index marks the end of its series. */
export function isStaleAt(bits: Uint32Array, index: number): boolean {
  return bits[2 * index + 1] === staleHigh && bits[2 * index] === staleLow
}

/** Writes the mark of staleness at an index. */
export function markStaleAt(bits: Uint32Array, index: number): void {
  bits[2 * index + 1] = staleHigh
  bits[2 * index] = staleLow
}

/** A selector finds more series than a query may have. */
export class TooManySeriesError extends Error {
  readonly code = 'ERR_QUERY_TOO_MANY_SERIES'

  constructor(seriesMax: number) {
    super(
      `a selector finds more than ${seriesMax} series: let it match fewer, or raise metrics.query.series`,
    )
    this.name = 'TooManySeriesError'
  }
}

/** A query needs more samples at one time than it may. */
export class TooManySamplesError extends Error {
  readonly code = 'ERR_QUERY_TOO_MANY_SAMPLES'

  constructor() {
    super('query processing would load too many samples into memory in query execution')
  }
}
