import { PRIORITY } from '../../mechanisms/bulkhead-queue/bulkhead-queue.ts'
import { forwardBody, forwardRoom } from '../../mechanisms/http1/body.ts'
import { HEAD_ERROR, headError } from '../../mechanisms/http1/errors.ts'
import { findField, fieldValue } from '../../mechanisms/http1/fields.ts'
import { FIELD } from '../../mechanisms/http1/names.ts'
import type { Drops } from '../../mechanisms/http1/drops.ts'
import {
  createRequestHead,
  parseRequestHead,
  type RequestHead,
} from '../../mechanisms/http1/request-head.ts'
import { writeRequestHead } from '../../mechanisms/http1/write-head.ts'
import { isIdempotent } from '../../mechanisms/retry/retry.ts'
import type { ClientOf } from '../client/client-stream.ts'
import { VERDICT } from '../policies/policy.ts'
import { notePolicy, noteRequestLine } from '../records/record.ts'
import { isBound } from './attempt-states.ts'
import { armDeadline, startAttempt } from './attempts.ts'
import { callOf, callTimeoutLine, silenceMsMax } from './calls.ts'
import type { ExchangeContext } from './context.ts'
import {
  ATTEMPT,
  type Attempt,
  type BoundAttempt,
  type Exchange,
  growOut,
  PHASE,
  REPLAY_BYTES_MAX,
} from './exchange.ts'
import { refuseLargeBody, runEntry } from './entry.ts'
import { forgetBody, openExchange } from './finish.ts'
import { answerLocally } from './local-reply.ts'
import { translateCall, withoutType } from './web-calls.ts'
import type { GrpcWebStream } from '../client/grpc-web-stream.ts'
import { GRPC } from '../../mechanisms/grpc/grpc.ts'
import { ROUTED, routeOn, routeRequest } from './routing.ts'

/** How long a policy may take where the route says no timeout. */
const PENDING_TIMEOUT_MS = 30_000
/** More than the lines that we add to a request head, without what depends on the host and what policies add. */
const ADDED_LINES_BYTES_MAX = 768

/**
 * Begins an exchange with a parsed head. `bytes` from `start` to `end` is what came behind the head; returns the position behind what was
 * taken of its body.
 */
export function beginRequest(
  ctx: ExchangeContext,
  client: ClientOf<Exchange>,
  head: RequestHead,
  bytes: Buffer,
  start: number,
  end: number,
): number {
  const exchange = openExchange(ctx, client, ctx.limits.requestsInFlightMax)
  describeRequest(ctx, exchange, head, bytes)
  const answeredBy = runEntry(ctx, exchange, head, bytes)
  if (answeredBy !== undefined) return answeredBy === 'body' ? end : start
  const routed = routeRequest(ctx, exchange, head, bytes)
  if (routed === ROUTED.go) return forward(ctx, exchange, head, bytes, start, end)
  if (routed === ROUTED.pending) holdRequest(ctx, exchange, head, bytes)
  return start
}

/** The request goes to an instance: with as much of its body as there is. Returns the position behind what was taken of it. */
function forward(
  ctx: ExchangeContext,
  exchange: Exchange,
  head: RequestHead,
  bytes: Buffer,
  start: number,
  end: number,
): number {
  if (exchange.grpc > GRPC.grpc && exchange.service!.spec.protocol === 'h2c') {
    translateCall(exchange, head, bytes)
  }
  const { client } = exchange
  composeHead(ctx, exchange, head, bytes)
  // Text is read when there is somebody to take it.
  const isText = exchange.web !== null && exchange.web.isText
  const taken =
    !isText && start < end && !client.body.isDone ? keepBody(exchange, bytes, start, end) : 0
  if (taken < 0) return refuseBody(ctx, exchange, taken, end)
  if (client.body.isDone) exchange.totalDeadlineMs = exchange.startedMs + exchange.timeoutMs
  // Until there is a connection, the rest of the body stays in the kernel.
  else client.pause()
  const next = taken > 0 ? client.body.consumed : start
  startAttempt(ctx, exchange.first, exchange.startedMs)
  return next
}

