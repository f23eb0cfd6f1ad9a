import { bucketOf, quantile } from '../histogram/histogram.ts'

/** Latencies below it say nothing about a share of them. */
const SAMPLES_MIN = 50
/** The estimate is renewed after so many calls. */
const RENEW_CALLS = 64

/** When a second attempt runs beside the first. */
export interface HedgePolicy {
  /** The share of calls that have their answer by then, such as 0.95. */
  readonly quantile: number
  /** Never earlier than that. */
  readonly minMs: number
}

/**
 * How long to wait for an answer before a second attempt is begun ("The Tail at Scale", Dean and Barroso, 2013: after the 95th percentile of what is
 * usual, which costs some five percent more load). Two histograms are kept, the last whole span of time and the one that runs, so old latencies are forgotten and
 * memory is bounded.
 */
export class HedgeDelay {
  readonly #policy: HedgePolicy
  readonly #bounds: readonly number[]
  readonly #spanMs: number
  #now: Uint32Array
  #last: Uint32Array
  readonly #both: Uint32Array
  #beganMs = -Infinity
  #calls = 0
  #delayMs = Infinity

  /** `bounds` rise; `spanMs` is how long latencies count at least, and twice as long at most. */
  constructor(policy: HedgePolicy, bounds: readonly number[], spanMs: number) {
    this.#policy = policy
    this.#bounds = bounds
    this.#spanMs = spanMs
    this.#now = new Uint32Array(bounds.length + 1)
    this.#last = new Uint32Array(bounds.length + 1)
    this.#both = new Uint32Array(bounds.length + 1)
  }

  /** A call had its answer. */
  observe(latencyMs: number, nowMs: number): void {
    if (nowMs - this.#beganMs >= this.#spanMs) this.#turn(nowMs)
    this.#now[bucketOf(this.#bounds, latencyMs)]!++
    if (++this.#calls % RENEW_CALLS === 0) this.#renew()
  }

  /** Time after which a second attempt is worth its cost; Infinity while too little is known, or where the quantile lies beyond all bounds. */
  get delayMs(): number {
    return this.#delayMs
  }

  #turn(nowMs: number): void {
    const isPause = nowMs - this.#beganMs >= 2 * this.#spanMs
    const spare = this.#last
    this.#last = this.#now
    this.#now = spare.fill(0)
    if (isPause) this.#last.fill(0)
    this.#beganMs = nowMs
    this.#renew()
  }

  #renew(): void {
    let total = 0
    for (let i = 0; i < this.#both.length; i++) {
      this.#both[i] = this.#now[i]! + this.#last[i]!
      total += this.#both[i]!
    }
    const beyond = this.#both[this.#bounds.length]!
    const isKnown = total >= SAMPLES_MIN && beyond <= total * (1 - this.#policy.quantile)
    this.#delayMs = isKnown
      ? Math.max(this.#policy.minMs, quantile(this.#bounds, this.#both, this.#policy.quantile))
      : Infinity
  }
}

/** What beginning a second attempt rests on, besides whether the request may be sent twice at all. */
export interface HedgeTime {
  readonly nowMs: number
  readonly sentMs: number
  readonly delayMs: number
  readonly deadlineMs: number
}

/** Whether it is time for a second attempt: the usual time has passed, and as much of it is left for the second one. */
export function isHedgeDue({ nowMs, sentMs, delayMs, deadlineMs }: HedgeTime): boolean {
  return nowMs - sentMs >= delayMs && deadlineMs - nowMs > delayMs
}
