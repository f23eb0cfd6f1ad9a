import type { WorkerContext } from '../worker/context.ts'
import { stopWaiting } from '../upstream/dispatch.ts'
import { reportFailedAttempt, failAttempt, releaseInstance } from '../upstream/retry.ts'
import { type Exchange, PHASE } from './exchange.ts'
import { answerOwn } from './own-answer.ts'
import { endTunnel } from './tunnel.ts'

/** The client has gone: the instance is told by a closed connection, so that it can stop working. */
export function abortExchange(ctx: WorkerContext, exchange: Exchange): void {
  if (exchange.phase === PHASE.tunnel) return endTunnel(ctx, exchange)
  stopWaiting(exchange)
  if (exchange.attempt !== null && exchange.attempt.outcome === '')
    exchange.attempt.outcome = 'client-aborted'
  releaseInstance(ctx, exchange)
  answerOwn(ctx, exchange, {
    code: 'ERR_GATEWAY_CLIENT_ABORTED',
    detail: 'the client closed its connection before the answer was complete',
  })
}

/** A deadline has passed; which one follows from where the exchange is. */
export function expireExchange(ctx: WorkerContext, exchange: Exchange, nowMs: number): void {
  const isTotal = exchange.totalDeadlineMs !== 0 && nowMs >= exchange.totalDeadlineMs
  switch (exchange.phase) {
    case PHASE.pending:
      stopWaiting(exchange)
      return expireTotal(ctx, exchange, 'waiting for a connection')
    case PHASE.connecting:
      if (isTotal) return expireTotal(ctx, exchange, 'connecting')
      return failAttempt(
        ctx,
        exchange,
        'connect-timeout',
        `${exchange.attempt!.address} did not accept within ${exchange.service!.spec.connectTimeoutMs} ms`,
      )
    case PHASE.asked:
      if (!exchange.requestBody.isDone) return expireBody(ctx, exchange)
      if (isTotal) return expireTotal(ctx, exchange, 'waiting for the answer')
      return failAttempt(
        ctx,
        exchange,
        'attempt-timeout',
        `${exchange.attempt!.instance} did not answer within ${exchange.service!.spec.attemptTimeoutMs} ms`,
      )
    case PHASE.answering:
      return expireBody(ctx, exchange)
    case PHASE.tunnel:
      return endTunnel(ctx, exchange)
    case PHASE.free:
      return
    default:
      return exchange.phase satisfies never
  }
}

function expireTotal(ctx: WorkerContext, exchange: Exchange, doing: string): void {
  if (exchange.attempt !== null) exchange.attempt.outcome = 'total-timeout'
  // An instance that used up the whole time is as suspicious as one that used up its own.
  if (exchange.instance !== null)
    reportFailedAttempt(ctx, exchange, exchange.instance, ctx.clock.monotonicMs())
  releaseInstance(ctx, exchange)
  answerOwn(ctx, exchange, {
    code: 'ERR_GATEWAY_TIMEOUT',
    detail: `${exchange.timeoutMs} ms passed while ${doing}`,
  })
}

function expireBody(ctx: WorkerContext, exchange: Exchange): void {
  exchange.attempt!.outcome = 'body-timeout'
  releaseInstance(ctx, exchange)
  answerOwn(ctx, exchange, {
    code: 'ERR_GATEWAY_BODY_TIMEOUT',
    detail: `no byte of a body moved for ${ctx.limits.bodyTimeoutMs} ms`,
  })
}
