import { bucketOf, quantile, totalOf } from '../histogram/histogram.ts'

/** Upper bounds in milliseconds of the buckets that calls are counted in, a fifth apart: what is compared is several times as much. */
export const CALL_BOUNDS_MS: readonly number[] = Array.from(
  { length: 76 },
  (_, i) => 0.1 * 1.2 ** i,
)

/** Fewer calls that have ended since the last look say nothing. */
const ENDED_MIN = 10
/** Looks at a service that is well, before it is judged: until then nobody knows what is usual. */
const LOOKS_MIN = 3
/** Calls below it are never slow. */
const FLOOR_MS = 250
/** Slow is what takes so many times what is usual. */
const SLOW_FACTOR = 5
/** A service is overloaded only where this share of its calls at least was given up by who made them. */
const WASTED_RATIO_MIN = 0.25
/** ... and where so many times what is usual, and this much more, is in flight. */
const CROWD_FACTOR = 2
const CROWD_MORE = 8
/** Never fewer may be in flight. */
const LIMIT_MIN = 8
/** A call holds its place no longer than so many times what is slow: who waits for long by nature keeps nobody else out. */
const HOLD_FACTOR = 4
/** How fast the usual time follows one that is shorter, that is longer, and that is slow. A look is a second. */
const FALL_SHARE = 0.5
const RISE_SHARE = 0.02
const SLOW_SHARE = 0.005
/** What is usually in flight is forgotten with it. */
const CROWD_DECAY = 0.99

/** What a look at a service has seen besides the calls that have ended. */
export interface GuardFacts {
  /** Calls in flight, and those that wait for a connection. */
  readonly inFlight: number
  /** Calls that were refused, or had to wait, because of the limit, since the last look. */
  readonly heldBack: number
}

/** What a look has changed. */
export type GuardChange = 'none' | 'begins' | 'ends'

/**
 * Finds out that a service works for callers that have gone, and bounds what it is given until it has caught up ("Metastable failures in distributed systems", Bronson and
 * others, 2021: the work that nobody waits for any more keeps a service down after what had slowed it is over). Overloaded is a service only where three things meet: three of four
 * calls take five times what is usual for it; a quarter of them are given up by their callers; and twice of what usually is in flight is in flight. Long polls are long by nature, callers
 * that leave are usual with some services, and a batch has patience: neither of these alone is an overload. Looked at once a second; makes no object while it counts.
 */
export class OverloadGuard {
  readonly #ended = new Uint32Array(CALL_BOUNDS_MS.length + 1)
  #wasted = 0
  #wellLooks = 0
  #crowd = 0
  /** In flight at the last look, where all was well; -1 else. */
  #lastInFlight = -1
  #usualMs = 0
  #limit = Infinity
  /** Of the last look that had enough to say something. */
  #quarterMs = 0
  #wastedRatio = 0

  /** How many calls may be in flight; Infinity where it is not overloaded. */
  get limit(): number {
    return this.#limit
  }

  /** What half of the calls take when the service is well; 0 as long as nobody knows. */
  get usualMs(): number {
    return this.#usualMs
  }

  /** How long a call holds its place at most. */
  get holdMs(): number {
    return HOLD_FACTOR * this.#slowMs
  }

  get #slowMs(): number {
    return Math.max(FLOOR_MS, SLOW_FACTOR * this.#usualMs)
  }

  /** Calls that had their answers, in buckets of `CALL_BOUNDS_MS`. */
  addAnswered(counts: ArrayLike<number>, start: number): void {
    for (let i = 0; i < this.#ended.length; i++) this.#ended[i]! += counts[start + i]!
  }

  /** A call was sent whole, and given up without an answer after `ageMs`: its caller has gone, or its time was over. */
  addWasted(ageMs: number): void {
    this.#ended[bucketOf(CALL_BOUNDS_MS, ageMs)]!++
    this.#wasted++
  }

  /** Once a second: judges what has ended since the last look, and forgets it. */
  look({ inFlight, heldBack }: GuardFacts): GuardChange {
    const ended = totalOf(this.#ended)
    const isOn = this.#limit !== Infinity
    if (ended < ENDED_MIN) {
      this.#forget()
      this.#lastInFlight = -1
      if (!isOn || heldBack > 0) return 'none'
      this.#limit = Infinity
      return 'ends'
    }
    this.#quarterMs = quantile(CALL_BOUNDS_MS, this.#ended, 0.25)
    this.#wastedRatio = this.#wasted / ended
    const medianMs = quantile(CALL_BOUNDS_MS, this.#ended, 0.5)
    this.#forget()
    const isKnown = this.#wellLooks >= LOOKS_MIN
    const isSlow = isKnown && this.#quarterMs > this.#slowMs
    if (!isOn) {
      const isCrowded = inFlight > CROWD_FACTOR * this.#crowd + CROWD_MORE
      if (isSlow && isCrowded && this.#wastedRatio >= WASTED_RATIO_MIN) {
        this.#limit = this.#limitMin
        return 'begins'
      }
      this.#learn(medianMs, inFlight, isSlow)
      return 'none'
    }
    if (isSlow) this.#limit = Math.max(this.#limitMin, Math.floor(this.#limit / 2))
    else if (heldBack > 0) this.#limit *= 2
    else {
      this.#limit = Infinity
      return 'ends'
    }
    return 'none'
  }

  /** One sentence, for people. */
  explain(): string {
    const ms = (value: number): string =>
      value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`
    const wasted = `${Math.round(this.#wastedRatio * 100)} % of its callers left before their answer`
    return `three of four calls took more than ${ms(this.#quarterMs)} where ${ms(this.#usualMs)} are usual, and ${wasted}`
  }

  /** Half of what usually is in flight, so that a service which catches up is soon where it was. */
  get #limitMin(): number {
    return Math.max(LIMIT_MIN, Math.ceil(this.#crowd / 2))
  }

  #learn(medianMs: number, inFlight: number, isSlow: boolean): void {
    const lastInFlight = this.#lastInFlight
    this.#lastInFlight = -1
    if (this.#wastedRatio >= WASTED_RATIO_MIN) return
    const known = this.#wellLooks === 0 ? medianMs : this.#usualMs
    const rise = isSlow ? SLOW_SHARE : RISE_SHARE
    const share = medianMs < known ? FALL_SHARE : rise
    this.#usualMs = known + (medianMs - known) * share
    this.#crowd *= CROWD_DECAY
    if (isSlow || medianMs > 2 * this.#usualMs) return
    this.#wellLooks++
    // What was in flight is usual only where it has ended well: an overload begins with calls that have not ended yet.
    this.#crowd = Math.max(this.#crowd, lastInFlight)
    this.#lastInFlight = inFlight
  }

  #forget(): void {
    this.#ended.fill(0)
    this.#wasted = 0
  }
}
