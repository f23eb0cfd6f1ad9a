/** The number of calls that may be in flight, found by watching how calls go. */
export interface ConcurrencyLimit {
  /** The limit now, at least 1. */
  readonly limit: number
  /** A call has ended: its time in milliseconds, how many were in flight when it began (itself included), and whether it failed because of load. */
  observe(rttMs: number, inFlight: number, isDropped: boolean): void
}

/** 64-bit numbers that one limit takes; all zero is a new one. */
export const LIMIT_NUMBERS = 4

// Numbers in memory: the limit (0: not begun), then what the algorithm remembers.
const LIMIT = 0
const LONG_RTT = 1
const SAMPLES = 2
const SUM = 3

/** The settings of AIMD. Defaults of Netflix' concurrency-limits: 20, 20, 200, 0.9, 5 s. */
export interface AimdPolicy {
  readonly initial: number
  readonly min: number
  readonly max: number
  /** Each drop, and each call that takes longer than `timeoutMs`, multiplies the limit by it. */
  readonly backoff: number
  readonly timeoutMs: number
}

/**
 * Additive increase, multiplicative decrease (Chiu and Jain, 1989): one more for each good call while the limit is used, a share less for each drop. What
 * two threads learn in the same nanosecond may be learnt once only; the limit stays within its bounds.
 */
export class AimdLimit implements ConcurrencyLimit {
  readonly #policy: AimdPolicy
  readonly #numbers: Float64Array

  constructor(policy: AimdPolicy, memory: ArrayBufferLike, start = 0) {
    this.#policy = policy
    this.#numbers = new Float64Array(memory, start, LIMIT_NUMBERS)
  }

  get limit(): number {
    return Math.floor(this.#numbers[LIMIT]! || this.#policy.initial)
  }

  observe(rttMs: number, inFlight: number, isDropped: boolean): void {
    const { initial, min, max, backoff, timeoutMs } = this.#policy
    const limit = this.#numbers[LIMIT]! || initial
    let next = limit
    if (isDropped || rttMs > timeoutMs) next = Math.floor(limit * backoff)
    else if (inFlight * 2 >= limit) next = limit + 1
    this.#numbers[LIMIT] = Math.min(max, Math.max(min, next))
  }
}

/** The settings of Gradient2. Defaults of Netflix' concurrency-limits: 20, 20, 200, 4, 0.2, 1.5, 600. */
export interface Gradient2Policy {
  readonly initial: number
  readonly min: number
  readonly max: number
  /** Calls that may wait in the callee's queue. */
  readonly queueSize: number
  /** Share of a new estimate in the limit. */
  readonly smoothing: number
  /** How much longer than usual calls may take before the limit falls. At least 1. */
  readonly tolerance: number
  /** Calls over which "usual" is averaged. */
  readonly longWindow: number
}

/** Calls of which "usual" is the plain mean, at the beginning. */
const WARM_UP_SAMPLES = 10

/**
 * Gradient2 of Netflix' concurrency-limits: the limit follows the gradient of how long calls take usually to how long the last one took, so that it
 * falls when the callee begins to queue and rises by what its queue may hold. Where calls have become faster for good the average follows quickly. A drop
 * halves the estimate, since what is refused says nothing by its time.
 */
export class Gradient2Limit implements ConcurrencyLimit {
  readonly #policy: Gradient2Policy
  readonly #numbers: Float64Array

  constructor(policy: Gradient2Policy, memory: ArrayBufferLike, start = 0) {
    this.#policy = policy
    this.#numbers = new Float64Array(memory, start, LIMIT_NUMBERS)
  }

  get limit(): number {
    return Math.floor(this.#numbers[LIMIT]! || this.#policy.initial)
  }

  observe(rttMs: number, inFlight: number, isDropped: boolean): void {
    const { initial, queueSize, smoothing, tolerance } = this.#policy
    const estimate = this.#numbers[LIMIT]! || initial
    if (isDropped) return this.#set(estimate, estimate / 2, smoothing)
    const longMs = this.#learn(rttMs)
    if (inFlight * 2 < estimate || rttMs <= 0) return
    const gradient = Math.max(0.5, Math.min(1, (tolerance * longMs) / rttMs))
    this.#set(estimate, estimate * gradient + queueSize, smoothing)
  }

  #set(estimate: number, wanted: number, smoothing: number): void {
    const { min, max } = this.#policy
    const next = estimate * (1 - smoothing) + wanted * smoothing
    this.#numbers[LIMIT] = Math.min(max, Math.max(min, next))
  }

  /** The usual time, with this call in it: a mean at first, an exponential average later. */
  #learn(rttMs: number): number {
    const numbers = this.#numbers
    const samples = numbers[SAMPLES]!
    let longMs: number
    if (samples < WARM_UP_SAMPLES) {
      numbers[SAMPLES] = samples + 1
      numbers[SUM]! += rttMs
      longMs = numbers[SUM]! / (samples + 1)
    } else {
      const share = 2 / (this.#policy.longWindow + 1)
      longMs = numbers[LONG_RTT]! * (1 - share) + rttMs * share
    }
    numbers[LONG_RTT] = longMs > 2 * rttMs ? longMs * 0.95 : longMs
    return longMs
  }
}
