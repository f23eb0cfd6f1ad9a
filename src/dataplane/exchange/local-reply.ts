import { formatLine } from '../../mechanisms/http1/answer.ts'
import { HEAD_ERRORS } from '../../mechanisms/http1/errors.ts'
import { H2_FIELDS_ERRORS } from '../../mechanisms/http2/field-errors.ts'
import type { LocalReply } from '../policies/policy.ts'
import { noteReason, requestIdOf } from '../records/record.ts'
import { type Reason, REASONS } from '../reasons.ts'
import { cancelAttempts } from './attempt-end.ts'
import { callLines, isCall } from './calls.ts'
import type { ExchangeContext } from './context.ts'
import { type Exchange, PHASE } from './exchange.ts'
import { endExchange, finishExchange } from './finish.ts'

/** RFC 9457 section 3.1.1: a type identifies, and need not lead anywhere. The same as in the answers of the admin API. */
const PROBLEM_TYPE_PREFIX = 'urn:backplane:error:'

const CODEC_REASONS: ReadonlyMap<string, Reason> = new Map(
  [...HEAD_ERRORS.slice(1), ...H2_FIELDS_ERRORS.slice(1)].map(({ code, status, title }) => [
    code,
    { status, title },
  ]),
)
const OWN_REASONS: ReadonlyMap<string, Reason> = new Map(Object.entries(REASONS))

/** Status and title of a code, of the gateway's own table or the codec's. */
export function reasonOf(code: string): Reason {
  return (
    OWN_REASONS.get(code) ?? CODEC_REASONS.get(code) ?? { status: 500, title: 'Unknown reason' }
  )
}

/**
 * Ends an exchange with the gateway's own answer, or, when the head of the instance's answer is out already, by resetting the client's connection: half
 * an answer must not look like a whole one. What attempts there are, are given up.
 */
export function answerLocally(ctx: ExchangeContext, exchange: Exchange, reply: LocalReply): void {
  if (exchange.fallback !== null && ctx.fallBack(exchange, reply)) return
  cancelAttempts(ctx, exchange)
  const { client, record, ticket } = exchange
  if (ticket !== null) {
    exchange.ticket = null
    ticket.cancel(reply.code === 'ERR_GATEWAY_CLIENT_ABORTED' ? 'client-gone' : 'deadline')
  }
  const reason = reasonOf(reply.code)
  const nowMs = ctx.clock.monotonicMs()
  if (reply.code !== '') noteReason(record, reply.code, reply.detail)
  const isStarted = exchange.phase !== PHASE.asking && exchange.phase !== PHASE.pending
  if (isStarted || exchange.isRaw || (reason.status === 0 && reply.plain === undefined)) {
    if (exchange.isRaw && !isStarted) record.status = reason.status
    client.reset()
    return finishExchange(ctx, exchange, nowMs)
  }
  // The client has not sent its body, and after this answer it may or may not (RFC 9110 section 10.1.1).
  if (exchange.expectsContinue && !client.body.isDone) client.closeAfterwards()
  exchange.phase = PHASE.answering
  const { plain } = reply
  const status = plain?.status ?? reason.status
  record.status = status
  if (plain === undefined && isCall(exchange)) {
    // For a caller of gRPC every answer is a success of HTTP; the record says what it means.
    const lines = callLines(exchange, reply, status) + ownLines(ctx, exchange, reply)
    client.sendLocal({ status: 200, lines, body: '', isHead: false })
    return endExchange(ctx, exchange, nowMs)
  }
  const body = plain?.body ?? problemBody(exchange, reply, reason)
  exchange.sentBytes = exchange.method === 'HEAD' ? 0 : Buffer.byteLength(body)
  client.sendLocal({
    status,
    lines: linesOf(ctx, exchange, reply),
    body,
    isHead: exchange.method === 'HEAD',
  })
  endExchange(ctx, exchange, nowMs)
}

function linesOf(ctx: ExchangeContext, exchange: Exchange, reply: LocalReply): string {
  const { plain } = reply
  const type =
    plain === undefined
      ? 'content-type: application/problem+json\r\ncache-control: no-store\r\n'
      : plain.contentType === ''
        ? ''
        : formatLine('content-type', plain.contentType)
  return type + ownLines(ctx, exchange, reply)
}

/** What every answer of ours says. */
function ownLines(ctx: ExchangeContext, exchange: Exchange, reply: LocalReply): string {
  const code = reply.code === '' ? '' : formatLine('backplane-reason', reply.code)
  const id = formatLine('x-request-id', requestIdOf(exchange.record))
  const date = ctx.dateLine.at(ctx.clock.nowMs())
  return `${date}${code}${id}${exchange.responseLines}${reply.lines ?? ''}`
}

/** RFC 9457. */
function problemBody(exchange: Exchange, reply: LocalReply, reason: Reason): string {
  return `${JSON.stringify({
    type: PROBLEM_TYPE_PREFIX + reply.code,
    title: reason.title,
    status: reason.status,
    detail: reply.told ?? reply.detail,
    code: reply.code,
    requestId: requestIdOf(exchange.record),
  })}\n`
}
