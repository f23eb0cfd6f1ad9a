import {
  BREAKER,
  type BreakerPolicy,
  type BreakerState,
  judge,
  OPENED_BY,
  OUTCOME,
  type OpenedBy,
  openTimeMs,
  WINDOW_STEPS,
} from './breaker-policy.ts'
import { COUNT_WINDOW_WORDS, CountWindow } from './count-window.ts'
import { TAG_MASK } from './count-words.ts'
import { PROBE_MOMENTS, PROBE_WORDS, Probes } from './probes.ts'
import { TIME_WINDOW_WORDS, TimeWindow } from './time-window.ts'

// Memory of one breaker: 64-bit moments first. What is different from period to period has two cells, one for even and one for odd periods, so that the next
// period's is written before the one word says that it has begun.
const OPEN_UNTIL = 0
const CLOSED_AT = 2
const LEASES = 4
const MOMENTS = LEASES + PROBE_MOMENTS
const STATE = MOMENTS * 2
const WINDOW_KEY = STATE + 1
const OPENED = STATE + 2
const CAUSE = OPENED + 2
const CAUSE_WORDS = 4
const TIME = CAUSE + CAUSE_WORDS * 2
const COUNT = TIME + TIME_WINDOW_WORDS
const PROBE = COUNT + COUNT_WINDOW_WORDS
const WORDS = PROBE + PROBE_WORDS
/** Memory of one breaker; all zero is a new one. Breakers lie at multiples of it. */
export const BREAKER_BYTES = Math.ceil((WORDS * 4) / 8) * 8

/** No permit: the call must not be made. */
export const REFUSED = 0
const KIND_CLOSED = 1
const KIND_PROBE = 2
/** A permit that stands for no breaker: nothing is counted for it. */
export const UNCOUNTED = 3

/** What a breaker says of itself. Times are monotonic milliseconds. */
export interface BreakerView {
  readonly state: BreakerState
  readonly mode: BreakerPolicy['mode']
  /** Rises with each change of state. */
  readonly period: number
  readonly openUntilMs: number
  /** How often it opened in a row, too soon each time. */
  readonly openings: number
  readonly cause: OpenedBy
  /** What was counted when it opened. */
  readonly calls: number
  readonly failures: number
  readonly slow: number
}

/**
 * A circuit breaker (Nygard, "Release It!", 2007) whose whole state lies in memory that threads can share: what one of them learns all of them know, and one that
 * dies in the middle of anything stops nobody. A call asks for a permit and reports how it went, once; one that hangs reports itself as slow while
 * it still hangs. Each change of state begins a period, and a permit of an earlier period says nothing about this one.
 */
export class Breaker {
  policy: BreakerPolicy
  readonly #words: Int32Array
  readonly #moments: Float64Array
  readonly #time: TimeWindow
  readonly #count: CountWindow
  readonly #probes: Probes

  constructor(policy: BreakerPolicy, memory: ArrayBufferLike, start = 0) {
    this.policy = policy
    // Eight aligned bytes are written and read as one on all machines that Node.js runs on.
    this.#moments = new Float64Array(memory, start, MOMENTS)
    this.#words = new Int32Array(memory, start, WORDS)
    this.#time = new TimeWindow(this.#words, TIME)
    this.#count = new CountWindow(this.#words, COUNT)
    this.#probes = new Probes(this.#words, PROBE, this.#moments, LEASES)
    this.configure(policy)
  }

