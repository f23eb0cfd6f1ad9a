import type { Balancer, PickContext } from './balancer.ts'
import { type Candidate, stickyValueOf } from './candidate.ts'
import { noteChoice } from './choice.ts'
import { isEligible } from './eligible.ts'
import { createPeakEwma } from './peak-ewma.ts'

/**
 * The instance that the client's cookie names, as long as it can be chosen; otherwise peak EWMA chooses and the
 * cookie is set anew (`context.setsSticky`).
 */
export function createStickyCookie<C extends Candidate>(): Balancer<C> {
  const fallback = createPeakEwma<C>()
  const byValue = new Map<string, C>()

  function pick(context: PickContext<C>): C | undefined {
    const named = context.sticky === '' ? undefined : byValue.get(context.sticky)
    context.choice.isPanic = false
    if (named !== undefined && isEligible(context, named)) {
      context.setsSticky = false
      context.choice.isUnstuck = false
      noteChoice(context.choice, 'sticky', named, undefined)
      return named
    }
    const chosen = fallback.pick(context)
    context.setsSticky = chosen !== undefined
    context.choice.isUnstuck = true
    return chosen
  }

  return {
    candidates: fallback.candidates,
    add(candidate) {
      fallback.add(candidate)
      byValue.set(stickyValueOf(candidate), candidate)
    },
    remove(candidate) {
      fallback.remove(candidate)
      if (byValue.get(stickyValueOf(candidate)) === candidate)
        byValue.delete(stickyValueOf(candidate))
    },
    reweigh: (candidate, weight) => fallback.reweigh(candidate, weight),
    pick,
    observe: (candidate, latencyMs, nowMs, ok) => fallback.observe(candidate, latencyMs, nowMs, ok),
    observeDoubtful: (candidate, latencyMs, nowMs) =>
      fallback.observeDoubtful(candidate, latencyMs, nowMs),
  }
}
