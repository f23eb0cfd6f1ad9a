import { bucketOf } from '../histogram/histogram.ts'
import { CALL_BOUNDS_MS as BOUNDS_MS } from '../overload-guard/overload-guard.ts'

/** How two spans of time are told apart: each is judged as a whole, and an instance that is hardly asked still has calls in two of them. */
const SPANS = 2

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

  /** Good answers of the span that is not over, by latency, for `add`: counts in buckets of `CALL_BOUNDS_MS`, from `start` on. */
  readSpan(add: (counts: ArrayLike<number>, start: number) => void): void {
    add(this.#latencies, this.#span * (BOUNDS_MS.length + 1))
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