  /** Takes other terms. Another window begins empty, the state stays. */
  configure(policy: BreakerPolicy): void {
    this.policy = policy
    const { window } = policy
    const key = window.kind === 'count' ? window.size : -window.ms
    const was = Atomics.exchange(this.#words, WINDOW_KEY, key)
    if (was === key || was === 0) return
    this.#time.clear()
    const word = Atomics.load(this.#words, STATE)
    if ((word & 3) === BREAKER.closed) this.#enter(word, BREAKER.closed)
  }

  /** A permit for one call, to be reported or given back; `REFUSED` where it must not be made. */
  acquire(nowMs: number): number {
    const { mode } = this.policy
    if (mode === 'open') return REFUSED
    if (mode === 'disabled') return UNCOUNTED
    const word = Atomics.load(this.#words, STATE)
    if ((word & 3) === BREAKER.closed) return (tagOf(word) << 2) | KIND_CLOSED
    if (mode === 'closed') return UNCOUNTED
    if ((word & 3) === BREAKER.halfOpen) return this.#acquireProbe(word, nowMs)
    const leftMs = this.#moments[OPEN_UNTIL + parityOf(word)]! - nowMs
    // More than the longest time is left only where the clock was set back.
    if (leftMs > 0 && leftMs <= this.policy.openMsMax) return REFUSED
    this.#enter(word, BREAKER.halfOpen)
    const now = Atomics.load(this.#words, STATE)
    return (now & 3) === BREAKER.halfOpen ? this.#acquireProbe(now, nowMs) : REFUSED
  }

  /** Whether it lets nobody pass now, without asking for a permit. */
  isOpen(nowMs: number): boolean {
    const { mode, openMsMax } = this.policy
    if (mode !== 'auto') return mode === 'open'
    const word = Atomics.load(this.#words, STATE)
    if ((word & 3) !== BREAKER.open) return false
    const leftMs = this.#moments[OPEN_UNTIL + parityOf(word)]! - nowMs
    return leftMs > 0 && leftMs <= openMsMax
  }

  #acquireProbe(word: number, nowMs: number): number {
    const { probes, probeLeaseMs } = this.policy
    const tag = tagOf(word)
    const ticket = this.#probes.take(probes, tag, nowMs, probeLeaseMs)
    return ticket < 0 ? REFUSED : (((ticket << 12) | tag) << 2) | KIND_PROBE
  }

  /** How the call went, a value of `OUTCOME`; each permit once. True: this report changed the state. */
  report(permit: number, outcome: number, nowMs: number): boolean {
    const word = Atomics.load(this.#words, STATE)
    const tag = (permit >> 2) & TAG_MASK
    if (tag !== tagOf(word)) return false
    if ((permit & 3) === KIND_CLOSED) return this.#reportClosed(word, tag, outcome, nowMs)
    if ((permit & 3) !== KIND_PROBE || (word & 3) !== BREAKER.halfOpen) return false
    return this.#probes.finish(permit >> 14, tag, outcome) && this.#judgeProbes(word, tag, nowMs)
  }

  /** The call says nothing about the callee: it was not made, or its caller went away. */
  giveBack(permit: number): void {
    if ((permit & 3) === KIND_PROBE) this.#probes.giveBack(permit >> 14, (permit >> 2) & TAG_MASK)
  }

  #reportClosed(word: number, tag: number, outcome: number, nowMs: number): boolean {
    if ((word & 3) !== BREAKER.closed) return false
    const { policy } = this
    const { window } = policy
    const sums = window.kind === 'count' ? this.#count : this.#time
    if (window.kind === 'count') this.#count.add(window.size, tag, outcome & 3)
    else {
      const step = stepOf(window.ms, nowMs)
      if (outcome === OUTCOME.ok && this.#time.isClean(step)) {
        this.#time.count(step, outcome)
        return false
      }
      this.#time.add(step, outcome)
    }
    if (sums.calls < policy.callsMin || policy.mode !== 'auto') return false
    const cause = judge(policy, sums.calls, sums.failures, sums.slow)
    if (cause === OPENED_BY.nothing) return false
    return this.#open(word, cause, sums, nowMs)
  }

  /** As soon as no answer that is still to come could change the verdict. */
  #judgeProbes(word: number, tag: number, nowMs: number): boolean {
    const { policy } = this
    const { probes } = policy
    const seen = this.#probes
    seen.look(probes, tag)
    const missing = probes - seen.finished
    if (judge(policy, probes, seen.failures, seen.slow) !== OPENED_BY.nothing) {
      const counts = { calls: seen.finished, failures: seen.failures, slow: seen.slow }
      return this.#open(word, OPENED_BY.probes, counts, nowMs)
    }
    const worst = judge(policy, probes, seen.failures + missing, seen.slow + missing)
    if (worst !== OPENED_BY.nothing) return false
    this.#moments[CLOSED_AT + 1 - parityOf(word)] = nowMs
    this.#count.begin((tag + 1) & TAG_MASK)
    return this.#enter(word, BREAKER.closed)
  }

  #open(word: number, cause: OpenedBy, counts: Counts, nowMs: number): boolean {
    const from = parityOf(word)
    const openings = this.#nextOpenings(word, nowMs)
    const words = this.#words
    this.#moments[OPEN_UNTIL + 1 - from] = nowMs + openTimeMs(this.policy, openings - 1)
    words[OPENED + 1 - from] = openings
    const at = CAUSE + (1 - from) * CAUSE_WORDS
    words[at] = cause
    words[at + 1] = counts.calls
    words[at + 2] = counts.failures
    words[at + 3] = counts.slow
    if (!swapState(words, word, BREAKER.open)) return false
    this.#time.clear()
    return true
  }

  /** One more, unless it was closed for as long as it was open before. */
  #nextOpenings(word: number, nowMs: number): number {
    const before = this.#words[OPENED + parityOf(word)]!
    if ((word & 3) === BREAKER.halfOpen || before === 0) return before + 1
    const closedMs = nowMs - this.#moments[CLOSED_AT + parityOf(word)]!
    return closedMs >= openTimeMs(this.policy, before - 1) ? 1 : before + 1
  }

  /** The next period, with what is known of the last opening. False: another one was faster. */
  #enter(word: number, state: BreakerState): boolean {
    const from = parityOf(word)
    const words = this.#words
    words[OPENED + 1 - from] = words[OPENED + from]!
    for (let i = 0; i < CAUSE_WORDS; i++)
      words[CAUSE + (1 - from) * CAUSE_WORDS + i] = words[CAUSE + from * CAUSE_WORDS + i]!
    this.#moments[OPEN_UNTIL + 1 - from] = this.#moments[OPEN_UNTIL + from]!
    return swapState(words, word, state)
  }

