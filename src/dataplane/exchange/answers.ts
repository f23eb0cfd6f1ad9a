import { findField } from '../../mechanisms/http1/fields.ts'
import { headError } from '../../mechanisms/http1/errors.ts'
import { FIELD } from '../../mechanisms/http1/names.ts'
import { FRAMING, type ResponseHead } from '../../mechanisms/http1/response-head.ts'
import type { ResponseRewrite } from '../../mechanisms/http1/write-head.ts'
import { reportSuccess } from '../../mechanisms/ejection/ejection.ts'
import type { ServiceSpec } from '../../contracts/snapshot.ts'
import { breakerOf, tellAnswer, tellFailure } from '../resilience/breakers.ts'
import { noteLatency } from '../resilience/outlier-watch.ts'
import { countLatency, statusClass } from '../totals/counters.ts'
import type { StreamFailure } from '../upstream/instance-stream.ts'
import { observeAdmitted } from './admit.ts'
import { cancelAttempt, releaseAttempt } from './attempt-end.ts'
import { isBound, toAnswering } from './attempt-states.ts'
import { callStatusOf, judgedStatus, silenceMsMax } from './calls.ts'
import type { ExchangeContext } from './context.ts'
import type { Failure } from './decide.ts'
import { ATTEMPT, type Attempt, type BoundAttempt, type Exchange, PHASE } from './exchange.ts'
import {
  blameInstance,
  breakerChanged,
  failAttempt,
  reportFailure,
  reportRequestFailure,
  tryElsewhere,
} from './failures.ts'
import { beginEncoding, encodeBody, ENCODERS_MAX, type EncodingSteps } from './encoding.ts'
import { endExchange } from './finish.ts'
import { answerLocally } from './local-reply.ts'
import { decideAnswerRetry, isLeftToOther } from './retries.ts'
import { beginCapture, capture, endCapture } from './stale.ts'
import { stickyLine } from './sticky.ts'
import { openTunnel } from './tunnels.ts'

const NO_BYTES = new Uint8Array(0)

/** How the failures of a stream count as failures of an attempt. */
const FAILURES = {
  local: 'local',
  refused: 'connect-refused',
  tls: 'connect-tls',
  stale: 'stale',
  'not-taken': 'not-taken',
  reset: 'reset',
  'bad-response': 'bad-response',
  'head-too-large': 'response-head-too-large',
} as const satisfies Record<StreamFailure, Failure>

/** 1xx go to clients that can understand them (RFC 9110 section 15.2); 100 only where it was asked for. */
export function passInterim(
  ctx: ExchangeContext,
  attempt: BoundAttempt,
  head: ResponseHead,
  bytes: Buffer,
): void {
  const { exchange, stream } = attempt
  const { client } = exchange
  const isWanted = head.status !== 100 || exchange.expectsContinue
  if (client.isHttp10 || !isWanted || exchange.second.state !== ATTEMPT.over) return
  const rewrite = ctx.responseRewrite
  rewrite.fixedLines = NO_BYTES
  rewrite.ownLinesEnd = 0
  rewrite.lines = ''
  rewrite.drops = ctx.responseDrops
  rewrite.isTunnel = false
  client.sendInterim(head, bytes, rewrite)
  if (client.outlet.isClogged) stream.pause()
}

/** The final head: tells balancing and ejection, and sends head and first bytes of the body in one write. */
export function passHead(
  ctx: ExchangeContext,
  attempt: BoundAttempt,
  head: ResponseHead,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  const { exchange, stream } = attempt
  const { client } = exchange
  if (head.status === 101) return switchProtocols(ctx, attempt, head, bytes, start, end)
  const callStatus = callStatusOf(exchange, head, bytes)
  const isBad = head.status >= 400 || callStatus > 0
  if (isBad && retryAnswer(ctx, attempt, head, bytes, callStatus)) return
  const rewrite = prepareRewrite(ctx, attempt, head, bytes)
  rewrite.isTunnel = false
  const encodes = exchange.encoding !== '' && ctx.encoders.count < ENCODERS_MAX
  const error = encodes
    ? beginEncoding(ctx, attempt, head, bytes, rewrite, encodingSteps(ctx))
    : client.sendHead(head, bytes, start, end, stream.body, rewrite)
  if (error < 0) return refuseAnswer(ctx, attempt, error)
  const nowMs = ctx.clock.monotonicMs()
  // First of all: whatever fails from here on, there can be no second head.
  exchange.phase = PHASE.answering
  toAnswering(attempt)
  dropOther(ctx, attempt)
  noteAnswer(ctx, attempt, head.status, judgedStatus(head, callStatus), nowMs)
  if (exchange.stale !== null) {
    beginCapture(exchange, head, bytes, stream.body)
    capture(exchange, bytes, start, end)
  }
  if (encodes) return encodeMore(ctx, attempt, bytes, start, end)
  if (stream.body.isDone) return endAnswer(ctx, attempt, nowMs)
  awaitMore(ctx, attempt, nowMs)
}