/** A policy decides later: until then the exchange owns its head, and the body stays with the client. */
function holdRequest(
  ctx: ExchangeContext,
  exchange: Exchange,
  head: RequestHead,
  bytes: Buffer,
): void {
  const timeoutMs = exchange.route?.spec.timeoutMs ?? 0
  exchange.timeoutMs = timeoutMs === 0 ? PENDING_TIMEOUT_MS : timeoutMs
  exchange.phase = PHASE.pending
  exchange.deadlineMs = exchange.startedMs + exchange.timeoutMs
  const held = Buffer.from(bytes.subarray(head.start, head.end))
  const heldHead = createRequestHead(ctx.limits.headersMax)
  if (parseRequestHead(held, 0, held.length, ctx.headLimits, heldHead) !== held.length) {
    throw new TypeError('a head that was valid is not any more')
  }
  exchange.heldBytes = held
  exchange.heldHead = heldHead
  if (!exchange.client.body.isDone) exchange.client.pause()
}

/** In a turn of its own: the policy that a request waited for has decided. */
export function resumeRequest(ctx: ExchangeContext, exchange: Exchange): void {
  const { decision, heldHead, heldBytes, route } = exchange
  if (exchange.phase !== PHASE.pending) return
  if (decision === null || heldHead === null || heldBytes === null || route === null) return
  exchange.decision = null
  exchange.ticket = null
  if (decision.note !== undefined) {
    notePolicy(
      exchange.record,
      route.policies?.kindAt(exchange.policiesRan) ?? '',
      decision.note,
      0,
    )
  }
  if (decision.verdict === VERDICT.answer) return answerLocally(ctx, exchange, decision.answer)
  exchange.requestLines += decision.requestLines ?? ''
  exchange.identity = decision.identity ?? exchange.identity
  exchange.responseLines += decision.responseLines ?? ''
  exchange.phase = PHASE.asking
  exchange.deadlineMs = Infinity
  const routed = routeOn(ctx, exchange, route, heldHead, heldBytes)
  if (routed === ROUTED.pending) return holdRequest(ctx, exchange, heldHead, heldBytes)
  if (routed !== ROUTED.go) return
  ctx.identifiers.composeLines(exchange.record)
  exchange.heldHead = null
  exchange.heldBytes = null
  forward(ctx, exchange, heldHead, heldBytes, heldBytes.length, heldBytes.length)
}

/** What the record and the later steps need of the head; nothing points into its bytes afterwards. */
function describeRequest(
  ctx: ExchangeContext,
  exchange: Exchange,
  head: RequestHead,
  bytes: Buffer,
): void {
  noteRequestLine(exchange.record, head, bytes)
  exchange.record.protocol = exchange.client.protocol
  ctx.identifiers.nameRequest(exchange.record, head, bytes)
  exchange.method = head.method
  exchange.isIdempotent = isIdempotent(head.method)
  exchange.grpc = callOf(head, bytes)
  exchange.isUpgrade = head.upgrade !== ''
  exchange.expectsContinue = head.expectsContinue
  exchange.isChunked = head.isChunked
}

/** Where the body ends is not known, or it is too long to be read: what follows on the connection is lost. */
function refuseBody(ctx: ExchangeContext, exchange: Exchange, error: number, end: number): number {
  const { client } = exchange
  if (error === HEAD_ERROR.bodyTooLarge) {
    answerLocally(ctx, exchange, refuseLargeBody(ctx, client))
    return end
  }
  client.closeAfterwards()
  const { code, title } = headError(error)
  answerLocally(ctx, exchange, { code, detail: title })
  return end
}

