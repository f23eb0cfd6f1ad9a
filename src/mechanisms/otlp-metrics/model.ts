/** Attributes as labels take them: everything is a text. */
export type Attributes = readonly (readonly [name: string, value: string])[]

/** What an OTLP request says (opentelemetry.io/docs/specs/otlp, metrics/v1). Times are Unix milliseconds. */
export interface ResourceMetrics {
  readonly resource: Attributes
  readonly metrics: readonly OtlpMetric[]
}

/** One metric with all its points. */
export interface OtlpMetric {
  readonly name: string
  readonly description: string
  readonly unit: string
  readonly data: OtlpData
}

/** `delta`: since the point before; `cumulative`: since the start of the series. */
export type Temporality = 'delta' | 'cumulative' | 'unspecified'

/** The kinds of metrics. */
export type OtlpData =
  | { readonly kind: 'gauge'; readonly points: readonly NumberPoint[] }
  | {
      readonly kind: 'sum'
      readonly points: readonly NumberPoint[]
      readonly temporality: Temporality
      readonly isMonotonic: boolean
    }
  | {
      readonly kind: 'histogram'
      readonly points: readonly HistogramPoint[]
      readonly temporality: Temporality
    }
  | {
      readonly kind: 'exponential'
      readonly points: readonly ExponentialPoint[]
      readonly temporality: Temporality
    }
  | { readonly kind: 'summary'; readonly points: readonly SummaryPoint[] }
  | { readonly kind: 'none' }

/** What all points have. */
export interface PointHead {
  readonly attributes: Attributes
  readonly timeMs: number
  /** There is no value: the series has ended. */
  readonly isStale: boolean
}

/** A number. */
export interface NumberPoint extends PointHead {
  readonly value: number
}

/** Counts between bounds. */
export interface HistogramPoint extends PointHead {
  readonly count: number
  /** Undefined where values may be negative. */
  readonly sum: number | undefined
  /** One more than there are bounds; none where only the count is known. */
  readonly counts: readonly number[]
  readonly bounds: readonly number[]
}

/** Counts in buckets whose bounds are powers of 2^(2^-scale). */
export interface ExponentialPoint extends PointHead {
  readonly count: number
  readonly sum: number | undefined
  readonly scale: number
  readonly zeroCount: number
  readonly zeroThreshold: number
  readonly positive: ExponentialBuckets
  readonly negative: ExponentialBuckets
}

/** Bucket `i` has what lies above base^(offset + i), up to base^(offset + i + 1). */
export interface ExponentialBuckets {
  readonly offset: number
  readonly counts: readonly number[]
}

/** Quantiles that the sender has calculated. */
export interface SummaryPoint extends PointHead {
  readonly count: number
  readonly sum: number
  readonly quantiles: readonly (readonly [quantile: number, value: number])[]
}

/** A request is not what it must be; the message says where. */
export class OtlpError extends Error {
  readonly code = 'ERR_METRICS_OTLP'
  readonly statusCode = 400

  constructor(message: string) {
    super(`no OTLP metrics: ${message}`)
    this.name = 'OtlpError'
  }
}
