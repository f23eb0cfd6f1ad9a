import type { PickContext } from './balancer.ts'
import type { CandidateSet } from './candidate-set.ts'
import type { Candidate } from './candidate.ts'
import { effectiveWeight } from './candidate.ts'
import { clearChoice } from './choice.ts'

/** Up to this many candidates are looked at one by one, which is exact; beyond it they are drawn. */
export const SCAN_MAX = 16

/** Draws before a set with hardly an eligible candidate is scanned after all. */
const DRAWS_MAX = 32

/** Whether a candidate may be chosen: not tried before, and not ejected unless ejection is ignored. */
export function isEligible<C extends Candidate>(context: PickContext<C>, candidate: C): boolean {
  if (candidate.ejectedUntilMs > context.nowMs && !context.choice.isPanic) return false
  if (candidate.blockedUntilMs > context.nowMs) return false
  if (context.isNarrowed && !isInGroup(context, candidate)) return false
  return context.excluded.length === 0 || !context.excluded.includes(candidate)
}

function isInGroup<C extends Candidate>(context: PickContext<C>, candidate: C): boolean {
  if (context.subset !== null && candidate.subset !== context.subset) return false
  if (candidate.isBackup) return context.takesBackups
  return context.level < 0 || candidate.level === context.level
}

/** Runs `choose`, and once more with ejection ignored when nothing was found and the caller allows it. */
export function pickOrPanic<C extends Candidate>(
  context: PickContext<C>,
  choose: (context: PickContext<C>) => C | undefined,
): C | undefined {
  clearChoice(context.choice)
  context.setsSticky = false
  context.choice.isPanic = context.panicsNow
  const chosen = choose(context)
  if (chosen !== undefined || !context.mayPanic) return chosen
  context.choice.isPanic = true
  const ejected = choose(context)
  if (ejected === undefined) context.choice.isPanic = false
  return ejected
}

/**
 * One eligible candidate other than `not`, in proportion to its effective weight; undefined when there is none.
 * Constant cost in a small set and O(log n) in a large one; O(n) only when nearly all are ejected.
 */
export function drawEligible<C extends Candidate>(
  set: CandidateSet<C>,
  context: PickContext<C>,
  not: C | undefined,
): C | undefined {
  if (set.items.length <= SCAN_MAX) return drawByScan(set.items, context, not)
  for (let draw = 0; draw < DRAWS_MAX; draw++) {
    const drawn = set.at(context.random() * set.totalWeight)
    if (drawn === undefined || drawn === not || !isEligible(context, drawn)) continue
    const weight = effectiveWeight(drawn, context.nowMs, context.slowStartMs)
    if (weight === drawn.weight || context.random() * drawn.weight < weight) return drawn
  }
  return drawByScan(set.items, context, not)
}

function drawByScan<C extends Candidate>(
  items: readonly C[],
  context: PickContext<C>,
  not: C | undefined,
): C | undefined {
  let total = 0
  for (const item of items) {
    if (item !== not && isEligible(context, item))
      total += effectiveWeight(item, context.nowMs, context.slowStartMs)
  }
  if (total === 0) return undefined
  let point = context.random() * total
  let last: C | undefined
  for (const item of items) {
    if (item === not || !isEligible(context, item)) continue
    last = item
    point -= effectiveWeight(item, context.nowMs, context.slowStartMs)
    if (point < 0) return item
  }
  return last
}