/** Composes the head for the instance in the exchange's own buffer, where it stays for another attempt. */
function composeHead(
  ctx: ExchangeContext,
  exchange: Exchange,
  head: RequestHead,
  bytes: Buffer,
): void {
  const { client } = exchange
  const rewrite = ctx.requestRewrite
  const { identifiers } = ctx
  rewrite.fixedLines = client.peer.forwardedLines(head, bytes)
  rewrite.ownLines = identifiers.lines
  rewrite.ownLinesEnd = hasDeadline(head)
    ? identifiers.writeDeadline(exchange.record.startedAtMs + exchange.timeoutMs)
    : identifiers.requestEnd
  const { route } = exchange
  rewrite.lines =
    maxForwards(head, bytes) +
    priorityLine(exchange) +
    callTimeoutLine(exchange, ctx.clock) +
    (exchange.cameAs > 1 ? `x-request-attempt: ${exchange.cameAs}\r\n` : '') +
    (route === null ? '' : route.fixedRequestLines + exchange.requestLines)
  rewrite.drops = dropsOf(exchange)
  if (exchange.web !== null) {
    rewrite.drops = withoutType(rewrite.drops)
    rewrite.lines += exchange.web.typeLine
  }
  // What no client can say in its head it cannot say behind its body either.
  client.body.dropNames = rewrite.drops.names
  rewrite.isTunnel = exchange.isUpgrade
  // HTTP/1.0 may say no host; its instance speaks HTTP/1.1 and must be told one.
  rewrite.hostFallback = exchange.service!.name
  const added = rewrite.fixedLines.length + rewrite.ownLinesEnd + rewrite.lines.length
  const room = head.end - head.start + added + ADDED_LINES_BYTES_MAX
  growOut(exchange, room + rewrite.target.length + head.host.length * 2)
  exchange.outEnd = writeRequestHead(head, bytes, exchange.out, 0, rewrite)
  if (exchange.outEnd < 0) throw new RangeError(`no room for a request head of ${room} bytes`)
  exchange.headEnd = exchange.outEnd - 2
}

/** For the next hop: what the route says. What a trusted caller has said is passed on as it came. */
function priorityLine({ priority, client, route }: Exchange): string {
  if (priority === PRIORITY.normal || client.peer.isTrusted || route === null) return ''
  return `x-request-priority: ${route.spec.priority}\r\n`
}

/** The deadline of a request runs from when all of it was sent: of a long upload nobody knows when that will be. */
function hasDeadline({ isChunked, contentLength }: RequestHead): boolean {
  return !isChunked && contentLength <= REPLAY_BYTES_MAX
}

function dropsOf({ client, route }: Exchange): Drops {
  if (route === null || route.drops === null) return client.peer.drops
  return client.peer.isTrusted ? route.drops.trusted : route.drops.untrusted
}

/** One hop less (RFC 9110 section 7.6.2); the client's own line is dropped. */
function maxForwards(head: RequestHead, bytes: Buffer): string {
  const field = findField(head.fields, FIELD.maxForwards)
  if (field < 0) return ''
  const value = fieldValue(bytes, head.fields, field)
  return /^\d{1,9}$/.test(value) ? `max-forwards: ${Math.max(0, Number(value) - 1)}\r\n` : ''
}

/** Adds body bytes to what is kept for another attempt. Returns 1, or a negative HEAD_ERROR for broken framing; `consumed` of the body says how far. */
function keepBody(exchange: Exchange, bytes: Buffer, start: number, end: number): number {
  const { body } = exchange.client
  growOut(exchange, forwardRoom(body, end - start))
  const { out, outEnd, isChunked } = exchange
  const next = forwardBody(body, bytes, start, end, out, outEnd, isChunked)
  if (next < 0) return next
  exchange.outEnd = next
  return 1
}

/** Bytes of a request that are kept for another attempt. */
function replayMax({ service }: Exchange): number {
  return service?.spec.retry.bytesMax ?? REPLAY_BYTES_MAX
}

/**
 * More of the request's body. What fits is kept for another attempt, whatever the present one is doing; what does not fit goes to the instance at
 * once, and where that is not possible yet it stays with the client. Returns the position behind what was taken.
 */
export function takeBody(
  ctx: ExchangeContext,
  exchange: Exchange,
  bytes: Buffer,
  start: number,
  end: number,
): number {
  const { client, first, web } = exchange
  const isSending = first.state === ATTEMPT.sent || first.state === ATTEMPT.answering
  if (exchange.phase === PHASE.flushing) return start
  if (!isSending) {
    client.pause()
    return start
  }
  if (web !== null && web.isText) return takeText(ctx, exchange, web, bytes, start, end)
  return takePayload(ctx, exchange, bytes, start, end)
}

/** Text of a call of gRPC-web: the bytes that it means. */
function takeText(
  ctx: ExchangeContext,
  exchange: Exchange,
  web: GrpcWebStream<Exchange>,
  bytes: Buffer,
  start: number,
  end: number,
): number {
  const plain = web.decode(bytes, start, end)
  if (plain === undefined) {
    const detail = 'a body of grpc-web-text is base64, and this is none'
    answerLocally(ctx, exchange, { code: 'ERR_GATEWAY_GRPC_WEB_TEXT', detail })
    return end
  }
  if (typeof plain === 'number') return refuseBody(ctx, exchange, plain, end)
  if (plain.length > 0 || web.body.isLast) takePayload(ctx, exchange, plain, 0, plain.length)
  return web.consumed
}

