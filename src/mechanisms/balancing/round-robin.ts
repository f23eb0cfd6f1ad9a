import type { Balancer, PickContext } from './balancer.ts'
import { createCandidateSet } from './candidate-set.ts'
import type { Candidate } from './candidate.ts'
import { effectiveWeight } from './candidate.ts'
import { noteChoice } from './choice.ts'
import { isEligible, pickOrPanic } from './eligible.ts'
import { createTurnHeap } from './turn-heap.ts'

/** Turns that pass over ejected or excluded candidates before the rest is scanned. */
const SKIPS_MAX = 64

/**
 * Smooth weighted round robin: each candidate has its turns at even distances of 1 / weight in virtual time, the
 * first in the middle of such a distance, and the earliest turn is next. That spreads as smoothly as the scan of
 * nginx over all weights, at O(log n) a pick. Who cannot be chosen at its turn loses that turn.
 */
export function createRoundRobin<C extends Candidate>(): Balancer<C> {
  const set = createCandidateSet<C>()
  const turns = createTurnHeap<C>()
  let virtualNow = 0
  let entries = 0

  function take(candidate: C, context: PickContext<C>): void {
    virtualNow = Math.max(virtualNow, candidate.turn)
    candidate.turn += 1 / effectiveWeight(candidate, context.nowMs, context.slowStartMs)
    turns.moved(candidate)
  }

  function choose(context: PickContext<C>): C | undefined {
    for (let skips = Math.min(SKIPS_MAX, 2 * turns.size); skips >= 0; skips--) {
      const next = turns.first()
      if (next === undefined) return undefined
      take(next, context)
      if (!isEligible(context, next)) continue
      noteChoice(context.choice, turns.size === 1 ? 'only' : 'turn', next, undefined)
      return next
    }
    return chooseByScan(context)
  }

  function chooseByScan(context: PickContext<C>): C | undefined {
    let earliest: C | undefined
    for (const item of set.items) {
      if (isEligible(context, item) && (earliest === undefined || item.turn < earliest.turn))
        earliest = item
    }
    if (earliest === undefined) return undefined
    take(earliest, context)
    noteChoice(context.choice, 'turn', earliest, undefined)
    return earliest
  }

  return {
    candidates: set.items,
    add(candidate) {
      if (set.items[candidate.index] === candidate) return
      set.add(candidate)
      candidate.turn = virtualNow + 0.5 / candidate.weight
      candidate.turnOrder = entries++
      turns.push(candidate)
    },
    remove(candidate) {
      if (set.remove(candidate)) turns.remove(candidate)
    },
    reweigh: (candidate, weight) => set.reweigh(candidate, weight),
    pick: (context) => pickOrPanic(context, choose),
    observe: () => undefined,
    observeDoubtful: () => undefined,
  }
}
