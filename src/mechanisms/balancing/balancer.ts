import type { Candidate } from './candidate.ts'
import type { Choice } from './choice.ts'
import { createChoice } from './choice.ts'

/** Chooses the instance of each attempt among those that were added. Private to one service in one worker. */
export interface Balancer<C extends Candidate = Candidate> {
  readonly candidates: readonly C[]
  /** O(log n). A candidate is in one balancer at a time; adding it twice changes nothing. */
  add(candidate: C): void
  /** O(log n). Nothing happens where it is not in. */
  remove(candidate: C): void
  /** O(log n). Changes the weight of a candidate. */
  reweigh(candidate: C, weight: number): void
  /**
   * The one for the next attempt, or undefined when none is left. Never one that is in `excluded`; one that is ejected
   * only with `mayPanic` and when nothing else is left. Fills `context.choice`. Makes no object.
   */
  pick(context: PickContext<C>): C | undefined
  /** Learns from an attempt that ended: `latencyMs` until the response head, `ok` when the answer was usable. */
  observe(candidate: C, latencyMs: number, nowMs: number, ok: boolean): void
}

/** One record a worker, reused for every pick. */
export interface PickContext<C extends Candidate = Candidate> {
  /** Monotonic milliseconds. */
  nowMs: number
  /** From 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number
  /** Tried before for this request; a handful at most. */
  excluded: readonly C[]
  /** 0: none. */
  slowStartMs: number
  /** Value of the sticky cookie, '' for none. */
  sticky: string
  /** Of the key that `ring-hash` and `maglev` go by: an unsigned 32-bit number; -1: the request has none. */
  hash: number
  /** Whether an ejected one may be taken when nothing else is left. */
  mayPanic: boolean
  /** Ejection is ignored from the beginning. */
  panicsNow: boolean
  /** The next four hold: `CandidateGroups` sets them. */
  isNarrowed: boolean
  /** Only this priority level; -1: any. */
  level: number
  takesBackups: boolean
  /** Only this subset; null: any. */
  subset: string | null
  /** How much more than its fair part of what is in flight a candidate may have before hashed balancing goes on to the next one. */
  loadFactor: number
  /** Out: why. Valid until the next pick. */
  readonly choice: Choice
  /** Out: the answer should set the sticky cookie to the chosen one's `stickyValueOf`. */
  setsSticky: boolean
}

/** A quarter more than its part. */
export const LOAD_FACTOR = 1.25

/** A context for `pick`, to be kept and reused. */
export function createPickContext<C extends Candidate>(random: () => number): PickContext<C> {
  return {
    nowMs: 0,
    random,
    excluded: [],
    slowStartMs: 0,
    sticky: '',
    hash: -1,
    mayPanic: false,
    panicsNow: false,
    isNarrowed: false,
    level: -1,
    takesBackups: false,
    subset: null,
    loadFactor: LOAD_FACTOR,
    choice: createChoice(),
    setsSticky: false,
  }
}