/** The instance takes all of it, or it is kept. */
function takePayload(
  ctx: ExchangeContext,
  exchange: Exchange,
  bytes: Buffer,
  start: number,
  end: number,
): number {
  const first = exchange.first as BoundAttempt
  const { client } = exchange
  const { body } = client
  const isKept =
    exchange.isReplayable && exchange.outEnd + forwardRoom(body, end - start) <= replayMax(exchange)
  if (isKept) {
    const kept = keepBody(exchange, bytes, start, end)
    if (kept < 0) return refuseBody(ctx, exchange, kept, end)
    const isTaken = first.stream.sendMore(exchange.out, first.sentEnd, exchange.outEnd)
    if (!isTaken) exchange.isOutLent = true
    first.sentEnd = exchange.outEnd
  } else {
    exchange.isReplayable = false
    const error = first.stream.sendBody(body, bytes, start, end, exchange.isChunked)
    if (error < 0) return refuseBody(ctx, exchange, error, end)
  }
  const nowMs = ctx.clock.monotonicMs()
  renewDeadline(ctx, first, nowMs)
  if (!body.isDone && first.stream.isClogged) client.pause()
  return body.consumed
}

/** The instance takes more: so may the client send, and it has the whole time for it. */
export function instanceWritable(ctx: ExchangeContext, attempt: Attempt): void {
  if (!isBound(attempt) || attempt.state === ATTEMPT.connecting) return
  const { client } = attempt.exchange
  if (!client.body.isDone) renewDeadline(ctx, attempt, ctx.clock.monotonicMs())
  client.resume()
}

/** Something of the request's body has moved. */
function renewDeadline(ctx: ExchangeContext, attempt: BoundAttempt, nowMs: number): void {
  switch (attempt.state) {
    case ATTEMPT.sent:
      return armDeadline(ctx, attempt, nowMs)
    case ATTEMPT.answering:
      attempt.unsentBefore = attempt.stream.unsentBytes
      attempt.deadlineMs =
        nowMs + silenceMsMax(attempt.exchange, ctx.limits, attempt.stream.isClogged)
      return
    case ATTEMPT.connecting:
    case ATTEMPT.tunnel:
      return
    default:
      return attempt.state satisfies never
  }
}

/** Begins an exchange for a raw connection: to the service of its listener, as bytes. */
export function beginConnection(ctx: ExchangeContext, client: ClientOf<Exchange>): void {
  const exchange = openExchange(ctx, client, Infinity)
  const { record } = exchange
  const { service: name, route, edge } = client.listener
  ctx.identifiers.nameConnection(record)
  exchange.isRaw = true
  exchange.isIdempotent = false
  exchange.retriesLeft = 0
  exchange.method = 'TCP'
  record.protocol = 'tcp'
  record.method = 'TCP'
  record.route = route
  record.service = name
  forgetBody(exchange)
  if (edge !== null) {
    exchange.edge = edge
    edge.inFlight++
    ctx.totals.touchEdge(edge)
  }
  const service = ctx.services.get(name)
  if (service === undefined) {
    const detail = `there is no service named ${name}`
    return answerLocally(ctx, exchange, { code: 'ERR_GATEWAY_SERVICE_UNKNOWN', detail })
  }
  record.serviceSource = service.spec.source
  record.algorithm = service.spec.balance.algorithm
  exchange.service = service
  exchange.timeoutMs = service.spec.timeoutMs
  exchange.totalDeadlineMs = exchange.startedMs + exchange.timeoutMs
  startAttempt(ctx, exchange.first, exchange.startedMs)
}

/** A request whose head was refused: an exchange only to answer, count and record it. */
export function refuseHead(
  ctx: ExchangeContext,
  client: ClientOf<Exchange>,
  code: string,
  detail: string,
): void {
  const exchange = openExchange(ctx, client, Infinity)
  ctx.identifiers.nameConnection(exchange.record)
  exchange.record.protocol = client.protocol
  exchange.isRaw = client.protocol === 'tcp'
  exchange.method = ''
  forgetBody(exchange)
  answerLocally(ctx, exchange, { code, detail })
}
