import { formatLine, statusLineAndHead } from '../../mechanisms/http1/answer.ts'
import { HEAD_ERRORS } from '../../mechanisms/http1/errors.ts'
import { type Reason, REASONS } from '../reasons.ts'
import { noteReason } from '../records/record.ts'
import type { WorkerContext } from '../worker/context.ts'
import type { Exchange } from './exchange.ts'
import { finishExchange } from './finish.ts'

/** RFC 9457 section 3.1.1: a type identifies, and need not lead anywhere. The same as in the answers of the admin API. */
const PROBLEM_TYPE_PREFIX = 'urn:backplane:error:'

const CODEC_REASONS: ReadonlyMap<string, Reason> = new Map(
  HEAD_ERRORS.slice(1).map(({ code, status, title }) => [code, { status, title }]),
)

/** Status and title of a code, of the gateway's own table or the codec's. */
export function reasonOf(code: string): Reason {
  const own = (REASONS as Readonly<Record<string, Reason>>)[code]
  return own ?? CODEC_REASONS.get(code) ?? { status: 500, title: 'Unknown reason' }
}

/** More field lines of one answer, such as Allow. */
export interface OwnAnswer {
  readonly code: string
  readonly detail: string
  readonly lines?: string
}

/**
 * Ends an exchange with the gateway's own answer, or, when the head of the upstream's answer is out already, by closing the client's
 * connection: half an answer must not look like a whole one. The upstream connection must have been let go before.
 */
export function answerOwn(ctx: WorkerContext, exchange: Exchange, answer: OwnAnswer): void {
  const client = exchange.client!
  const { record } = exchange
  const reason = reasonOf(answer.code)
  noteReason(record, answer.code, answer.detail)
  if (exchange.hasAnswered || reason.status === 0) {
    exchange.keepsAlive = false
    client.destroy()
    return finishExchange(ctx, exchange)
  }
  record.status = reason.status
  // What is left of the body would be read as the next request.
  if (!exchange.requestBody.isDone) exchange.keepsAlive = false
  if (ctx.isDraining && client.listener.isOutside) exchange.keepsAlive = false
  const problem = problemBody(exchange, answer, reason)
  const body = exchange.method === 'HEAD' ? '' : problem
  const head = statusLineAndHead({
    status: reason.status,
    lines: problemLines(exchange, answer),
    contentLength: Buffer.byteLength(problem),
    keepsAlive: exchange.keepsAlive,
    clientMinorVersion: exchange.clientMinorVersion,
  })
  client.socket.write(Buffer.from(head + body, 'utf8'))
  exchange.responseBody.received = Buffer.byteLength(body)
  finishExchange(ctx, exchange)
}

function problemLines(exchange: Exchange, answer: OwnAnswer): string {
  const type = 'content-type: application/problem+json\r\ncache-control: no-store\r\n'
  const id = formatLine('x-request-id', exchange.requestId)
  return `${type}${formatLine('backplane-reason', answer.code)}${id}${answer.lines ?? ''}`
}

/** RFC 9457. */
function problemBody(exchange: Exchange, answer: OwnAnswer, reason: Reason): string {
  return `${JSON.stringify({
    type: PROBLEM_TYPE_PREFIX + answer.code,
    title: reason.title,
    status: reason.status,
    detail: answer.detail,
    code: answer.code,
    requestId: exchange.requestId,
  })}\n`
}
