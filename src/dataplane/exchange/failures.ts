import { observeAdmitted, shedRequest } from './admit.ts'
import { noteReason } from '../records/record.ts'
import { breakerOf, tellFailure, tellHanging } from '../resilience/breakers.ts'
import { noteFailure, tellEjected } from '../resilience/outlier-watch.ts'
import type { Instance } from '../upstream/instance.ts'
import type { Service } from '../upstream/service.ts'
import { cancelAttempt, cancelAttempts } from './attempt-end.ts'
import { isBound, toPausing } from './attempt-states.ts'
import { startNextAttempt } from './attempts.ts'
import type { ExchangeContext } from './context.ts'
import {
  blamesInstance,
  decideAfterFailure,
  decideExpiry,
  type Expiry,
  FAILURE_CODES,
  type Failure,
  NEXT,
} from './decide.ts'
import {
  ATTEMPT,
  type Attempt,
  type BoundAttempt,
  type Exchange,
  PHASE,
  writeTries,
} from './exchange.ts'
import { finishExchange } from './finish.ts'
import { answerLocally } from './local-reply.ts'
import { noteWasted } from './overload.ts'
import { canFollow, isNamed, waitBefore, withdraw } from './retries.ts'

/** An attempt has failed before the client saw anything of an answer: another one, or the end. */
export function failAttempt(
  ctx: ExchangeContext,
  attempt: BoundAttempt,
  failure: Failure,
  detail: string,
): void {
  const { exchange, instance } = attempt
  const nowMs = ctx.clock.monotonicMs()
  attempt.entry.outcome = failure
  if (blamesInstance(failure)) reportFailure(ctx, attempt, nowMs)
  cancelAttempt(ctx, attempt)
  const next = decideAfterFailure({
    failure,
    isIdempotent: exchange.isIdempotent,
    isReplayable: exchange.isReplayable,
    triedCount: exchange.tried.length,
    retriesLeft: exchange.retriesLeft,
    needsFresh: exchange.needsFresh,
    isLate: exchange.totalDeadlineMs !== 0 && nowMs >= exchange.totalDeadlineMs,
    hasOther: exchange.first.state !== ATTEMPT.over || exchange.second.state !== ATTEMPT.over,
    isNamed: isNamed(exchange, failure),
  })
  switch (next) {
    case NEXT.leave:
      noteTried(exchange, instance)
      return
    case NEXT.again:
      exchange.needsFresh = true
      break
    case NEXT.elsewhere:
      noteTried(exchange, instance)
      break
    case NEXT.elsewhereOnBudget: {
      noteTried(exchange, instance)
      const waitMs = waitBefore(ctx, exchange, -1, nowMs)
      if (waitMs < 0 || !withdraw(exchange, nowMs)) {
        return giveUp(ctx, exchange, failure, detail, nowMs)
      }
      return tryElsewhere(ctx, attempt, failure, detail, waitMs)
    }
    case NEXT.answer:
      return giveUp(ctx, exchange, failure, detail, nowMs)
    default:
      return next satisfies never
  }
  startAgain(ctx, attempt, failure, detail, nowMs)
}

/** A further attempt, which was taken out of the budget, after `waitMs`. */
export function tryElsewhere(
  ctx: ExchangeContext,
  attempt: Attempt,
  failure: Failure,
  detail: string,
  waitMs: number,
): void {
  const { exchange } = attempt
  const nowMs = ctx.clock.monotonicMs()
  exchange.retriesLeft--
  exchange.pausedMs = waitMs
  writeTries(exchange, exchange.service!.spec.retry.attempts - exchange.retriesLeft + 1)
  if (waitMs <= 0) return startAgain(ctx, attempt, failure, detail, nowMs)
  exchange.failure = failure
  exchange.failureDetail = detail
  if (!exchange.client.body.isDone) exchange.client.pause()
  toPausing(attempt, nowMs + waitMs)
}

