import type { ProblemError } from '../problem.ts'
import { STATUS_CODES } from './node-http.ts'

/** How a protocol tells an error: one function from what went wrong to bytes. */
export type FailureFormat = (problem: ProblemError) => {
  readonly contentType: string
  readonly body: string
}

/** RFC 9457, with a stable code: what our own API says. */
export const problemDetails: FailureFormat = (problem) => ({
  contentType: 'application/problem+json',
  body: JSON.stringify({
    type: `urn:backplane:error:${problem.code}`,
    title: STATUS_CODES[problem.statusCode] ?? 'Error',
    status: problem.statusCode,
    detail: problem.message,
    code: problem.code,
    ...problem.fields,
  }),
})
