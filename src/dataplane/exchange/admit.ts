import type { Admission } from '../upstream/admission.ts'
import { toOver, toWaiting } from './attempt-states.ts'
import type { ExchangeContext } from './context.ts'
import type { Attempt, Exchange } from './exchange.ts'
import { answerLocally } from './local-reply.ts'

/** Takes a place in flight for a request. False: it waits for one in the queue, or is answered. */
export function admit(
  ctx: ExchangeContext,
  attempt: Attempt,
  admission: Admission<Attempt>,
  nowMs: number,
): boolean {
  const { exchange } = attempt
  if (admission.queued === 0 && admission.take(exchange.priority)) {
    noteAdmitted(exchange, admission, nowMs)
    return true
  }
  const place = admission.push(attempt, exchange.priority, nowMs, (loser) =>
    pushOut(ctx, loser, admission),
  )
  if (place < 0) {
    shedRequest(ctx, exchange)
    return false
  }
  const service = exchange.service!
  exchange.queuePlace = place
  attempt.startedMs = nowMs
  const untilMs = exchange.totalDeadlineMs || nowMs + exchange.timeoutMs
  toWaiting(attempt, Math.min(untilMs, nowMs + (admission.spec?.queueMs ?? Infinity)))
  ctx.crowded.add(service)
  // Room may have come before the others knew that somebody waits; and who was pushed out is told in a turn of its own.
  ctx.turns.schedule(service)
  return false
}

/** It has lost its place at once, and is answered in a turn of its own: unless its client has left by then. */
function pushOut(ctx: ExchangeContext, attempt: Attempt, admission: Admission<Attempt>): void {
  const { exchange } = attempt
  const { turn } = exchange
  exchange.queuePlace = -1
  toOver(attempt)
  admission.shed.push(() => {
    if (exchange.turn === turn) shedRequest(ctx, exchange)
  })
}

/** From the queue into flight: the place was taken for it already. */
export function takePlaceInFlight(
  ctx: ExchangeContext,
  attempt: Attempt,
  admission: Admission<Attempt>,
  nowMs: number,
): void {
  const { exchange } = attempt
  exchange.queuePlace = -1
  exchange.record.queueMs += ctx.clock.monotonicMs() - attempt.startedMs
  toOver(attempt)
  noteAdmitted(exchange, admission, nowMs)
}

function noteAdmitted(exchange: Exchange, admission: Admission<Attempt>, nowMs: number): void {
  exchange.admission = admission
  exchange.admittedMs = nowMs
  exchange.admittedAs = admission.inFlight
}

/** The service has as many requests as it may have, and this one is among the least important, or has waited for too long. */
export function shedRequest(ctx: ExchangeContext, exchange: Exchange): void {
  const { service } = exchange
  const admission = service?.admission
  ctx.totals.countLimited('concurrency')
  if (service !== null) service.counts.shed++
  const limit = admission === null || admission === undefined ? 0 : admission.limit
  const why =
    service === null || service.guard === null
      ? ''
      : `${service.name} is overloaded: ${service.guard.explain()}; `
  answerLocally(ctx, exchange, {
    code: 'ERR_GATEWAY_OVERLOADED',
    detail: `${why}${service?.name ?? ''} may have ${limit} requests in flight, has ${admission?.inFlight ?? 0}, and ${admission?.queued ?? 0} wait here already: resilience.concurrency`,
    lines: 'retry-after: 1\r\n',
  })
}

/** How a request went, once: the limit of its service learns. */
export function observeAdmitted(exchange: Exchange, isDropped: boolean, nowMs: number): void {
  const { admission, admittedMs, admittedAs } = exchange
  if (admission === null || admittedMs === 0) return
  exchange.admittedMs = 0
  admission.observe(nowMs - admittedMs, admittedAs, isDropped)
}