  /** There is news of the callee, such as a new instance: an open breaker lets its probes try at once. */
  tryNow(): void {
    const word = Atomics.load(this.#words, STATE)
    if ((word & 3) === BREAKER.open) this.#enter(word, BREAKER.halfOpen)
  }

  /** What the window holds now; nothing unless it is closed. */
  counts(nowMs: number): Counts {
    const word = Atomics.load(this.#words, STATE)
    if ((word & 3) !== BREAKER.closed) return NO_COUNTS
    const { window } = this.policy
    const sums = window.kind === 'count' ? this.#count : this.#time
    if (window.kind === 'count') this.#count.look(tagOf(word))
    else this.#time.look(stepOf(window.ms, nowMs))
    return { calls: sums.calls, failures: sums.failures, slow: sums.slow }
  }

  /** What it says of itself now. */
  view(): BreakerView {
    const word = Atomics.load(this.#words, STATE)
    const side = parityOf(word)
    const at = CAUSE + side * CAUSE_WORDS
    return {
      state: (word & 3) as BreakerState,
      mode: this.policy.mode,
      period: word >>> 2,
      openUntilMs: this.#moments[OPEN_UNTIL + side]!,
      openings: this.#words[OPENED + side]!,
      cause: this.#words[at]! as OpenedBy,
      calls: this.#words[at + 1]!,
      failures: this.#words[at + 2]!,
      slow: this.#words[at + 3]!,
    }
  }
}

const NO_COUNTS = { calls: 0, failures: 0, slow: 0 }

/** Calls of a window, and how many of them failed or were slow. */
export interface Counts {
  readonly calls: number
  readonly failures: number
  readonly slow: number
}

/** The step of a time window of `windowMs` that a moment is in. */
function stepOf(windowMs: number, nowMs: number): number {
  return Math.max(0, Math.floor((nowMs * WINDOW_STEPS) / windowMs))
}

function tagOf(word: number): number {
  return (word >>> 2) & TAG_MASK
}

function parityOf(word: number): number {
  return (word >> 2) & 1
}

function swapState(words: Int32Array, word: number, state: BreakerState): boolean {
  const next = (((word >>> 2) + 1) << 2) | state
  return Atomics.compareExchange(words, STATE, word, next) === word
}
