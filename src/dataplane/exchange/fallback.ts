import { notePolicy } from '../records/record.ts'
import type { LocalReply } from '../policies/policy.ts'
import { giveBack } from '../resilience/breakers.ts'
import { startAttempt } from './attempts.ts'
import { cancelAttempts } from './attempt-end.ts'
import type { ExchangeContext } from './context.ts'
import { type Exchange, PHASE } from './exchange.ts'
import { leaveFlight } from './finish.ts'
import { answerLocally } from './local-reply.ts'
import { staleReply } from './stale.ts'

/** Answers of ours that say that the service could not serve the request, and nothing of the request itself. */
const FAILURES: ReadonlySet<string> = new Set([
  'ERR_GATEWAY_BREAKER_OPEN',
  'ERR_GATEWAY_NO_INSTANCE',
  'ERR_GATEWAY_OVERLOADED',
  'ERR_GATEWAY_PENDING_FULL',
  'ERR_GATEWAY_CONNECT_FAILED',
  'ERR_GATEWAY_CONNECT_TIMEOUT',
  'ERR_GATEWAY_ATTEMPT_TIMEOUT',
  'ERR_GATEWAY_TIMEOUT',
  'ERR_GATEWAY_UPSTREAM_RESET',
  'ERR_GATEWAY_BAD_RESPONSE',
  'ERR_GATEWAY_RESPONSE_HEAD_TOO_LARGE',
  'ERR_GATEWAY_RETRY_LOST',
])

/** In place of a failure: the request goes to another service, or gets a fixed answer. False: nothing has happened. */
export function fallBack(ctx: ExchangeContext, exchange: Exchange, reply: LocalReply): boolean {
  const { fallback, phase } = exchange
  if (fallback === null || phase !== PHASE.asking || !FAILURES.has(reply.code)) return false
  const { service } = exchange
  if (goElsewhere(ctx, exchange, fallback.service)) {
    if (service !== null) service.counts.fallbacks++
    return true
  }
  const stale = staleReply(exchange, reply, ctx.clock.monotonicMs())
  if (stale !== undefined) {
    if (service !== null) service.counts.fallbacks++
    exchange.fallback = null
    notePolicy(exchange.record, 'fallback', 'its last answer', 0)
    answerLocally(ctx, exchange, stale)
    return true
  }
  const { answer } = fallback
  if (answer === undefined) return false
  if (service !== null) service.counts.fallbacks++
  exchange.fallback = null
  notePolicy(exchange.record, 'fallback', 'a fixed answer', 0)
  answerLocally(ctx, exchange, { ...reply, plain: answer })
  return true
}

/** A request that somebody may have begun to serve goes elsewhere only where doing it twice is the same as once. */
function goElsewhere(ctx: ExchangeContext, exchange: Exchange, name: string): boolean {
  const other = name === '' ? undefined : ctx.services.get(name)
  const nowMs = ctx.clock.monotonicMs()
  const isLate = exchange.totalDeadlineMs !== 0 && nowMs >= exchange.totalDeadlineMs
  const isSafe = exchange.isReplayable && (exchange.isIdempotent || !exchange.wasTried)
  if (other === undefined || isLate || !isSafe) return false
  cancelAttempts(ctx, exchange)
  giveBack(exchange.service?.breaker ?? null, exchange)
  leaveFlight(ctx, exchange)
  exchange.fallback = exchange.fallback === null ? null : { ...exchange.fallback, service: '' }
  exchange.service = other
  exchange.tried.length = 0
  exchange.retriesLeft = 0
  exchange.hedgeAtMs = Infinity
  exchange.sticky = ''
  exchange.setsSticky = false
  exchange.hash = -1
  exchange.subset = null
  notePolicy(exchange.record, 'fallback', `to the service ${name}`, 0)
  startAttempt(ctx, exchange.first, nowMs)
  return true
}
