import { type FieldTable, fieldValue, findField } from '../../mechanisms/http1/fields.ts'
import { FIELD } from '../../mechanisms/http1/names.ts'
import type { ResponseHead } from '../../mechanisms/http1/response-head.ts'
import { retriesAnswer, retriesFailure } from '../../mechanisms/retry/conditions.ts'
import { parseRateLimitReset, parseRetryAfter } from '../../mechanisms/retry/retry-after.ts'
import { decideWait, retryWaitMs } from '../../mechanisms/retry/retry-wait.ts'
import { notePolicy } from '../records/record.ts'
import { hasInstanceLeft } from './choose-instance.ts'
import { callStatusOf } from './calls.ts'
import type { ExchangeContext } from './context.ts'
import { conditionOf, type Failure, mayRetryAnswer } from './decide.ts'
import { ATTEMPT, type BoundAttempt, type Exchange } from './exchange.ts'

/** Failures that the service's conditions name. */
export function isNamed({ service }: Exchange, failure: Failure): boolean {
  return service !== null && retriesFailure(service.retryOn, conditionOf(failure))
}

/**
 * Whether cutting an attempt short makes room for another one: where the budget is used up or nobody else is left, the attempt may as well use all of the
 * time.
 */
export function canFollow(attempt: BoundAttempt, nowMs: number): boolean {
  const { exchange, instance } = attempt
  const service = exchange.service!
  if (service.breaker?.isOpen(nowMs) === true) return false
  if (!service.retries.hasOne(nowMs)) {
    service.counts.retriesRefused++
    return false
  }
  return hasInstanceLeft(exchange, instance, nowMs)
}

/** The wait before a further attempt, 0 for none; -1: it would come too late. `retryAfterMs` is what the instance asked for, -1 for nothing. */
export function waitBefore(
  ctx: ExchangeContext,
  exchange: Exchange,
  retryAfterMs: number,
  nowMs: number,
): number {
  const { retry } = exchange.service!.spec
  const waitMs =
    retry.waits === undefined
      ? 0
      : retryWaitMs(
          retry.waits,
          retry.attempts - exchange.retriesLeft,
          exchange.pausedMs,
          ctx.pick.random,
        )
  const untilMs = exchange.totalDeadlineMs || nowMs + exchange.timeoutMs
  return decideWait({ waitMs, retryAfterMs, leftMs: untilMs - nowMs })
}

/**
 * Decides whether an answer is given up for a further attempt, and takes that one out of the budget. Returns the wait before it; -1: the answer
 * goes to the client.
 */
export function decideAnswerRetry(
  ctx: ExchangeContext,
  attempt: BoundAttempt,
  head: ResponseHead,
  bytes: Buffer,
  nowMs: number,
): number {
  const { exchange, instance } = attempt
  const service = exchange.service!
  const callStatus = callStatusOf(exchange, head, bytes)
  // A status of a call that the file names may be tried again, whatever the call does: that is what naming it says.
  const isCallNamed = callStatus > 0 && retriesAnswer(service.retryOn, 200, callStatus, false)
  const isMarked = isCallNamed || valueOf(head.fields, bytes, FIELD.retriable) === 'true'
  const other = exchange.first === attempt ? exchange.second : exchange.first
  const may = mayRetryAnswer({
    isNamed: isCallNamed || retriesAnswer(service.retryOn, head.status, -1, isMarked),
    isMarked,
    isIdempotent: exchange.isIdempotent,
    isReplayable: exchange.isReplayable,
    retriesLeft: exchange.retriesLeft,
    isLate: exchange.totalDeadlineMs !== 0 && nowMs >= exchange.totalDeadlineMs,
    hasOther: other.state !== ATTEMPT.over,
  })
  if (!may || service.breaker?.isOpen(nowMs) === true) return -1
  if (!hasInstanceLeft(exchange, instance, nowMs)) return -1
  const waitMs = waitBefore(ctx, exchange, askedMs(head, bytes, ctx.clock.nowMs()), nowMs)
  if (waitMs < 0 || !withdraw(exchange, nowMs)) return -1
  return waitMs
}

/** Takes a further attempt out of the budget; false, and `why` says so: it is used up. */
export function withdraw({ service, record }: Exchange, nowMs: number): boolean {
  if (service!.retries.tryWithdraw(nowMs)) return true
  const { retries } = service!.retries.view(nowMs)
  service!.counts.retriesRefused++
  notePolicy(record, 'retry', 'none: the budget of the last ten seconds is used up', retries)
  return false
}

/** Of two attempts side by side the one that has such a status leaves the request to the other one. */
export function isLeftToOther(attempt: BoundAttempt, status: number, callStatus: number): boolean {
  const { first, second, service } = attempt.exchange
  const other = first === attempt ? second : first
  return other.state !== ATTEMPT.over && retriesAnswer(service!.retryOn, status, callStatus, false)
}

/** What the instance asks for: Retry-After, else when its rate limit is renewed. -1: nothing that can be understood. */
function askedMs({ fields }: ResponseHead, bytes: Buffer, wallMs: number): number {
  const retryAfter = valueOf(fields, bytes, FIELD.retryAfter)
  if (retryAfter !== '') return parseRetryAfter(retryAfter, wallMs)
  const reset =
    valueOf(fields, bytes, FIELD.rateLimitReset) || valueOf(fields, bytes, FIELD.xRateLimitReset)
  return reset === '' ? -1 : parseRateLimitReset(reset, wallMs)
}

function valueOf(fields: FieldTable, bytes: Buffer, id: number): string {
  const field = findField(fields, id)
  return field < 0 ? '' : fieldValue(bytes, fields, field)
}
