/**
 * What is kept of logs and traces: the data model of OpenTelemetry (opentelemetry.io/docs/specs/otel/logs/data-model), flattened. Every protocol is
 * a decoder to one of these two; all that comes after knows nothing else.
 */

/** One log record. */
export interface LogRecord {
  /** When it happened: Unix microseconds. */
  readonly time: number
  /** When it was taken: Unix microseconds. */
  readonly observed: number
  /** 1 to 24 as OpenTelemetry numbers it; 0: not said. */
  readonly severity: number
  readonly service: string
  readonly instance: string
  /** How it came: `stdout`, `stderr`, `otlp`, `elasticsearch`, ... */
  readonly source: string
  /** 32 hexadecimal digits, or ''. */
  readonly trace: string
  /** 16 hexadecimal digits, or ''. */
  readonly span: string
  readonly body: string
  /** JSON text of one flat object: names as paths with dots. */
  readonly attributes: string
}

/** One span. */
export interface SpanRecord {
  /** When it began: Unix microseconds. */
  readonly time: number
  readonly observed: number
  /** Whole nanoseconds. */
  readonly duration: number
  readonly service: string
  readonly instance: string
  readonly source: string
  readonly trace: string
  readonly span: string
  /** '' at the root. */
  readonly parent: string
  readonly name: string
  readonly kind: SpanKind
  readonly status: SpanStatus
  /** What went wrong, in the words of whoever reported it. */
  readonly message: string
  /** JSON text of an array: `{ time, name, attributes }`. */
  readonly events: string
  /** JSON text of one flat object. */
  readonly attributes: string
}

/** As OpenTelemetry numbers them. */
export const SPAN_KINDS = [
  'unspecified',
  'internal',
  'server',
  'client',
  'producer',
  'consumer',
] as const
export type SpanKind = (typeof SPAN_KINDS)[number]

/** As OpenTelemetry numbers them. */
export const SPAN_STATUSES = ['unset', 'ok', 'error'] as const
export type SpanStatus = (typeof SPAN_STATUSES)[number]

/** The two kinds of what is kept. */
export const SIGNALS = ['logs', 'spans'] as const
export type Signal = (typeof SIGNALS)[number]