/** Gives the answer up for a further attempt, where conditions, budget and time allow one. False: nothing has happened. */
function retryAnswer(
  ctx: ExchangeContext,
  attempt: BoundAttempt,
  head: ResponseHead,
  bytes: Buffer,
  callStatus: number,
): boolean {
  const { exchange, instance } = attempt
  const nowMs = ctx.clock.monotonicMs()
  const status = judgedStatus(head, callStatus)
  if (isLeftToOther(attempt, head.status, callStatus)) {
    noteInstanceAnswer(ctx, attempt, status, nowMs)
    cancelAttempt(ctx, attempt)
    exchange.tried.push(instance)
    return true
  }
  if (exchange.retriesLeft <= 0) return false
  const waitMs = decideAnswerRetry(ctx, attempt, head, bytes, nowMs)
  if (waitMs < 0) return false
  noteInstanceAnswer(ctx, attempt, status, nowMs)
  cancelAttempt(ctx, attempt)
  exchange.tried.push(instance)
  const said = callStatus > 0 ? `grpc-status ${callStatus}` : head.status
  tryElsewhere(ctx, attempt, 'status', `${instance.id} answered ${said}`, waitMs)
  return true
}

/** Another attempt of the same request has a usable answer first. */
function dropOther(ctx: ExchangeContext, winner: BoundAttempt): void {
  const { first, second } = winner.exchange
  const other = first === winner ? second : first
  if (other.state === ATTEMPT.over) return
  other.entry.outcome = 'lost-the-race'
  if (winner === second) winner.exchange.service!.counts.hedgeWins++
  cancelAttempt(ctx, other)
}

/** More of the body, from the instance to the client. */
export function passBody(
  ctx: ExchangeContext,
  attempt: BoundAttempt,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  const { exchange, stream } = attempt
  if (exchange.encodes !== null) {
    if (exchange.capture !== null) capture(exchange, bytes, start, end)
    return encodeMore(ctx, attempt, bytes, start, end)
  }
  const error = exchange.client.sendBody(stream.body, bytes, start, end)
  if (error < 0) return breakOffBroken(ctx, attempt, error)
  const nowMs = ctx.clock.monotonicMs()
  if (exchange.capture !== null) capture(exchange, bytes, start, end)
  if (stream.body.isDone) return endAnswer(ctx, attempt, nowMs)
  awaitMore(ctx, attempt, nowMs)
}

function breakOffBroken(ctx: ExchangeContext, attempt: BoundAttempt, error: number): void {
  const { code, title } = headError(error)
  breakOff(ctx, attempt, 'bad-response', `${attempt.instance.id} sent: ${title} (${code})`)
}

/** More of the body, by way of the encoder. When all of it is there the instance has nothing to do with the request any more; what is left is between encoder and client. */
function encodeMore(
  ctx: ExchangeContext,
  attempt: BoundAttempt,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  const { stream } = attempt
  const taken = encodeBody(attempt, bytes, start, end)
  if (taken < 0) return breakOffBroken(ctx, attempt, taken)
  const nowMs = ctx.clock.monotonicMs()
  if (stream.body.isDone) return endAnswer(ctx, attempt, nowMs)
  awaitMore(ctx, attempt, nowMs)
  if (taken === 0) stream.pause()
}

