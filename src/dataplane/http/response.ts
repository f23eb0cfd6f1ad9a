import { beginBody, forwardBody, forwardRoom, LAST_CHUNK } from '../../mechanisms/http1/body.ts'
import { formatLine } from '../../mechanisms/http1/answer.ts'
import { HEAD_ERROR, headError } from '../../mechanisms/http1/errors.ts'
import {
  createResponseHead,
  FRAMING,
  parseResponseHead,
  type ResponseHead,
} from '../../mechanisms/http1/response-head.ts'
import { outgoingFraming, writeResponseHead } from '../../mechanisms/http1/write-head.ts'
import { stickyValueOf } from '../../mechanisms/balancing/candidate.ts'
import { reportSuccess } from '../../mechanisms/ejection/ejection.ts'
import { countLatency, statusClass } from '../totals/counters.ts'
import { discardConnection, restConnection } from '../upstream/pool.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import {
  reportFailedAttempt,
  failAttempt,
  releaseInFlight,
  releaseInstance,
} from '../upstream/retry.ts'
import { RESPONSE_FIELDS_MAX, type WorkerContext } from '../worker/context.ts'
import { isClogged } from './backpressure.ts'
import { type Exchange, PHASE } from './exchange.ts'
import { finishExchange } from './finish.ts'
import { answerOwn } from './own-answer.ts'
import { startTunnel } from './tunnel.ts'

/** More than the lines that we add to a response head. */
const ADDED_LINES_BYTES_MAX = 1024
/** Statuses that say that the instance, or what is behind it, is in trouble. */
const TROUBLE: ReadonlySet<number> = new Set([502, 503, 504])

/** Bytes of an instance before the response head is complete. */
export function readResponseHead(
  ctx: WorkerContext,
  exchange: Exchange,
  connection: UpstreamConnection,
  received: Buffer,
  length: number,
): void {
  const kept = connection.partial
  const bytes = kept === null ? received : Buffer.concat([kept, received.subarray(0, length)])
  const end = kept === null ? length : bytes.length
  let start = 0
  connection.hasAnswered = true
  while (start < end) {
    const head = connection.head ?? ctx.responseHead
    const next = parseResponseHead(bytes, start, end, ctx.responseLimits, head, exchange.method)
    if (next < 0) return refuseResponse(ctx, exchange, next)
    if (next === 0) return keepPartial(ctx, connection, bytes.subarray(start, end))
    connection.partial = null
    connection.head = null
    if (head.status >= 200) return answer(ctx, exchange, head, bytes, next, end)
    if (head.status === 101) return switchProtocols(ctx, exchange, head, bytes, next, end)
    forwardInterim(ctx, exchange, head, bytes)
    start = next
  }
}

/** The head record goes with the connection, so that no byte is looked at twice. */
function keepPartial(ctx: WorkerContext, connection: UpstreamConnection, rest: Buffer): void {
  connection.partial = Buffer.from(rest)
  if (connection.head !== null) return
  connection.head = ctx.responseHead
  ctx.responseHead = createResponseHead(RESPONSE_FIELDS_MAX)
}

function refuseResponse(ctx: WorkerContext, exchange: Exchange, error: number): void {
  const isTooLarge = error === HEAD_ERROR.headTooLarge || error === HEAD_ERROR.tooManyFields
  const failure = isTooLarge ? 'response-head-too-large' : 'bad-response'
  const { code, title } = headError(error)
  failAttempt(ctx, exchange, failure, `${exchange.attempt!.instance} sent: ${title} (${code})`)
}

/** 1xx go to clients that can understand them (RFC 9110 section 15.2); 100 only where it was asked for. */
function forwardInterim(
  ctx: WorkerContext,
  exchange: Exchange,
  head: ResponseHead,
  bytes: Buffer,
): void {
  const isWanted = head.status !== 100 || exchange.expectsContinue
  if (exchange.clientMinorVersion === 0 || !isWanted) return
  const rewrite = ctx.responseRewrite
  rewrite.lines = ''
  rewrite.isTunnel = false
  const out = ctx.scratch.take(head.end - head.start + ADDED_LINES_BYTES_MAX)
  const end = writeResponseHead(head, bytes, out, 0, rewrite)
  ctx.scratch.write(exchange.client!.socket, out, end)
}

function switchProtocols(
  ctx: WorkerContext,
  exchange: Exchange,
  head: ResponseHead,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  if (!exchange.isUpgrade || head.upgrade === '') {
    const detail = `${exchange.attempt!.instance} switched protocols without being asked`
    return failAttempt(ctx, exchange, 'bad-response', detail)
  }
  noteAnswer(ctx, exchange, head.status)
  const rewrite = ctx.responseRewrite
  rewrite.lines = formatLine('x-request-id', exchange.requestId)
  rewrite.isTunnel = true
  const room = head.end - head.start + ADDED_LINES_BYTES_MAX + end - start
  const out = ctx.scratch.take(room)
  const headEnd = writeResponseHead(head, bytes, out, 0, rewrite)
  bytes.copy(out, headEnd, start, end)
  ctx.scratch.write(exchange.client!.socket, out, headEnd + end - start)
  exchange.responseBody.received = end - start
  startTunnel(ctx, exchange)
}

