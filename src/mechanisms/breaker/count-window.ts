import { COUNT_WINDOW_MAX } from './breaker-policy.ts'
import { addTagged, beginTagged, readTagged } from './count-words.ts'

// How many calls came, then the sums (calls, failures, slow calls), then one word a call: tag << 3 | counted << 2 | outcome.
const CURSOR = 0
const SUMS = 1
const SLOTS = 4
const COUNTED = 4
/** 32-bit words that a count window takes. */
export const COUNT_WINDOW_WORDS = SLOTS + COUNT_WINDOW_MAX

/** Calls, failures and slow calls among the last so many, counted by many threads without a lock. */
export class CountWindow {
  calls = 0
  failures = 0
  slow = 0
  readonly #words: Int32Array
  readonly #first: number

  constructor(words: Int32Array, first: number) {
    this.#words = words
    this.#first = first
  }

  /** Counts one call of the period `tag` in place of the oldest, and fills the sums. Calls of other periods are forgotten. */
  add(size: number, tag: number, outcome: number): void {
    const words = this.#words
    const count = Atomics.add(words, this.#first + CURSOR, 1) >>> 0
    const at = this.#first + SLOTS + (count % size)
    const was = Atomics.exchange(words, at, (tag << 3) | COUNTED | outcome)
    const isCounted = was >>> 3 === tag && (was & COUNTED) !== 0
    const old = isCounted ? was & 3 : 0
    if (!isCounted) addTagged(words, this.#first + SUMS, tag, 1)
    const failures = (outcome & 1) - (old & 1)
    if (failures !== 0) addTagged(words, this.#first + SUMS + 1, tag, failures)
    const slow = (outcome >> 1) - (old >> 1)
    if (slow !== 0) addTagged(words, this.#first + SUMS + 2, tag, slow)
    this.look(tag)
  }

  /** Fills the sums of a period. */
  look(tag: number): void {
    this.calls = readTagged(this.#words, this.#first + SUMS, tag)
    this.failures = readTagged(this.#words, this.#first + SUMS + 1, tag)
    this.slow = readTagged(this.#words, this.#first + SUMS + 2, tag)
  }

  /** A period begins: what was counted before counts no more. */
  begin(tag: number): void {
    for (let i = 0; i < 3; i++) beginTagged(this.#words, this.#first + SUMS + i, tag)
  }
}
