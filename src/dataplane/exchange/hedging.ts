import { isHedgeDue } from '../../mechanisms/hedging/hedging.ts'
import { notePolicy } from '../records/record.ts'
import { connectSomewhere } from './attempts.ts'
import { hasInstanceLeft } from './choose-instance.ts'
import type { ExchangeContext } from './context.ts'
import { mayHedge } from './decide.ts'
import { ATTEMPT, type Exchange, writeTries } from './exchange.ts'

/** The usual time has passed without an answer: a second attempt runs beside the first one, where that may be and the retry budget has one left. */
export function hedgeWhenDue(ctx: ExchangeContext, exchange: Exchange, nowMs: number): void {
  exchange.hedgeAtMs = Infinity
  const { first, service } = exchange
  if (service === null || service.hedge === null || first.state !== ATTEMPT.sent) return
  const { delayMs } = service.hedge
  // Behind its time the first attempt may have waited for a tick: what is usual has passed in any case.
  const sentMs = nowMs - delayMs
  if (!isHedgeDue({ nowMs, sentMs, delayMs, deadlineMs: exchange.totalDeadlineMs })) return
  if (exchange.retriesLeft <= 0 || service.breaker?.isOpen(nowMs) === true) return
  if (!hasInstanceLeft(exchange, first.instance, nowMs)) return
  if (!service.retries.hasOne(nowMs) || !startHedge(ctx, exchange, nowMs)) return
  service.retries.tryWithdraw(nowMs)
  service.counts.hedges++
  exchange.retriesLeft--
  exchange.edge!.retries++
  notePolicy(exchange.record, 'hedge', 'a second attempt after the usual time', delayMs)
}

/** Begins a second attempt beside the first one; false where that may not be. The first head that comes wins. */
export function startHedge(ctx: ExchangeContext, exchange: Exchange, nowMs: number): boolean {
  const { first, second } = exchange
  const isFirstAlone = first.state === ATTEMPT.sent && second.state === ATTEMPT.over
  const service = exchange.service
  if (service === null || !isFirstAlone) return false
  const may = mayHedge({
    isIdempotent: exchange.isIdempotent,
    isReplayable: exchange.isReplayable,
    isRequestWhole: exchange.client.body.isDone,
    isFirstAlone,
    triedCount: exchange.tried.length,
    routableCount: service.balancer.candidates.length,
  })
  if (!may || first.instance === null) return false
  exchange.tried.push(first.instance)
  writeTries(exchange, exchange.cameAs + 1)
  if (connectSomewhere(ctx, second, service, nowMs)) return true
  exchange.tried.pop()
  return false
}