/** The next attempt begins now, or the client gets the answer of the last one's failure. */
function startAgain(
  ctx: ExchangeContext,
  attempt: Attempt,
  failure: Failure,
  detail: string,
  nowMs: number,
): void {
  const { exchange } = attempt
  // What of the body is still to come waits until it is clear where it goes.
  if (!exchange.client.body.isDone) exchange.client.pause()
  const { edge } = exchange
  if (startNextAttempt(ctx, attempt, nowMs)) {
    // The exchange itself may be over: the queue was full, and that was answered.
    edge!.retries++
    return
  }
  giveUp(ctx, exchange, failure, detail, nowMs)
}

/** There is no further attempt: the client gets the gateway's answer. */
function giveUp(
  ctx: ExchangeContext,
  exchange: Exchange,
  failure: Failure,
  detail: string,
  nowMs: number,
): void {
  if (blamesInstance(failure)) reportRequestFailure(ctx, exchange, nowMs)
  answerLocally(ctx, exchange, { code: FAILURE_CODES[failure], detail })
}

/** Once each: where two attempts ran side by side the first one's instance is noted already. */
function noteTried(exchange: Exchange, instance: Instance): void {
  if (!exchange.tried.includes(instance)) exchange.tried.push(instance)
}

/** A failed attempt counts towards ejection and makes the instance look slow. One that is removed is not judged any more. */
export function reportFailure(ctx: ExchangeContext, attempt: BoundAttempt, nowMs: number): void {
  if (tellFailure(breakerOf(attempt.instance), attempt, nowMs)) ctx.breakerChanged()
  blameInstance(ctx, attempt, nowMs)
}

/** As `reportFailure`, for who has told the breakers. */
export function blameInstance(ctx: ExchangeContext, attempt: BoundAttempt, nowMs: number): void {
  const { instance, exchange } = attempt
  if (attempt.isBlamed) return
  attempt.isBlamed = true
  const service = exchange.service!
  instance.counters.failures++
  ctx.instanceChanged(instance)
  if (instance.isGone) return
  const total = service.balancer.candidates.length
  noteFailure(service.spec, instance, attempt.state !== ATTEMPT.answering, nowMs)
  if (service.ejection.reportFailure(instance, service.spec.ejection, nowMs, total)) {
    service.counts.ejections++
    const because = `${service.spec.ejection.failures} failures in a row, the last: ${attempt.entry.outcome} ${attempt.entry.status || ''}`
    ctx.happened(tellEjected(service.name, instance, because.trimEnd(), nowMs))
  }
  service.balancer.observe(instance, nowMs - attempt.startedMs, nowMs, false)
}

/** The request has failed for good: its service did not serve it. */
export function reportRequestFailure(
  ctx: ExchangeContext,
  exchange: Exchange,
  nowMs: number,
): void {
  const { service } = exchange
  observeAdmitted(exchange, true, nowMs)
  if (service !== null && tellFailure(service.breaker, exchange, nowMs))
    breakerChanged(ctx, service)
}

/** Who waits for a service whose breaker has changed looks again, and the change is told. */
export function breakerChanged(ctx: ExchangeContext, service: Service<Attempt>): void {
  if (service.waiting.size > 0) ctx.turns.schedule(service)
  ctx.breakerChanged()
}

/** What takes longer than what is slow counts as slow while it hangs: the request, and its attempts. */
export function noteHanging(ctx: ExchangeContext, exchange: Exchange, nowMs: number): void {
  const { service, first, second } = exchange
  if (service === null) return
  if (exchange.slowAtMs <= nowMs && tellHanging(service.breaker, exchange, nowMs)) {
    breakerChanged(ctx, service)
  }
  for (const attempt of [first, second]) {
    if (attempt.slowAtMs > nowMs || attempt.instance === null) continue
    if (tellHanging(breakerOf(attempt.instance), attempt, nowMs)) ctx.breakerChanged()
  }
}

