import { findField } from '../../mechanisms/http1/fields.ts'
import { FIELD } from '../../mechanisms/http1/names.ts'
import type { ResponseHead } from '../../mechanisms/http1/response-head.ts'
import type { ResponseRewrite } from '../../mechanisms/http1/write-head.ts'
import type { ExchangeContext } from './context.ts'
import type { BoundAttempt } from './exchange.ts'
import { stickyLine } from './sticky.ts'

const NO_BYTES = new Uint8Array(0)

/** The lines that the answer gets: the request's id, a date where there is none, the sticky cookie, and what policies say. */
export function prepareRewrite(
  ctx: ExchangeContext,
  attempt: BoundAttempt,
  head: ResponseHead,
  bytes: Buffer,
): ResponseRewrite {
  const { exchange } = attempt
  const rewrite = ctx.responseRewrite
  const { route } = exchange
  if (route?.policies?.hasResponse === true) {
    route.policies.response(ctx.policyView.ofAnswer(exchange), head, bytes)
  }
  let lines = exchange.responseLines
  if (findField(head.fields, FIELD.date) < 0) lines += ctx.dateLine.at(ctx.clock.nowMs())
  if (exchange.setsSticky) lines += stickyLine(exchange, attempt.instance)
  rewrite.lines = lines
  rewrite.fixedLines = route === null ? NO_BYTES : route.fixedResponseLines
  rewrite.drops = route === null || route.drops === null ? ctx.responseDrops : route.drops.response
  attempt.stream.body.dropNames = rewrite.drops.names
  const { identifiers } = ctx
  rewrite.ownLines = identifiers.lines
  rewrite.ownLinesEnd = identifiers.writeIdLine(exchange.record)
  return rewrite
}
