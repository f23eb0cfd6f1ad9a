import type { Balancer, PickContext } from './balancer.ts'
import { createCandidateSet } from './candidate-set.ts'
import type { Candidate } from './candidate.ts'
import { effectiveWeight } from './candidate.ts'
import { noteChoice } from './choice.ts'
import { drawEligible, isEligible, pickOrPanic, SCAN_MAX } from './eligible.ts'

/**
 * Fewest requests in flight for its weight. A small set is compared as a whole, a large one by power of two choices;
 * between equals the weight decides by chance, so that an idle service is spread by weight too.
 */
export function createLeastRequests<C extends Candidate>(): Balancer<C> {
  const set = createCandidateSet<C>()

  function choose(context: PickContext<C>): C | undefined {
    return set.items.length <= SCAN_MAX ? chooseByScan(set.items, context) : chooseOfTwo(context)
  }

  function chooseOfTwo(context: PickContext<C>): C | undefined {
    const first = drawEligible(set, context, undefined)
    if (first === undefined) return undefined
    const second = drawEligible(set, context, first)
    const isSecond = second !== undefined && load(second, context) < load(first, context)
    const chosen = isSecond ? second : first
    noteChoice(
      context.choice,
      second === undefined ? 'only' : 'requests',
      chosen,
      isSecond ? first : second,
    )
    return chosen
  }

  return {
    candidates: set.items,
    add: (candidate) => set.add(candidate),
    remove: (candidate) => void set.remove(candidate),
    reweigh: (candidate, weight) => set.reweigh(candidate, weight),
    pick: (context) => pickOrPanic(context, choose),
    observe: () => undefined,
    observeDoubtful: () => undefined,
  }
}

function load<C extends Candidate>(candidate: C, context: PickContext<C>): number {
  return candidate.inFlight / effectiveWeight(candidate, context.nowMs, context.slowStartMs)
}

/** Least load of all; among equals one by weight (reservoir sampling, so one pass is enough). */
function chooseByScan<C extends Candidate>(
  items: readonly C[],
  context: PickContext<C>,
): C | undefined {
  let best: C | undefined
  let other: C | undefined
  let bestLoad = Infinity
  let tiedWeight = 0
  for (const item of items) {
    if (!isEligible(context, item)) continue
    const itemLoad = load(item, context)
    const weight = effectiveWeight(item, context.nowMs, context.slowStartMs)
    const isTied = itemLoad === bestLoad
    tiedWeight = isTied ? tiedWeight + weight : itemLoad < bestLoad ? weight : tiedWeight
    if (itemLoad < bestLoad || (isTied && context.random() * tiedWeight < weight)) {
      other = best
      best = item
      bestLoad = itemLoad
    } else if (other === undefined) {
      other = item
    }
  }
  if (best !== undefined) {
    noteChoice(context.choice, other === undefined ? 'only' : 'requests', best, other)
  }
  return best
}