function finishEncoding(ctx: ExchangeContext, exchange: Exchange, nowMs: number): void {
  exchange.phase = PHASE.flushing
  exchange.unsentBefore = exchange.client.outlet.unsentBytes
  exchange.deadlineMs = nowMs + ctx.limits.bodyTimeoutMs
  exchange.encodes?.encoder.end()
}

/** What comes out of an encoder, led to the step that the exchange is in. */
function encodingSteps(ctx: ExchangeContext): EncodingSteps {
  return {
    sent(exchange) {
      const { encoder } = exchange.encodes!
      exchange.sentBytes = encoder.madeBytes
      if (!exchange.client.outlet.isClogged) return
      encoder.pause()
      exchange.unsentBefore = exchange.client.outlet.unsentBytes
      for (const { stream } of [exchange.first, exchange.second]) stream?.pause()
    },
    done(exchange) {
      exchange.sentBytes = exchange.encodes!.encoder.madeBytes
      endExchange(ctx, exchange, ctx.clock.monotonicMs())
    },
    drained(exchange) {
      if (exchange.client.outlet.isClogged) return
      letSend(ctx, exchange.first)
      letSend(ctx, exchange.second)
    },
  }
}

/** The instance has closed in order: the end of the body where nothing else says it, else the answer broke off. */
export function passEnd(ctx: ExchangeContext, attempt: BoundAttempt): void {
  const { body } = attempt.stream
  if (body.framing !== FRAMING.untilClose) {
    return breakOff(ctx, attempt, 'reset', 'the instance closed in the middle of the body')
  }
  body.isDone = true
  if (attempt.exchange.encodes === null) attempt.exchange.client.endBody()
  endAnswer(ctx, attempt, ctx.clock.monotonicMs())
}

/** The stream can not go on. Before an answer: the attempt has failed. Behind it: the client must see that the answer is not complete. */
export function passFailure(
  ctx: ExchangeContext,
  attempt: BoundAttempt,
  failure: StreamFailure,
  detail: string,
): void {
  const { id, address } = attempt.instance
  if (attempt.state === ATTEMPT.answering) {
    return breakOff(ctx, attempt, 'reset', `${id} ${detail} in the middle of the body`)
  }
  const who = attempt.state === ATTEMPT.connecting ? `${address}:` : id
  failAttempt(ctx, attempt, FAILURES[failure], `${who} ${detail}`)
}

function refuseAnswer(ctx: ExchangeContext, attempt: BoundAttempt, error: number): void {
  const { code, title } = headError(error)
  failAttempt(ctx, attempt, 'bad-response', `${attempt.instance.id} sent: ${title} (${code})`)
}

function switchProtocols(
  ctx: ExchangeContext,
  attempt: BoundAttempt,
  head: ResponseHead,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  const { exchange } = attempt
  if (!exchange.isUpgrade || head.upgrade === '') {
    const detail = `${attempt.instance.id} switched protocols without being asked`
    return failAttempt(ctx, attempt, 'bad-response', detail)
  }
  const rewrite = prepareRewrite(ctx, attempt, head, bytes)
  rewrite.isTunnel = true
  openTunnel(ctx, attempt)
  dropOther(ctx, attempt)
  noteAnswer(ctx, attempt, head.status, head.status, ctx.clock.monotonicMs())
  exchange.client.openTunnel(head, bytes, start, end, rewrite)
  exchange.sentBytes += end - start
}

/** The lines that the answer gets: the request's id, a date where there is none, the sticky cookie, and what policies say. */
function prepareRewrite(
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
  const { identifiers } = ctx
  rewrite.ownLines = identifiers.lines
  rewrite.ownLinesEnd = identifiers.writeIdLine(exchange.record)
  return rewrite
}

/** The attempt has an answer: balancing, ejection, counters, record. It is judged by `judged`, which differs from its status where it ends a call. */
function noteAnswer(
  ctx: ExchangeContext,
  attempt: BoundAttempt,
  status: number,
  judged: number,
  nowMs: number,
): void {
  const { exchange } = attempt
  const service = exchange.service!
  exchange.record.status = status
  const tellOf = failsBreaker(service.spec, judged) ? tellFailure : tellAnswer
  if (tellOf(service.breaker, exchange, nowMs)) breakerChanged(ctx, service)
  observeAdmitted(exchange, judged === 429 || judged === 503 || judged === 504, nowMs)
  noteInstanceAnswer(ctx, attempt, judged, nowMs)
}

