import type { RespondSpec } from '../../contracts/policies.ts'
import { formatLines } from './headers.ts'
import { type LocalReply, type Policy, VERDICT } from './policy.ts'

/** Answers every request with the same. */
export function compileRespond(spec: RespondSpec): Policy {
  const { status, body, contentType } = spec
  const answer: LocalReply = {
    code: '',
    detail: `respond: ${status}`,
    lines: formatLines(spec.headers),
    plain: { status, body, contentType },
  }
  return {
    kind: 'respond',
    request(exchange) {
      exchange.answer = answer
      exchange.note(answer.detail)
      return VERDICT.answer
    },
  }
}
