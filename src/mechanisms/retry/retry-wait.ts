/** How the waits between attempts are spread, so that callers that failed together do not come back together. */
export type RetryJitter =
  /** Anything from nothing to the exponential wait. */
  | 'full'
  /** From the shortest wait to three times the last one: grows by chance, and two callers soon differ. */
  | 'decorrelated'

/** The waits before further attempts. */
export interface RetryWaits {
  /** The wait before the second attempt without jitter; 0: none at all. */
  readonly baseMs: number
  readonly maxMs: number
  readonly jitter: RetryJitter
}

/**
 * The wait before a further attempt, milliseconds. `count` attempts were made after the first one; `lastMs` was the wait before the last of them, 0 if there
 * was none. "Exponential Backoff and Jitter", AWS Architecture Blog, 2015: full is random(0, min(max, base x 2^count)), decorrelated is
 * min(max, random(base, 3 x last)).
 */
export function retryWaitMs(
  waits: RetryWaits,
  count: number,
  lastMs: number,
  random: () => number,
): number {
  const { baseMs, maxMs } = waits
  if (baseMs <= 0) return 0
  switch (waits.jitter) {
    case 'full':
      return random() * Math.min(maxMs, baseMs * 2 ** Math.min(count, 40))
    case 'decorrelated':
      return Math.min(maxMs, baseMs + random() * (3 * Math.max(baseMs, lastMs) - baseMs))
    default:
      return waits.jitter satisfies never
  }
}

/** Until when an attempt may wait. */
export interface WaitFacts {
  /** What the back-off says. */
  readonly waitMs: number
  /** What the callee asked for; -1: nothing. */
  readonly retryAfterMs: number
  /** Until the deadline of the whole request. */
  readonly leftMs: number
}

/**
 * How long to wait before the next attempt; -1: there is no use in one, since the callee asked for more time than the request has. An attempt is worth its
 * wait only while at least half of the time that is left stays for it.
 */
export function decideWait(facts: WaitFacts): number {
  const { waitMs, retryAfterMs, leftMs } = facts
  const wantedMs = Math.max(waitMs, retryAfterMs)
  if (wantedMs <= 0) return 0
  if (wantedMs * 2 <= leftMs) return wantedMs
  return retryAfterMs * 2 > leftMs ? -1 : Math.max(0, leftMs / 2)
}
