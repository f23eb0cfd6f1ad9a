import { LOAD_FACTOR } from '../../mechanisms/balancing/balancer.ts'
import { REFUSED } from '../../mechanisms/breaker/breaker.ts'
import { askInstance } from '../resilience/breakers.ts'
import type { Instance } from '../upstream/instance.ts'
import { hasRoom } from '../upstream/pool.ts'
import type { Service } from '../upstream/service.ts'
import type { ExchangeContext } from './context.ts'
import type { Attempt, Exchange } from './exchange.ts'

/**
 * The balancer's choice among those that a request can go to without waiting, with a permit of its breaker: one that is full, or whose breaker is open,
 * does not hold up the others.
 */
export function chooseWithRoom(
  ctx: ExchangeContext,
  exchange: Exchange,
  service: Service<Attempt>,
  nowMs: number,
): Instance | undefined {
  const triedCount = exchange.tried.length
  let instance = pick(ctx, exchange, service, nowMs)
  while (instance !== undefined) {
    if (hasRoom(instance)) {
      ctx.instancePermit = askInstance(instance, nowMs)
      if (ctx.instancePermit !== REFUSED) break
    } else if (isPinned(ctx, service)) {
      instance = undefined
      break
    }
    exchange.tried.push(instance)
    instance = pick(ctx, exchange, service, nowMs)
  }
  if (exchange.tried.length > triedCount) exchange.tried.length = triedCount
  return instance
}

/** A client whose cookie names a living instance waits for that one. */
function isPinned(ctx: ExchangeContext, service: Service<Attempt>): boolean {
  return service.spec.balance.algorithm === 'sticky-cookie' && !ctx.pick.setsSticky
}

/** Whether there is an instance for a further attempt, be it full, besides those that were tried and `last`. Takes nobody's turn. */
export function hasInstanceLeft(exchange: Exchange, last: Instance | null, nowMs: number): boolean {
  const { tried, service } = exchange
  const { candidates } = service!.balancer
  const subset = exchange.subset === null ? null : wantedSubset(exchange, candidates)
  return candidates.some(
    (one) =>
      one !== last &&
      one.blockedUntilMs <= nowMs &&
      !tried.includes(one) &&
      (subset === null || one.subset === subset),
  )
}

/** The subset that the request is for; null: any instance. */
function wantedSubset(
  { subset, service }: Exchange,
  candidates: readonly Instance[],
): string | null {
  const mayBeAny = service!.spec.balance.subset?.fallsBackToAny === true
  return mayBeAny && !candidates.some((one) => one.subset === subset) ? null : subset
}

/**
 * Asks the balancer. When all are ejected it chooses among them nevertheless: a guess is better than a certain 503, and if they have
 * recovered the first success tells. Undefined: every instance was tried.
 */
function pick(
  ctx: ExchangeContext,
  exchange: Exchange,
  service: Service<Attempt>,
  nowMs: number,
): Instance | undefined {
  const { pick: context } = ctx
  context.nowMs = nowMs
  context.excluded = exchange.tried
  context.slowStartMs = service.spec.balance.slowStartMs
  context.sticky = exchange.sticky
  context.hash = exchange.hash
  context.mayPanic = true
  const { groups, balancer, spec } = service
  context.loadFactor = spec.balance.loadFactor ?? LOAD_FACTOR
  if (groups === null) return balancer.pick(context)
  const { subset, panicShare = 0 } = spec.balance
  const fallsBackToAny = subset?.fallsBackToAny ?? true
  const request = { subset: exchange.subset, fallsBackToAny, panicShare, hasRoom }
  return groups.pick(balancer, context, request)
}
