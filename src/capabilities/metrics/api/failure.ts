import type { FailureFormat } from '../../../platform/http/failure.ts'
import { ProblemError } from '../../../platform/problem.ts'
import { FailedQueryError } from '../query/failures.ts'
import type { QueryFailure } from '../query/messages.ts'

/** Prometheus' status for each of its kinds of errors. */
const statuses: Readonly<Record<QueryFailure['errorType'], number>> = {
  bad_data: 400,
  execution: 422,
  timeout: 503,
  canceled: 499,
  internal: 500,
  unavailable: 503,
}

/** Errors in the shape of Prometheus' API. */
export const prometheusFailure: FailureFormat = ({ statusCode, message, fields }) => ({
  contentType: 'application/json',
  body: JSON.stringify({
    status: 'error',
    errorType: fields['errorType'] ?? errorTypeOf(statusCode),
    error: message,
  }),
})

function errorTypeOf(status: number): string {
  if (status === 404) return 'not_found'
  if (status === 503) return 'unavailable'
  return status >= 500 ? 'internal' : 'bad_data'
}

/** A query that failed, as an answer. Anything else stays what it is. */
export function toProblem(error: unknown): unknown {
  if (!(error instanceof FailedQueryError)) return error
  const { errorType, message } = error.failure
  return new ProblemError(statuses[errorType], error.code, message, { errorType })
}
