import { stickyValue } from './sticky-value.ts'

/**
 * What balancing and ejection know of one instance, in one worker. The data plane's instance runtime *is* one
 * (`interface Instance extends Candidate`), so that a pick touches no second object. Times are monotonic milliseconds.
 */
export interface Candidate {
  readonly id: string
  /** 1 to 1000. Change it through `Balancer.reweigh` only. */
  weight: number
  /** Requests that were sent to it and have not ended. Kept by the data plane. */
  inFlight: number
  /** Peak EWMA of the latency; meaningless before the first sample. */
  ewmaMs: number
  /** When `ewmaMs` was last renewed; -1 before the first sample. */
  ewmaAtMs: number
  /** Slow start counts from here; -Infinity where it came up long ago. */
  addedAtMs: number
  /** Left out before this time; 0 when never ejected. Kept by `mechanisms/ejection`. */
  ejectedUntilMs: number
  /** Not to be chosen before this time, whatever else is left: its breaker is open. */
  blockedUntilMs: number
  /** Priority level: 0 is used first, up to `LEVELS_MAX` - 1. */
  level: number
  /** Used only where nobody else is left. */
  isBackup: boolean
  /** Value of the label that requests choose by; '' where it has none. */
  subset: string
  failuresInRow: number
  ejectionCount: number
  ejectionDecayAtMs: number
  readonly stickyKey: Uint8Array | undefined
  /** Kept by `stickyValueOf`; '' until it is asked for: it costs 20 us, and most services have no sticky cookie. */
  stickyValue: string
  /** Virtual time of its next turn in round robin. Kept by the balancer. */
  turn: number
  /** Order of entry: breaks ties between equal turns. Kept by the balancer. */
  turnOrder: number
  /** Place in the balancer's heap or array; -1 while it is in none. Kept by the balancer. */
  turnIndex: number
  index: number
}

/** A candidate as it enters: no request, no sample, not ejected. Spread it into the instance's own record. */
export function createCandidate(options: {
  readonly id: string
  readonly weight: number
  /** Now, or -Infinity for no slow start. Monotonic milliseconds. */
  readonly addedAtMs: number
  /** Secret of all workers alike, at least 16 bytes; without it the value is a plain hash. */
  readonly stickyKey?: Uint8Array
}): Candidate {
  return {
    id: options.id,
    weight: options.weight,
    inFlight: 0,
    ewmaMs: 0,
    ewmaAtMs: -1,
    addedAtMs: options.addedAtMs,
    ejectedUntilMs: 0,
    blockedUntilMs: 0,
    level: 0,
    isBackup: false,
    subset: '',
    failuresInRow: 0,
    ejectionCount: 0,
    ejectionDecayAtMs: 0,
    stickyKey: options.stickyKey,
    stickyValue: '',
    turn: 0,
    turnOrder: 0,
    turnIndex: -1,
    index: -1,
  }
}

/** What the sticky cookie says for it. RangeError for a key below 16 bytes. */
export function stickyValueOf(candidate: Candidate): string {
  if (candidate.stickyValue === '')
    candidate.stickyValue = stickyValue(candidate.id, candidate.stickyKey)
  return candidate.stickyValue
}

/** Share of its weight with which a new instance begins slow start. */
export const SLOW_START_SHARE_MIN = 0.1

/** Weight after slow start: rises in a line from a tenth at `addedAtMs` to the whole after `slowStartMs`. */
export function effectiveWeight(candidate: Candidate, nowMs: number, slowStartMs: number): number {
  const ageMs = nowMs - candidate.addedAtMs
  if (slowStartMs <= 0 || ageMs >= slowStartMs) return candidate.weight
  return candidate.weight * Math.max(SLOW_START_SHARE_MIN, ageMs / slowStartMs)
}
