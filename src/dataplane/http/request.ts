import { beginBody, forwardBody, forwardRoom, requestFraming } from '../../mechanisms/http1/body.ts'
import { HEAD_ERROR, headError } from '../../mechanisms/http1/errors.ts'
import { headerValue, type RequestHead } from '../../mechanisms/http1/request-head.ts'
import { FRAMING } from '../../mechanisms/http1/response-head.ts'
import { writeRequestHead } from '../../mechanisms/http1/write-head.ts'
import { isIdempotent } from '../../mechanisms/retry/retry.ts'
import { armDeadline, dispatch } from '../upstream/dispatch.ts'
import { noteRequestId, noteRequestLine, noteTrace } from '../records/record.ts'
import { releaseInstance } from '../upstream/retry.ts'
import type { WorkerContext } from '../worker/context.ts'
import { isClogged } from './backpressure.ts'
import type { ClientConnection } from './client-connection.ts'
import { type Exchange, growOut, PHASE, REPLAY_BYTES_MAX } from './exchange.ts'
import { openExchange } from './finish.ts'
import { isRequestId, isTraceparent } from './identifiers.ts'
import { answerOwn } from './own-answer.ts'
import { routeRequest } from './route-request.ts'
import { writeNow } from './write-now.ts'

/** More than the lines that we add to a request head, without what depends on the host. */
const ADDED_LINES_BYTES_MAX = 768

/**
 * Begins an exchange with a parsed head. `bytes` from `start` to `end` is what came behind the head; returns how much of it belongs to
 * this request.
 */
export function startRequest(
  ctx: WorkerContext,
  client: ClientConnection,
  head: RequestHead,
  bytes: Buffer,
  start: number,
  end: number,
): number {
  const isAdmitted = ctx.counts.take('requests', ctx.limits.requestsInFlightMax)
  const exchange = openExchange(ctx, client)
  client.exchange = exchange
  describeRequest(ctx, exchange, head, bytes)
  const framing = requestFraming(head)
  const over = beginBody(exchange.requestBody, framing, head.contentLength, ctx.limits.bodyBytesMax)
  if (!isAdmitted) return refuseBusy(ctx, exchange)
  if (over < 0) return refuseBody(ctx, exchange, over)
  if (!routeRequest(ctx, exchange, head, bytes)) return 0
  writeHead(ctx, exchange, head, bytes)
  if (exchange.requestBody.isDone) {
    exchange.totalDeadlineMs = exchange.startedMs + exchange.timeoutMs
  } else if (start < end) {
    const error = appendBody(exchange, bytes, start, end)
    if (error < 0) return refuseBody(ctx, exchange, error)
  }
  const consumed = exchange.requestBody.consumed === 0 ? 0 : exchange.requestBody.consumed - start
  // Until there is a connection, the rest of the body stays in the kernel.
  if (!exchange.requestBody.isDone) client.pause()
  dispatch(ctx, exchange, exchange.startedMs)
  return consumed
}

/** What the record and the later steps need of the head; nothing points into its bytes afterwards. */
function describeRequest(
  ctx: WorkerContext,
  exchange: Exchange,
  head: RequestHead,
  bytes: Buffer,
): void {
  const { record } = exchange
  noteRequestLine(record, head, bytes)
  const given = headerValue(bytes, head, 'x-request-id')
  exchange.requestId =
    given !== undefined && isRequestId(given) ? given : ctx.identifiers.requestId()
  noteRequestId(record, exchange.requestId)
  exchange.method = head.method
  exchange.isIdempotent = isIdempotent(head.method)
  exchange.clientMinorVersion = head.minorVersion
  exchange.keepsAlive = head.keepAlive
  exchange.isUpgrade = head.upgrade !== ''
  exchange.expectsContinue = head.expectsContinue
  exchange.requestIsChunked = head.isChunked
}

function refuseBusy(ctx: WorkerContext, exchange: Exchange): 0 {
  ctx.totals.countLimited('requests')
  // finishExchange gives one back.
  ctx.counts.take('requests', Infinity)
  answerOwn(ctx, exchange, {
    code: 'ERR_GATEWAY_REQUESTS_FULL',
    detail: `${ctx.limits.requestsInFlightMax} requests are in flight: gateway.limits.requests`,
  })
  return 0
}

