import { PatternError } from '../../../mechanisms/labels/pattern.ts'
import {
  QueryCanceledError,
  QueryError,
  QueryTimeoutError,
} from '../../../mechanisms/promql/eval/errors.ts'
import { TooManySamplesError, TooManySeriesError } from '../../../mechanisms/promql/queryable.ts'
import { ParseError } from '../../../mechanisms/promql/syntax/parse-error.ts'
import { BlockCorruptError } from '../../../mechanisms/tsdb-block/bytes.ts'
import { AnswerTooLargeError } from './answer-text.ts'
import type { QueryFailure } from './messages.ts'

/** What Prometheus calls this error. Undefined: it is none of a query, but a defect of ours. */
export function failureOf(error: unknown): QueryFailure | undefined {
  if (error instanceof ParseError) {
    return { errorType: 'bad_data', message: `invalid parameter "query": ${error.message}` }
  }
  if (error instanceof QueryTimeoutError) return { errorType: 'timeout', message: error.message }
  if (error instanceof QueryCanceledError) return { errorType: 'canceled', message: error.message }
  const isOfQuery =
    error instanceof QueryError ||
    error instanceof TooManySamplesError ||
    error instanceof TooManySeriesError ||
    error instanceof AnswerTooLargeError ||
    error instanceof PatternError
  if (isOfQuery) return { errorType: 'execution', message: error.message }
  if (error instanceof BlockCorruptError) return { errorType: 'internal', message: error.message }
  return undefined
}

/** A query that failed where it was asked, told on by the thread. */
export class FailedQueryError extends Error {
  readonly code = 'ERR_METRICS_QUERY_FAILED'
  readonly failure: QueryFailure

  constructor(failure: QueryFailure) {
    super(failure.message)
    this.name = 'FailedQueryError'
    this.failure = failure
  }
}