/** The final head: decides framing, tells balancing and ejection, and sends head and first bytes of the body in one write. */
function answer(
  ctx: WorkerContext,
  exchange: Exchange,
  head: ResponseHead,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  const client = exchange.client!
  const body = exchange.responseBody
  const framing = outgoingFraming(head, exchange.clientMinorVersion)
  const mayKeep = exchange.requestBody.isDone && framing !== FRAMING.untilClose
  exchange.keepsAlive &&= mayKeep && !(ctx.isDraining && client.listener.isOutside)
  exchange.responseIsChunked = framing === FRAMING.chunked
  exchange.upstreamKeepsAlive = head.keepAlive
  beginBody(body, head.framing, head.contentLength, 0)
  const room = end - start + head.end - head.start + ADDED_LINES_BYTES_MAX
  const out = ctx.scratch.take(room + forwardRoom(body, end - start))
  let at = writeResponseHead(head, bytes, out, 0, prepareRewrite(ctx, exchange))
  let leftover = end - start
  if (!body.isDone && leftover > 0) {
    at = forwardBody(body, bytes, start, end, out, at, exchange.responseIsChunked)
    if (at < 0) return refuseResponse(ctx, exchange, at)
    leftover = end - body.consumed
  }
  noteAnswer(ctx, exchange, head.status)
  exchange.phase = PHASE.answering
  exchange.hasAnswered = true
  ctx.scratch.write(client.socket, out, at)
  if (body.isDone) return endResponse(ctx, exchange, leftover === 0)
  awaitMore(ctx, exchange)
}

function prepareRewrite(ctx: WorkerContext, exchange: Exchange): typeof ctx.responseRewrite {
  const rewrite = ctx.responseRewrite
  rewrite.clientMinorVersion = exchange.clientMinorVersion
  rewrite.keepsAlive = exchange.keepsAlive
  rewrite.isTunnel = false
  rewrite.lines = `x-request-id: ${exchange.requestId}\r\n`
  if (exchange.setsSticky) {
    const { cookie } = exchange.service!.spec.balance
    const value = stickyValueOf(exchange.instance!)
    rewrite.lines += formatLine('set-cookie', `${cookie}=${value}; Path=/; HttpOnly; SameSite=Lax`)
  }
  return rewrite
}

/** The try has an answer: balancing, ejection, counters, record. */
function noteAnswer(ctx: WorkerContext, exchange: Exchange, status: number): void {
  const service = exchange.service!
  const instance = exchange.instance!
  const attempt = exchange.attempt!
  const nowMs = ctx.clock.monotonicMs()
  attempt.answeredMs = nowMs
  attempt.outcome = 'answered'
  attempt.status = status
  exchange.record.status = status
  const latencyMs = nowMs - attempt.startedMs
  instance.counters.statuses[statusClass(status)]!++
  countLatency(instance.counters, latencyMs)
  if (TROUBLE.has(status)) return reportFailedAttempt(ctx, exchange, instance, nowMs)
  reportSuccess(instance, service.spec.ejection, nowMs)
  service.balancer.observe(instance, latencyMs, nowMs, true)
  ctx.totals.touchInstance(instance)
}

/** More of the body, from the instance to the client. */
export function relayResponseBody(
  ctx: WorkerContext,
  exchange: Exchange,
  bytes: Buffer,
  length: number,
): void {
  const body = exchange.responseBody
  const out = ctx.scratch.take(forwardRoom(body, length))
  const end = forwardBody(body, bytes, 0, length, out, 0, exchange.responseIsChunked)
  if (end < 0) {
    const { code, title } = headError(end)
    return breakOff(ctx, exchange, 'bad-response', `${title} (${code})`)
  }
  if (end > 0) ctx.scratch.write(exchange.client!.socket, out, end)
  if (body.isDone) return endResponse(ctx, exchange, body.consumed === length)
  awaitMore(ctx, exchange)
}

function awaitMore(ctx: WorkerContext, exchange: Exchange): void {
  exchange.deadlineMs = ctx.clock.monotonicMs() + ctx.limits.bodyTimeoutMs
  if (isClogged(exchange.client!.socket)) exchange.upstream!.socket.pause()
}

/** The instance has closed: the end of the body where nothing else says it, else it broke off. */
export function endOfUpstream(ctx: WorkerContext, exchange: Exchange, error: string): void {
  // Only an orderly end may stand for the end of a body.
  if (exchange.responseBody.framing !== FRAMING.untilClose || error !== '') {
    const detail = `the instance closed in the middle of the body ${error}`.trimEnd()
    return breakOff(ctx, exchange, 'reset', detail)
  }
  if (exchange.responseIsChunked) exchange.client!.socket.write(LAST_CHUNK, 'latin1')
  exchange.responseBody.isDone = true
  endResponse(ctx, exchange, false)
}

/** The answer can not be completed: the client must see that, by a closed connection. */
function breakOff(ctx: WorkerContext, exchange: Exchange, outcome: string, detail: string): void {
  exchange.attempt!.outcome = outcome
  reportFailedAttempt(ctx, exchange, exchange.instance!, ctx.clock.monotonicMs())
  releaseInstance(ctx, exchange)
  answerOwn(ctx, exchange, { code: 'ERR_GATEWAY_UPSTREAM_BROKE_OFF', detail })
}

function endResponse(ctx: WorkerContext, exchange: Exchange, isClean: boolean): void {
  const connection = exchange.upstream!
  const nowMs = ctx.clock.monotonicMs()
  const mayRest = isClean && exchange.upstreamKeepsAlive && exchange.requestBody.isDone
  if (mayRest && !connection.instance.isGone && connection.socket.writableLength === 0) {
    restConnection(connection, nowMs)
  } else {
    discardConnection(ctx, connection)
  }
  if (!exchange.requestBody.isDone) exchange.keepsAlive = false
  releaseInFlight(ctx, exchange)
  finishExchange(ctx, exchange, nowMs)
}
