import { breakerOf, giveBack } from '../resilience/breakers.ts'
import type { Instance } from '../upstream/instance.ts'
import { toOver } from './attempt-states.ts'
import { ATTEMPT, type Attempt, type BoundAttempt, type Exchange } from './exchange.ts'
import type { ExchangeContext } from './context.ts'

/** The attempt has its whole answer: its connection goes back to the pool where it may. */
export function releaseAttempt(
  ctx: ExchangeContext,
  attempt: BoundAttempt,
  mayRest: boolean,
  nowMs: number,
): void {
  const { instance, stream } = attempt
  toOver(attempt)
  leaveInstance(ctx, instance)
  stream.release(mayRest, nowMs)
}

/** Gives an attempt up, whatever it is doing; nothing where it is over. */
export function cancelAttempt(ctx: ExchangeContext, attempt: Attempt): void {
  switch (attempt.state) {
    case ATTEMPT.over:
      return
    case ATTEMPT.waiting:
      return leaveQueue(ctx, attempt)
    case ATTEMPT.pausing:
      toOver(attempt)
      return
    case ATTEMPT.connecting:
    case ATTEMPT.sent:
    case ATTEMPT.answering:
    case ATTEMPT.tunnel: {
      const { instance, stream, exchange } = attempt
      if (attempt.state === ATTEMPT.answering) exchange.sentBytes = stream.body.received
      toOver(attempt)
      giveBack(breakerOf(instance), attempt)
      leaveInstance(ctx, instance)
      return stream.cancel()
    }
    default:
      return attempt satisfies never
  }
}

/** Gives up all attempts of an exchange. */
export function cancelAttempts(ctx: ExchangeContext, exchange: Exchange): void {
  if (exchange.first.state !== ATTEMPT.over) cancelAttempt(ctx, exchange.first)
  if (exchange.second.state !== ATTEMPT.over) cancelAttempt(ctx, exchange.second)
}

/** It waits no longer for a connection. */
export function leaveQueue(ctx: ExchangeContext, attempt: Attempt): void {
  const { exchange } = attempt
  const service = exchange.service
  if (exchange.queuePlace >= 0) {
    service?.admission?.remove(exchange.queuePlace)
    exchange.queuePlace = -1
    exchange.record.queueMs += ctx.clock.monotonicMs() - attempt.startedMs
    toOver(attempt)
    return
  }
  if (service?.waiting.delete(attempt) !== true) return
  service.pending.give()
  exchange.record.queueMs += ctx.clock.monotonicMs() - attempt.startedMs
  toOver(attempt)
}

/** The request has nothing to do with the instance any more. */
function leaveInstance(ctx: ExchangeContext, instance: Instance): void {
  instance.inFlight--
  ctx.instanceChanged(instance)
  if (instance.isGone && instance.inFlight === 0)
    ctx.reportDrained(instance.spec.service, instance.id, instance.removal)
}
