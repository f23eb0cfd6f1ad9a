import type { Balancer, PickContext } from './balancer.ts'
import { createCandidateSet } from './candidate-set.ts'
import type { Candidate } from './candidate.ts'
import { effectiveWeight } from './candidate.ts'
import { noteChoice } from './choice.ts'
import { drawEligible, pickOrPanic } from './eligible.ts'

/** An old sample has lost 63 % of its say after this time (as in Finagle's peak EWMA). */
const DECAY_MS = 10_000
/** A failed attempt counts as this many times the average latency: an instance that fails at once must not look fast. */
const FAILURE_FACTOR = 10
/** An answer that may be anybody's fault: who is done at once has nothing in flight, and would be chosen more often than others all the same. */
const DOUBT_FACTOR = 3
/** Where two weights differ, the second drawn wins only when it is this much cheaper: draws honour the weights. */
const WEIGHTED_MARGIN = 1.5
/** Share of one sample in the average of the whole set. */
const AVERAGE_SHARE = 1 / 64

/**
 * Power of two choices on peak EWMA of latency times requests in flight. A sample above the mean replaces it at once,
 * below it is approached slowly; while idle the mean fades, so that a slow instance is asked again now and then. One
 * without a sample is asked at once, but one request at a time until it has answered: neither starved nor flooded.
 */
export function createPeakEwma<C extends Candidate>(): Balancer<C> {
  const set = createCandidateSet<C>()
  /** Mean latency of good answers over the whole set, 0 before the first one. */
  let averageMs = 0

  function cost(candidate: C, weight: number, nowMs: number): number {
    const relative = (weight * set.items.length) / set.totalWeight
    return currentEwmaMs(candidate, nowMs, averageMs) * (candidate.inFlight / relative + 1)
  }

  function choose(context: PickContext<C>): C | undefined {
    const first = drawEligible(set, context, undefined)
    if (first === undefined) return undefined
    const second = set.items.length === 1 ? undefined : drawEligible(set, context, first)
    if (second === undefined) {
      noteChoice(context.choice, 'only', first, undefined)
      return first
    }
    const firstWeight = effectiveWeight(first, context.nowMs, context.slowStartMs)
    const secondWeight = effectiveWeight(second, context.nowMs, context.slowStartMs)
    const margin = firstWeight === secondWeight ? 1 : WEIGHTED_MARGIN
    const isSecond =
      cost(second, secondWeight, context.nowMs) * margin < cost(first, firstWeight, context.nowMs)
    const chosen = isSecond ? second : first
    const other = isSecond ? first : second
    noteChoice(context.choice, 'ewma', chosen, other)
    // As they were compared: what is idle has faded since its last answer.
    if (chosen.ewmaAtMs >= 0)
      context.choice.chosenEwmaMs = currentEwmaMs(chosen, context.nowMs, averageMs)
    if (other.ewmaAtMs >= 0)
      context.choice.otherEwmaMs = currentEwmaMs(other, context.nowMs, averageMs)
    return chosen
  }

  return {
    candidates: set.items,
    add: (candidate) => set.add(candidate),
    remove: (candidate) => void set.remove(candidate),
    reweigh: (candidate, weight) => set.reweigh(candidate, weight),
    pick: (context) => pickOrPanic(context, choose),
    observe(candidate, latencyMs, nowMs, ok) {
      if (ok) averageMs += (latencyMs - averageMs) * (averageMs === 0 ? 1 : AVERAGE_SHARE)
      observePeak(
        candidate,
        ok ? latencyMs : Math.max(latencyMs, averageMs * FAILURE_FACTOR),
        nowMs,
      )
    },
    observeDoubtful: (candidate, latencyMs, nowMs) =>
      observePeak(candidate, Math.max(latencyMs, averageMs * DOUBT_FACTOR), nowMs),
  }
}

/** Without a sample: nothing while it is idle, so that it is asked once, and the average until that is answered. While something is in flight there is no fading, so that a frozen one stays dear. */
function currentEwmaMs(candidate: Candidate, nowMs: number, averageMs: number): number {
  if (candidate.ewmaAtMs < 0) return candidate.inFlight === 0 ? 0 : averageMs || 1
  if (candidate.inFlight > 0) return candidate.ewmaMs
  return candidate.ewmaMs * Math.exp((candidate.ewmaAtMs - nowMs) / DECAY_MS)
}

function observePeak(candidate: Candidate, latencyMs: number, nowMs: number): void {
  if (candidate.ewmaAtMs < 0 || latencyMs > candidate.ewmaMs) {
    candidate.ewmaMs = latencyMs
  } else {
    const kept = Math.exp((candidate.ewmaAtMs - nowMs) / DECAY_MS)
    candidate.ewmaMs = candidate.ewmaMs * kept + latencyMs * (1 - kept)
  }
  candidate.ewmaAtMs = nowMs
}