/** The client has gone: instances are told by closed connections, so that they can stop working. */
export function abortExchange(ctx: ExchangeContext, exchange: Exchange): void {
  const detail = 'the client closed its connection before the answer was complete'
  const code = 'ERR_GATEWAY_CLIENT_ABORTED'
  for (const attempt of [exchange.first, exchange.second]) {
    if (isBound(attempt) && attempt.entry.outcome === '') {
      attempt.entry.outcome = 'client-aborted'
      noteWasted(attempt, ctx.clock.monotonicMs())
    }
  }
  if (exchange.phase !== PHASE.flushing) return answerLocally(ctx, exchange, { code, detail })
  noteReason(exchange.record, code, detail)
  exchange.sentBytes = Math.max(0, exchange.sentBytes - exchange.unsentBefore)
  finishExchange(ctx, exchange, ctx.clock.monotonicMs())
}

/** Deadlines of an exchange that have passed at `nowMs`. */
export function expireExchange(ctx: ExchangeContext, exchange: Exchange, nowMs: number): void {
  const { turn } = exchange
  if (exchange.deadlineMs <= nowMs) expirePhase(ctx, exchange, nowMs)
  if (exchange.turn === turn && exchange.first.deadlineMs <= nowMs) {
    expireAttempt(ctx, exchange.first, nowMs)
  }
  if (exchange.turn === turn && exchange.second.deadlineMs <= nowMs) {
    expireAttempt(ctx, exchange.second, nowMs)
  }
}

/** A client that does not read the end of its answer, or a policy that does not decide. */
function expirePhase(ctx: ExchangeContext, exchange: Exchange, nowMs: number): void {
  if (exchange.phase !== PHASE.flushing) {
    return answerLocally(ctx, exchange, {
      code: 'ERR_GATEWAY_TIMEOUT',
      detail: `${exchange.timeoutMs} ms passed while a policy decided`,
    })
  }
  if (movesOn(exchange)) {
    exchange.deadlineMs = nowMs + ctx.limits.bodyTimeoutMs
    return
  }
  endForSlowClient(ctx, exchange, nowMs)
}

/** Whether the client has read something since that was asked last. */
function movesOn(exchange: Exchange): boolean {
  const unsent = exchange.client.outlet.unsentBytes
  const hasMoved = unsent < exchange.unsentBefore
  exchange.unsentBefore = unsent
  return hasMoved
}

/** Whether the instance has read something since that was asked last. */
function takesMore(attempt: BoundAttempt): boolean {
  const unsent = attempt.stream.unsentBytes
  const hasMoved = unsent < attempt.unsentBefore
  attempt.unsentBefore = unsent
  return hasMoved
}

function endForSlowClient(ctx: ExchangeContext, exchange: Exchange, nowMs: number): void {
  const detail = `the client read nothing of its answer for ${ctx.limits.bodyTimeoutMs} ms`
  noteReason(exchange.record, 'ERR_GATEWAY_CLIENT_STALLED', detail)
  cancelAttempts(ctx, exchange)
  exchange.sentBytes = Math.max(0, exchange.sentBytes - exchange.client.outlet.unsentBytes)
  exchange.client.reset()
  finishExchange(ctx, exchange, nowMs)
}

const STATE_NAMES = ['', 'waiting', 'pausing', 'connecting', 'sent', 'answering', 'tunnel'] as const

function expireAttempt(ctx: ExchangeContext, attempt: Attempt, nowMs: number): void {
  const { exchange } = attempt
  const state = STATE_NAMES[attempt.state]
  if (state === '') return
  const expiry = decideExpiry({
    state,
    isTotalOver: exchange.totalDeadlineMs !== 0 && nowMs >= exchange.totalDeadlineMs,
    isRequestWhole: exchange.client.body.isDone,
    isInstanceClogged: isBound(attempt) && attempt.stream.isClogged,
    isClientClogged: exchange.client.outlet.isClogged,
  })
  if (isBound(attempt)) expireBound(ctx, attempt, expiry, nowMs)
  else if (expiry === 'pause') endPause(ctx, attempt, nowMs)
  else if (exchange.queuePlace >= 0) shedRequest(ctx, exchange)
  else expireTotal(ctx, exchange, 'waiting for a connection')
}

