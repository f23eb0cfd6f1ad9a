import { WINDOW_STEPS } from './breaker-policy.ts'
import { addTagged, beginTagged, clearTagged, readTagged, TAG_MASK } from './count-words.ts'

// The newest step, one more than the newest step in which something failed or was slow, then calls, failures and slow calls of each of ten steps that are used in turn. The tag of a step says which turn it is of.
const NEWEST = 0
const BAD = 1
const STEPS = 2
const PER_STEP = 3
/** The bit of an outcome that says that the call itself was counted before. */
const LATE = 4
/** 32-bit words that a time window takes. */
export const TIME_WINDOW_WORDS = STEPS + WINDOW_STEPS * PER_STEP

/** Calls, failures and slow calls of the last ten steps, counted by many threads without a lock. */
export class TimeWindow {
  calls = 0
  failures = 0
  slow = 0
  readonly #words: Int32Array
  readonly #first: number

  constructor(words: Int32Array, first: number) {
    this.#words = words
    this.#first = first
  }

  /** Counts one call at `step` (a whole number: time by length of a step) and fills `calls`, `failures` and `slow` with the sums. */
  add(step: number, outcome: number): void {
    this.#sum(this.#count(step, outcome))
  }

  /** As `add`, and fills nothing. */
  count(step: number, outcome: number): void {
    this.#count(step, outcome)
  }

  #count(step: number, outcome: number): number {
    const newest = this.#advance(step)
    const tag = Math.floor(newest / WINDOW_STEPS) & TAG_MASK
    const at = this.#first + STEPS + (newest % WINDOW_STEPS) * PER_STEP
    if ((outcome & LATE) === 0) addTagged(this.#words, at, tag, 1)
    if (outcome !== 0) Atomics.store(this.#words, this.#first + BAD, newest + 1)
    if ((outcome & 1) !== 0) addTagged(this.#words, at + 1, tag, 1)
    if ((outcome & 2) !== 0) addTagged(this.#words, at + 2, tag, 1)
    return newest
  }

  /** Nothing in the window has failed or was slow: there is no share to look at. Costs one read. */
  isClean(step: number): boolean {
    const bad = Atomics.load(this.#words, this.#first + BAD)
    return bad === 0 || step + 1 - bad >= WINDOW_STEPS
  }

  /** Fills the sums as of `step`. */
  look(step: number): void {
    this.#sum(this.#advance(step))
  }

  /** Forgets all. What others count at this very moment may stay. */
  clear(): void {
    for (let at = STEPS; at < TIME_WINDOW_WORDS; at++) clearTagged(this.#words, this.#first + at)
  }

  /** The step that counts now: never one before the newest, unless time itself was set back by more than the window. */
  #advance(step: number): number {
    const words = this.#words
    const newest = Atomics.load(words, this.#first + NEWEST)
    const passed = step - newest
    if (passed === 0 || (passed < 0 && passed > -WINDOW_STEPS)) return newest
    if (passed < 0 || passed >= WINDOW_STEPS) {
      for (let ago = 0; ago < WINDOW_STEPS; ago++) this.#renew(step - ago)
    } else {
      for (let next = newest + 1; next <= step; next++) this.#beginStep(next)
    }
    Atomics.compareExchange(words, this.#first + NEWEST, newest, step)
    return step
  }

  #beginStep(step: number): void {
    const tag = Math.floor(step / WINDOW_STEPS) & TAG_MASK
    const at = this.#first + STEPS + (step % WINDOW_STEPS) * PER_STEP
    for (let i = 0; i < PER_STEP; i++) beginTagged(this.#words, at + i, tag)
  }

  /** After a pause tags may have come round: the words are written whatever they say. */
  #renew(step: number): void {
    const known = Math.max(0, step)
    const word = (Math.floor(known / WINDOW_STEPS) & TAG_MASK) << 20
    const at = this.#first + STEPS + (known % WINDOW_STEPS) * PER_STEP
    for (let i = 0; i < PER_STEP; i++) Atomics.store(this.#words, at + i, word)
  }

  #sum(newest: number): void {
    const words = this.#words
    const turn = Math.floor(newest / WINDOW_STEPS)
    const place = newest % WINDOW_STEPS
    let calls = 0
    let failures = 0
    let slow = 0
    for (let i = 0; i < WINDOW_STEPS; i++) {
      const tag = (i <= place ? turn : turn - 1) & TAG_MASK
      const at = this.#first + STEPS + i * PER_STEP
      calls += readTagged(words, at, tag)
      failures += readTagged(words, at + 1, tag)
      slow += readTagged(words, at + 2, tag)
    }
    this.calls = calls
    this.failures = failures
    this.slow = slow
  }
}
