import { PROBES_MAX } from './breaker-policy.ts'
import { TAG_MASK } from './count-words.ts'

// One word a probe: tag << 16 | uses << 8 | status. Its lease ends at a moment that stands in one of two cells, by turns: so it is written before the
// word says that the probe is out.
const OUT = 1
const DONE = 4
const USE_MASK = 0xff
/** 32-bit words and 64-bit numbers that probes take. */
export const PROBE_WORDS = PROBES_MAX
export const PROBE_MOMENTS = PROBES_MAX * 2

/** The calls that try whether a callee is well again. Each has a lease, so one whose caller is gone, or a thread that died, costs no place. */
export class Probes {
  /** Out of the probes of the period that was looked at last. */
  finished = 0
  failures = 0
  slow = 0
  readonly #words: Int32Array
  readonly #first: number
  readonly #moments: Float64Array
  readonly #firstMoment: number

  constructor(words: Int32Array, first: number, moments: Float64Array, firstMoment: number) {
    this.#words = words
    this.#first = first
    this.#moments = moments
    this.#firstMoment = firstMoment
  }

  /** A ticket (slot and use) for one of `count` probes of the period `tag`; -1: all are out or done. */
  take(count: number, tag: number, nowMs: number, leaseMs: number): number {
    for (let slot = 0; slot < count; slot++) {
      const word = Atomics.load(this.#words, this.#first + slot)
      const use = (word >>> 8) & USE_MASK
      if (word >>> 16 === tag && !this.#isFree(word, slot, use, nowMs, leaseMs)) continue
      const next = (use + 1) & USE_MASK
      this.#moments[this.#firstMoment + slot * 2 + (next & 1)] = nowMs + leaseMs
      const nextWord = (tag << 16) | (next << 8) | OUT
      if (Atomics.compareExchange(this.#words, this.#first + slot, word, nextWord) === word) {
        return (next << 4) | slot
      }
    }
    return -1
  }

  #isFree(word: number, slot: number, use: number, nowMs: number, leaseMs: number): boolean {
    if ((word & USE_MASK) === 0) return true
    if ((word & USE_MASK) !== OUT) return false
    const leftMs = this.#moments[this.#firstMoment + slot * 2 + (use & 1)]! - nowMs
    // More than a whole lease is left only where the clock was set back.
    return leftMs <= 0 || leftMs > leaseMs
  }

  /** The probe has an answer. False: its lease had ended, and the place went to another one. */
  finish(ticket: number, tag: number, outcome: number): boolean {
    return this.#leave(ticket, tag, DONE | outcome)
  }

  /** The probe says nothing: its caller went away. */
  giveBack(ticket: number, tag: number): boolean {
    return this.#leave(ticket, tag, 0)
  }

  #leave(ticket: number, tag: number, status: number): boolean {
    const at = this.#first + (ticket & 15)
    const base = ((tag & TAG_MASK) << 16) | ((ticket >> 4) << 8)
    return Atomics.compareExchange(this.#words, at, base | OUT, base | status) === (base | OUT)
  }

  /** Fills the counts of a period. */
  look(count: number, tag: number): void {
    this.finished = this.failures = this.slow = 0
    for (let slot = 0; slot < count; slot++) {
      const word = Atomics.load(this.#words, this.#first + slot)
      if (word >>> 16 !== tag || (word & DONE) === 0) continue
      this.finished++
      this.failures += word & 1
      this.slow += (word >> 1) & 1
    }
  }
}