function failsBreaker({ breaker }: ServiceSpec, status: number): boolean {
  return breaker !== undefined && breaker.statuses.includes(status)
}

/** As far as it says something of the instance. */
function noteInstanceAnswer(
  ctx: ExchangeContext,
  attempt: BoundAttempt,
  status: number,
  nowMs: number,
): void {
  const { instance, exchange, entry } = attempt
  const service = exchange.service!
  entry.answeredMs = nowMs
  entry.outcome = 'answered'
  entry.status = status
  const latencyMs = nowMs - attempt.startedMs
  instance.counters.statuses[statusClass(status)]!++
  countLatency(instance.counters, latencyMs)
  const tellOf = failsBreaker(service.spec, status) ? tellFailure : tellAnswer
  if (tellOf(breakerOf(instance), attempt, nowMs)) ctx.breakerChanged()
  // Statuses that say that the instance, or what is behind it, is in trouble.
  if (status === 502 || status === 503 || status === 504) return blameInstance(ctx, attempt, nowMs)
  ctx.instanceChanged(instance)
  if (instance.isGone) return
  reportSuccess(instance, service.spec.ejection, nowMs)
  if (exchange.isIdempotent) service.hedge?.observe(latencyMs, nowMs)
  noteLatency(service.spec, instance, latencyMs, nowMs)
  service.balancer.observe(instance, latencyMs, nowMs, true)
}

function awaitMore(ctx: ExchangeContext, attempt: BoundAttempt, nowMs: number): void {
  const { exchange, stream } = attempt
  const { isClogged } = exchange.client.outlet
  attempt.deadlineMs = nowMs + silenceMsMax(exchange, ctx.limits, isClogged)
  if (!isClogged) return
  exchange.unsentBefore = exchange.client.outlet.unsentBytes
  stream.pause()
}

/** The answer can not be completed: the client must see that, by a connection that is reset. */
function breakOff(
  ctx: ExchangeContext,
  attempt: BoundAttempt,
  outcome: string,
  detail: string,
): void {
  attempt.entry.outcome = outcome
  attempt.exchange.sentBytes = attempt.stream.body.received
  const nowMs = ctx.clock.monotonicMs()
  reportFailure(ctx, attempt, nowMs)
  reportRequestFailure(ctx, attempt.exchange, nowMs)
  answerLocally(ctx, attempt.exchange, { code: 'ERR_GATEWAY_UPSTREAM_BROKE_OFF', detail })
}

function endAnswer(ctx: ExchangeContext, attempt: BoundAttempt, nowMs: number): void {
  const { exchange, stream } = attempt
  exchange.sentBytes = stream.body.received
  if (exchange.capture !== null) endCapture(exchange, nowMs)
  const isWhole = exchange.client.body.isDone
  // The client sends a body that nobody reads any more.
  if (!isWhole) exchange.client.closeAfterwards()
  releaseAttempt(ctx, attempt, isWhole, nowMs)
  if (exchange.encodes !== null) return finishEncoding(ctx, exchange, nowMs)
  endExchange(ctx, exchange, nowMs)
}

/** The client has read what was queued for it. */
export function clientWritable(ctx: ExchangeContext, exchange: Exchange): void {
  exchange.encodes?.encoder.resume()
  if (exchange.phase === PHASE.flushing) {
    // What is still in the encoder comes.
    if (exchange.encodes?.encoder.isDone === false) return
    return endExchange(ctx, exchange, ctx.clock.monotonicMs())
  }
  letSend(ctx, exchange.first)
  letSend(ctx, exchange.second)
}

/** The instance may go on, and has the whole time for what comes next: it was we who held it back. */
function letSend(ctx: ExchangeContext, attempt: Attempt): void {
  if (!isBound(attempt)) return
  if (attempt.state === ATTEMPT.answering) {
    const silenceMs = silenceMsMax(attempt.exchange, ctx.limits, false)
    attempt.deadlineMs = ctx.clock.monotonicMs() + silenceMs
  }
  attempt.stream.resume()
}
