import { bucketOf } from '../histogram/histogram.ts'

/** How two spans of time are told apart: each is judged as a whole, and an instance that is hardly asked still has calls in two of them. */
const SPANS = 2

/** Upper bounds of latency buckets in milliseconds, a fifth apart: what is compared is three times and more. */
const BOUNDS_MS: readonly number[] = Array.from({ length: 76 }, (_, i) => 0.1 * 1.2 ** i)

/** What one instance did in the last two spans: calls, failures, failures that began on our side, and how long its good answers took. */
export class OutlierStats {
  readonly #counts = new Uint32Array(SPANS * 3)
  readonly #latencies = new Uint32Array(SPANS * (BOUNDS_MS.length + 1))
  #span = 0

  /** A good answer. */
  observe(latencyMs: number): void {
    this.#counts[this.#span * 3]!++
    this.#latencies[this.#span * (BOUNDS_MS.length + 1) + bucketOf(BOUNDS_MS, latencyMs)]!++
  }

  /** A failed call. `isLocal`: no answer came at all (refused, reset, too late), so the instance may not even be there. */
  observeFailure(isLocal: boolean): void {
    this.#counts[this.#span * 3]!++
    this.#counts[this.#span * 3 + 1]!++
    if (isLocal) this.#counts[this.#span * 3 + 2]!++
  }

  /** A span is over: the one before it is forgotten. */
  turn(): void {
    this.#span = 1 - this.#span
    this.#counts.fill(0, this.#span * 3, this.#span * 3 + 3)
    const width = BOUNDS_MS.length + 1
    this.#latencies.fill(0, this.#span * width, (this.#span + 1) * width)
  }

  /** Forgets all: it was away for a while. */
  clear(): void {
    this.#counts.fill(0)
    this.#latencies.fill(0)
  }

  get calls(): number {
    return this.#counts[0]! + this.#counts[3]!
  }

  get failures(): number {
    return this.#counts[1]! + this.#counts[4]!
  }

  get localFailures(): number {
    return this.#counts[2]! + this.#counts[5]!
  }

  /** Upper bound of the bucket that the median of its good answers is in; NaN without any. */
  get medianMs(): number {
    const width = BOUNDS_MS.length + 1
    const answers = this.calls - this.failures
    if (answers === 0) return NaN
    let below = 0
    for (let bucket = 0; bucket < width; bucket++) {
      below += this.#latencies[bucket]! + this.#latencies[width + bucket]!
      if (below * 2 >= answers) return BOUNDS_MS[bucket] ?? Infinity
    }
    return Infinity
  }
}