/** The wait before a further attempt is over. */
function endPause(ctx: ExchangeContext, attempt: Attempt, nowMs: number): void {
  const { failure, failureDetail } = attempt.exchange
  if (failure !== null) startAgain(ctx, attempt, failure, failureDetail, nowMs)
}

function expireBound(
  ctx: ExchangeContext,
  attempt: BoundAttempt,
  expiry: Expiry,
  nowMs: number,
): void {
  const { exchange, instance, entry } = attempt
  const { bodyTimeoutMs } = ctx.limits
  switch (expiry) {
    case 'total':
      entry.outcome = 'total-timeout'
      noteWasted(attempt, nowMs)
      // An instance that used up the whole time is as suspicious as one that used up its own.
      reportFailure(ctx, attempt, nowMs)
      return expireTotal(ctx, exchange, 'waiting for the answer')
    case 'connect': {
      const { connectTimeoutMs } = exchange.service!.spec
      const detail = `${instance.address} did not accept within ${connectTimeoutMs} ms`
      return failAttempt(ctx, attempt, 'connect-timeout', detail)
    }
    case 'pause':
      return
    case 'attempt':
      return expireTry(ctx, attempt, nowMs)
    case 'client-upload':
      entry.outcome = 'body-timeout'
      exchange.client.closeAfterwards()
      return answerLocally(ctx, exchange, {
        code: 'ERR_GATEWAY_BODY_TIMEOUT',
        detail: `no byte of the request's body came for ${bodyTimeoutMs} ms`,
      })
    case 'instance-upload':
      if (takesMore(attempt)) {
        attempt.deadlineMs = nowMs + bodyTimeoutMs
        return
      }
      entry.outcome = 'body-timeout'
      reportFailure(ctx, attempt, nowMs)
      reportRequestFailure(ctx, exchange, nowMs)
      return answerLocally(ctx, exchange, {
        code: 'ERR_GATEWAY_UPSTREAM_STALLED',
        detail: `${instance.id} took no byte of the request's body for ${bodyTimeoutMs} ms`,
      })
    case 'instance-answer':
      entry.outcome = 'body-timeout'
      reportFailure(ctx, attempt, nowMs)
      reportRequestFailure(ctx, exchange, nowMs)
      return answerLocally(ctx, exchange, {
        code: 'ERR_GATEWAY_UPSTREAM_STALLED',
        detail: `${instance.id} sent no byte of its answer's body for ${bodyTimeoutMs} ms`,
      })
    case 'client-answer':
      if (!movesOn(exchange)) return endForSlowClient(ctx, exchange, nowMs)
      attempt.deadlineMs = nowMs + bodyTimeoutMs
      return
    case 'tunnel':
      entry.outcome = 'idle-timeout'
      cancelAttempts(ctx, exchange)
      exchange.client.closeAfterwards()
      return finishExchange(ctx, exchange, nowMs)
    default:
      return expiry satisfies never
  }
}

/** The attempt has used up its time: for the next one, where there can be one. */
function expireTry(ctx: ExchangeContext, attempt: BoundAttempt, nowMs: number): void {
  const { exchange, instance } = attempt
  noteWasted(attempt, nowMs)
  if (canFollow(attempt, nowMs)) {
    const { attemptTimeoutMs } = exchange.service!.spec
    const detail = `${instance.id} did not answer within ${attemptTimeoutMs} ms`
    return failAttempt(ctx, attempt, 'attempt-timeout', detail)
  }
  // Its time is over all the same: an instance that freezes is left out soon.
  reportFailure(ctx, attempt, nowMs)
  attempt.deadlineMs = exchange.totalDeadlineMs
}

function expireTotal(ctx: ExchangeContext, exchange: Exchange, doing: string): void {
  reportRequestFailure(ctx, exchange, ctx.clock.monotonicMs())
  answerLocally(ctx, exchange, {
    code: 'ERR_GATEWAY_TIMEOUT',
    detail: `${exchange.timeoutMs} ms passed while ${doing}`,
  })
}
