import type { Exchange } from '../http/exchange.ts'
import { answerOwn } from '../http/own-answer.ts'
import type { ReasonCode } from '../reasons.ts'
import type { WorkerContext } from '../worker/context.ts'
import { chooseInstance, connectTo, serveWaiting } from './dispatch.ts'
import type { Instance } from './instance.ts'
import { discardConnection } from './pool.ts'

/** Refused connections that one request may meet before it is given up: nothing was sent, but time passes. */
const REFUSED_MAX = 8

/** How an attempt failed. */
export type Failure =
  /** No connection came about: nothing was sent. */
  | 'connect-refused'
  | 'connect-timeout'
  /** The connection had been open already and was closed before a byte of the answer. */
  | 'stale'
  | 'reset'
  | 'attempt-timeout'
  | 'bad-response'
  | 'response-head-too-large'

const CODES = {
  'connect-refused': 'ERR_GATEWAY_CONNECT_FAILED',
  'connect-timeout': 'ERR_GATEWAY_CONNECT_TIMEOUT',
  stale: 'ERR_GATEWAY_UPSTREAM_RESET',
  reset: 'ERR_GATEWAY_UPSTREAM_RESET',
  'attempt-timeout': 'ERR_GATEWAY_ATTEMPT_TIMEOUT',
  'bad-response': 'ERR_GATEWAY_BAD_RESPONSE',
  'response-head-too-large': 'ERR_GATEWAY_RESPONSE_HEAD_TOO_LARGE',
} as const satisfies Record<Failure, ReasonCode>

/** A try has failed before the client saw anything of an answer: another instance, or the end. */
export function failAttempt(
  ctx: WorkerContext,
  exchange: Exchange,
  failure: Failure,
  detail: string,
): void {
  const service = exchange.service!
  const instance = exchange.instance!
  const nowMs = ctx.clock.monotonicMs()
  exchange.attempt!.outcome = failure
  releaseInstance(ctx, exchange)
  // A stale connection says nothing about the instance.
  if (failure !== 'stale') reportFailedAttempt(ctx, exchange, instance, nowMs)
  if (mayRetry(exchange, failure, nowMs)) {
    if (failure === 'stale') exchange.needsFresh = true
    else exchange.tried.push(instance)
    const next = chooseInstance(ctx, exchange, service, nowMs)
    if (next !== undefined) {
      exchange.edge!.retries++
      return connectTo(ctx, exchange, service, next)
    }
  }
  answerOwn(ctx, exchange, { code: CODES[failure], detail })
}

/**
 * RFC 9110 section 9.2.2: only what is idempotent may be sent twice, unless it was not sent at all. What is not in `out` any more cannot be
 * sent again. Only what may add load to a service in trouble draws on the budget.
 */
function mayRetry(exchange: Exchange, failure: Failure, nowMs: number): boolean {
  const wasSent = failure !== 'connect-refused' && failure !== 'connect-timeout'
  if (wasSent && (!exchange.isIdempotent || !exchange.isReplayable)) return false
  if (exchange.totalDeadlineMs !== 0 && nowMs >= exchange.totalDeadlineMs) return false
  if (failure === 'stale') return !exchange.needsFresh
  if (failure === 'connect-refused') return exchange.tried.length < REFUSED_MAX
  if (exchange.retriesLeft === 0 || !exchange.service!.retries.tryWithdraw(nowMs)) return false
  exchange.retriesLeft--
  return true
}

/** A failed attempt counts towards ejection and makes the instance look slow. */
export function reportFailedAttempt(
  ctx: WorkerContext,
  exchange: Exchange,
  instance: Instance,
  nowMs: number,
): void {
  const service = exchange.service!
  const total = service.balancer.candidates.length
  service.ejection.reportFailure(instance, service.spec.ejection, nowMs, total)
  service.balancer.observe(instance, nowMs - exchange.attempt!.startedMs, nowMs, false)
  instance.counters.failures++
  ctx.totals.touchInstance(instance)
}

/** Closes the connection to the instance and takes the request off the instance's account. */
export function releaseInstance(ctx: WorkerContext, exchange: Exchange): void {
  const connection = exchange.upstream
  if (connection === null) return
  discardConnection(ctx, connection)
  releaseInFlight(ctx, exchange)
}

/** The request has nothing to do with the instance any more; its connection is closed or at rest. */
export function releaseInFlight(ctx: WorkerContext, exchange: Exchange): void {
  const instance = exchange.instance!
  const service = exchange.service!
  exchange.upstream = null
  exchange.instance = null
  instance.inFlight--
  if (instance.isGone && instance.inFlight === 0)
    ctx.reportDrained(instance.spec.service, instance.id, instance.removal)
  if (service.waiting.length > 0) serveWaiting(ctx, service)
}
