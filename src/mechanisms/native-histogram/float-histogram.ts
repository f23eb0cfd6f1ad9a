/**
 * What is known about the counts of a histogram against those of the sample before it. `gauge`: they may fall without a reset.
 */
export type ResetHint = 'unknown' | 'reset' | 'not-reset' | 'gauge'

/** A run of buckets that follow each other. `offset` counts from the end of the span before it, of the first one from bucket 0. */
export interface Span {
  readonly offset: number
  readonly length: number
}

/** The schema of histograms whose bounds are given one by one (`customBounds`); what were classic buckets, for example. */
export const customSchema = -53

/**
 * A native histogram with counts that need not be whole, as everything that was calculated. Never changed once it is made.
 *
 * With schema -4 to 8, bucket `i` reaches from 2^((i-1) * 2^-schema), not included, to 2^(i * 2^-schema); negative buckets mirror
 * that; the zero bucket holds what is at most `zeroThreshold` away from zero. With `customSchema`, bucket `i` reaches from
 * `customBounds[i - 1]` to `customBounds[i]`, the last one to infinity, and there are neither negative buckets nor a zero bucket.
 */
export interface FloatHistogram {
  readonly resetHint: ResetHint
  readonly schema: number
  readonly zeroThreshold: number
  readonly zeroCount: number
  /** All observations, NaN included, which are in no bucket. */
  readonly count: number
  readonly sum: number
  readonly positiveSpans: readonly Span[]
  /** The count of each bucket of the spans, not the difference to the one before it. */
  readonly positiveCounts: readonly number[]
  readonly negativeSpans: readonly Span[]
  readonly negativeCounts: readonly number[]
  /** Upper bounds, rising, without infinity; empty for any other schema than `customSchema`. */
  readonly customBounds: readonly number[]
}
