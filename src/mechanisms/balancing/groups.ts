import type { Balancer, PickContext } from './balancer.ts'
import type { Candidate } from './candidate.ts'
import { isPanic } from '../ejection/outliers.ts'
import { fillPriorityLoads, pickLevel } from './priority-levels.ts'

/** How long what a level can take is believed. */
const LOADS_MS = 50
/** Levels that are told apart; what is beyond is the last one. */
export const LEVELS_MAX = 16

/** What a request asks of the group of candidates. */
export interface GroupRequest<C extends Candidate> {
  /** Candidates of this subset only; null: of any. */
  readonly subset: string | null
  /** Where the subset has nobody: any candidate all the same. */
  readonly fallsBackToAny: boolean
  /** Ejection is ignored where fewer than this share of the candidates is left; 0: where nobody is. */
  readonly panicShare: number
  /** Has room for another request: who is full is left out for now, and is there all the same. */
  readonly hasRoom: (candidate: C) => boolean
}

/**
 * Which candidates a pick is among: those of a subset; of the best priority level as much of the load as it can take (Envoy's "Priority levels"), and where that has nobody left, or
 * nobody with room, the next; backups only where all others are ejected, blocked or tried. What happens within is the balancer's. Makes no object.
 */
export class CandidateGroups<C extends Candidate> {
  readonly #ratios = new Float64Array(LEVELS_MAX)
  readonly #totals = new Float64Array(LEVELS_MAX)
  readonly #loads = new Float64Array(LEVELS_MAX)
  #loadsAtMs = -Infinity

  /** As `Balancer.pick`. */
  pick(balancer: Balancer<C>, context: PickContext<C>, request: GroupRequest<C>): C | undefined {
    const { mayPanic } = context
    const isKnown =
      request.subset === null || balancer.candidates.some((one) => one.subset === request.subset)
    const subset = !isKnown && request.fallsBackToAny ? null : request.subset
    context.isNarrowed = true
    context.subset = subset
    const chosen = this.#pick(balancer, context, request)
    context.isNarrowed = false
    context.mayPanic = mayPanic
    return chosen
  }

  #pick(balancer: Balancer<C>, context: PickContext<C>, request: GroupRequest<C>): C | undefined {
    const { candidates } = balancer
    const { mayPanic } = context
    context.mayPanic = false
    context.takesBackups = false
    if (mayPanic && isFew(candidates, context, request.panicShare)) {
      return pickPanicking(balancer, context)
    }
    const first = this.#level(candidates, context)
    context.level = first
    const chosen = balancer.pick(context)
    if (chosen !== undefined) return noteLevel(context, chosen, first > this.#best)
    for (let level = 0; level < LEVELS_MAX; level++) {
      if (level === first || this.#totals[level] === 0) continue
      context.level = level
      const next = balancer.pick(context)
      if (next !== undefined) return noteLevel(context, next, level > this.#best)
    }
    // A level that has come since the loads were reckoned: nobody else would wake who waits for it.
    context.level = -1
    const late = balancer.pick(context)
    if (late !== undefined) return noteLevel(context, late, true)
    if (isAnyoneThere(candidates, context, request)) return undefined
    context.takesBackups = true
    const backup = balancer.pick(context)
    if (backup !== undefined) {
      context.choice.isBackup = true
      return backup
    }
    return mayPanic ? pickPanicking(balancer, context) : undefined
  }

  /** The level of this request, by what each can take. */
  #level(candidates: readonly C[], context: PickContext<C>): number {
    if (context.nowMs - this.#loadsAtMs >= LOADS_MS || context.nowMs < this.#loadsAtMs) {
      this.#loadsAtMs = context.nowMs
      this.#ratios.fill(0)
      this.#totals.fill(0)
      for (const one of candidates) {
        if (one.isBackup) continue
        this.#totals[one.level]! += one.weight
        if (one.ejectedUntilMs <= context.nowMs && one.blockedUntilMs <= context.nowMs)
          this.#ratios[one.level]! += one.weight
      }
      for (let level = 0; level < LEVELS_MAX; level++) {
        if (this.#totals[level]! > 0) this.#ratios[level]! /= this.#totals[level]!
      }
      fillPriorityLoads(this.#ratios, this.#loads)
    }
    return Math.max(0, pickLevel(this.#loads, context.random()))
  }

  /** The best level that there is. */
  get #best(): number {
    return this.#totals.findIndex((weight) => weight > 0)
  }
}

function noteLevel<C extends Candidate>(context: PickContext<C>, chosen: C, isLower: boolean): C {
  context.choice.isSpilled = isLower
  return chosen
}

/** Among all of the subset, ejected or not; backups last. */
function pickPanicking<C extends Candidate>(
  balancer: Balancer<C>,
  context: PickContext<C>,
): C | undefined {
  context.level = -1
  context.mayPanic = true
  context.panicsNow = true
  context.takesBackups = false
  const chosen = balancer.pick(context)
  context.takesBackups = true
  const last = chosen ?? balancer.pick(context)
  context.panicsNow = false
  if (chosen === undefined && last !== undefined) context.choice.isBackup = true
  return last
}

/** Whether fewer than `share` of those that are no backups are left. */
function isFew<C extends Candidate>(
  candidates: readonly C[],
  { nowMs }: PickContext<C>,
  share: number,
): boolean {
  if (share === 0) return false
  let total = 0
  let left = 0
  for (const one of candidates) {
    if (one.isBackup) continue
    total++
    if (one.ejectedUntilMs <= nowMs && one.blockedUntilMs <= nowMs) left++
  }
  return isPanic(left, total, share)
}

/** Somebody who is no backup is well, and was not tried, be he full. */
function isAnyoneThere<C extends Candidate>(
  candidates: readonly C[],
  { nowMs, subset, excluded }: PickContext<C>,
  { hasRoom }: GroupRequest<C>,
): boolean {
  return candidates.some(
    (one) =>
      !one.isBackup &&
      (subset === null || one.subset === subset) &&
      one.ejectedUntilMs <= nowMs &&
      one.blockedUntilMs <= nowMs &&
      (!excluded.includes(one) || !hasRoom(one)),
  )
}
