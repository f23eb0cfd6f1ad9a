/** What is done with a peer that asks too much: it is told to calm down, and the connection ends (RFC 9113 section 10.5). */

/** A stock that is used up by what costs us and earns nothing, and filled by time and by what is useful. */
export class Patience {
  readonly #max: number
  readonly #perSecond: number
  #left: number
  #atMs = 0

  /** `max` at once, and `perSecond` for ever. */
  constructor(max: number, perSecond: number) {
    this.#max = max
    this.#perSecond = perSecond
    this.#left = max
  }

  /** Time goes on; monotonic milliseconds. */
  advance(nowMs: number): void {
    if (this.#left < this.#max && nowMs > this.#atMs) {
      this.earn(((nowMs - this.#atMs) * this.#perSecond) / 1_000)
    }
    this.#atMs = nowMs
  }

  earn(amount: number): void {
    this.#left = Math.min(this.#max, this.#left + amount)
  }

  /** False: it is at an end. */
  spend(amount: number): boolean {
    this.#left -= amount
    return this.#left >= 0
  }
}

/**
 * Frames that carry nothing: pings, settings, window updates, priorities, empty data. Each DATA frame and each head earn some: updates and pings go with them,
 * and Go's server sends an empty DATA frame in front of trailers.
 */
export const NOISE = {
  max: 2_000,
  perSecond: 200,
  earnedByData: 3,
  earnedByHead: 8,
  trust: 50,
} as const
/** What each of them costs. */
export const NOISE_COST = { frame: 1, setting: 1, settings: 4, empty: 4, mistake: 8 } as const
/**
 * Streams that a peer gives up before they are answered, or makes us give up by breaking their rules: each was work for nothing (CVE-2023-44487, and
 * CVE-2025-8671). A client that ends a thousand calls at once, because they took too long, may.
 */
export const RESETS = { max: 1_000, perSecond: 100 } as const