function refuseBody(ctx: WorkerContext, exchange: Exchange, error: number): 0 {
  const { code, title } = headError(error)
  exchange.keepsAlive = false
  exchange.requestBody.isDone = false
  if (error !== HEAD_ERROR.bodyTooLarge) {
    answerOwn(ctx, exchange, { code, detail: title })
    return 0
  }
  ctx.totals.countLimited('body')
  answerOwn(ctx, exchange, {
    code: 'ERR_GATEWAY_BODY_TOO_LARGE',
    detail: `the body is larger than ${ctx.limits.bodyBytesMax} bytes: gateway.limits.body`,
  })
  return 0
}

/** Composes the head for the instance in the exchange's own buffer, where it stays for a second attempt. */
function writeHead(ctx: WorkerContext, exchange: Exchange, head: RequestHead, bytes: Buffer): void {
  const client = exchange.client!
  const rewrite = ctx.requestRewrite
  rewrite.fixedLines = client.forwardedFor(head, bytes)
  const received = headerValue(bytes, head, 'traceparent')
  const traceparent = ctx.identifiers.traceparent(received)
  const isContinued = received !== undefined && isTraceparent(received)
  noteTrace(exchange.record, traceparent, isContinued ? received : null)
  rewrite.lines = `x-request-id: ${exchange.requestId}\r\ntraceparent: ${traceparent}\r\n`
  rewrite.drops = client.drops
  rewrite.isTunnel = exchange.isUpgrade
  const room = head.end - head.start + rewrite.fixedLines.length + ADDED_LINES_BYTES_MAX
  growOut(exchange, room + rewrite.target.length + head.host.length * 2)
  exchange.outEnd = writeRequestHead(head, bytes, exchange.out, 0, rewrite)
  if (exchange.outEnd < 0) throw new RangeError(`no room for a request head of ${room} bytes`)
}

/** Adds body bytes to what is kept for a second attempt. Returns a negative HEAD_ERROR for broken framing. */
function appendBody(exchange: Exchange, bytes: Buffer, start: number, end: number): number {
  const body = exchange.requestBody
  growOut(exchange, forwardRoom(body, end - start))
  const at = exchange.outEnd
  const next = forwardBody(body, bytes, start, end, exchange.out, at, exchange.requestIsChunked)
  if (next >= 0) exchange.outEnd = next
  return next
}

/** More of the request's body. Returns how many bytes belong to it; the rest is the next request. */
export function relayRequestBody(
  ctx: WorkerContext,
  exchange: Exchange,
  bytes: Buffer,
  length: number,
): number {
  const body = exchange.requestBody
  const connection = exchange.upstream!
  const { socket } = connection
  const room = forwardRoom(body, length)
  const isKept = exchange.isReplayable && exchange.outEnd + room <= REPLAY_BYTES_MAX
  let end: number
  if (isKept) {
    const start = exchange.outEnd
    end = appendBody(exchange, bytes, 0, length)
    if (end > start) writeNow(socket, exchange.out.subarray(start, end))
    if (socket.writableLength !== 0) exchange.isOutLent = true
  } else {
    exchange.isReplayable = false
    const out = ctx.scratch.take(room)
    end = forwardBody(body, bytes, 0, length, out, 0, exchange.requestIsChunked)
    if (end > 0) ctx.scratch.write(socket, out, end)
  }
  if (end < 0) {
    releaseInstance(ctx, exchange)
    refuseBody(ctx, exchange, end)
    return length
  }
  const nowMs = ctx.clock.monotonicMs()
  if (exchange.phase === PHASE.asked) armDeadline(ctx, exchange, nowMs)
  else exchange.deadlineMs = nowMs + ctx.limits.bodyTimeoutMs
  if (!body.isDone && isClogged(socket)) exchange.client!.pause()
  return body.isDone ? body.consumed : length
}

/** A request whose head was refused: an exchange only to answer, count and log it. */
export function refuseHead(
  ctx: WorkerContext,
  client: ClientConnection,
  code: string,
  detail: string,
): void {
  ctx.counts.take('requests', Infinity)
  const exchange = openExchange(ctx, client)
  client.exchange = exchange
  exchange.requestId = ctx.identifiers.requestId()
  noteRequestId(exchange.record, exchange.requestId)
  exchange.method = ''
  exchange.clientMinorVersion = 1
  exchange.keepsAlive = false
  beginBody(exchange.requestBody, FRAMING.none, 0, 0)
  answerOwn(ctx, exchange, { code, detail })
}
