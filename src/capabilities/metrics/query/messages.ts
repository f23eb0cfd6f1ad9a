import type { FloatHistogram } from '../../../mechanisms/native-histogram/float-histogram.ts'
import type { QueryTime } from '../../../mechanisms/promql/engine.ts'
import type { SelectQuery } from '../../../mechanisms/promql/queryable.ts'
import type { PackedSeries } from './packed-series.ts'

/** A query for a thread. */
export interface QueryJob {
  readonly text: string
  readonly time: QueryTime
  readonly lookbackMs: number
  readonly subqueryStepMs: number
  readonly samplesMax: number
  readonly timeoutMs: number
  /** Series of an answer; 0: no limit. */
  readonly limit: number
  readonly withStats: boolean
  /** What comes back: the body of an answer, or samples for a rule. */
  readonly answerAs: 'body' | 'samples'
  /** One word: not 0 when nobody waits any more. */
  readonly canceled: SharedArrayBuffer
}

/** Why a query has no answer, as Prometheus tells it. */
export interface QueryFailure {
  readonly errorType: 'bad_data' | 'execution' | 'timeout' | 'canceled' | 'internal' | 'unavailable'
  readonly message: string
}

export type ToQueryThread =
  | { readonly type: 'query'; readonly job: QueryJob }
  /** Answers a `select`. */
  | { readonly type: 'selected'; readonly select: number; readonly series: PackedSeries }
  | { readonly type: 'not-selected'; readonly select: number; readonly failure: QueryFailure }

export type FromQueryThread =
  /** The thread wants samples. */
  | { readonly type: 'select'; readonly select: number; readonly query: SelectQuery }
  /** The whole body of the answer, JSON. */
  | { readonly type: 'answer'; readonly body: Uint8Array<ArrayBuffer> }
  | { readonly type: 'samples'; readonly samples: readonly RuleSample[] }
  | { readonly type: 'failed'; readonly failure: QueryFailure }

/** An element of what a rule's expression answers; a scalar is one without labels. */
export interface RuleSample {
  readonly names: readonly string[]
  readonly values: readonly string[]
  readonly value: number
  readonly histogram: FloatHistogram | undefined
  /** The text of a string; '' for all else. */
  readonly text: string
}
