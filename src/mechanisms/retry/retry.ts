import { createCounterWindow } from '../rates/counter-window.ts'

/** How far back requests and retries are counted. */
export const RETRY_WINDOW_MS = 10_000
const BUCKETS = 20

const IDEMPOTENT: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'PUT',
  'DELETE',
  'OPTIONS',
  'TRACE',
])

/** Whether doing it twice is the same as doing it once: RFC 9110 section 9.2.2. Method names are case-sensitive. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method)
}

/** Keeps retries from doubling the load of a service that is down already. */
export interface RetryBudget {
  /** One request came in (not a retry). Monotonic milliseconds. */
  deposit(nowMs: number): void
  /** Takes one retry out, or says no. A refused connection costs nothing: do not withdraw for it. */
  tryWithdraw(nowMs: number): boolean
  /** Changes the terms; what was counted stays. */
  configure(terms: RetryTerms): void
}

export interface RetryTerms {
  /** Retries as a share of the requests, 0 to 1. */
  readonly ratio: number
  /** Allowed whatever the share says. Divide it by the number of workers where each has its own budget. */
  readonly reservePerSecond: number
}

/**
 * At most `ratio` x requests + `reservePerSecond` x 10 retries within ten seconds (counted in steps of half a second).
 * A fresh budget has its whole reserve.
 */
export function createRetryBudget(terms: RetryTerms): RetryBudget {
  let { ratio, reservePerSecond } = terms
  const window = createCounterWindow({ width: 2, windowMs: RETRY_WINDOW_MS, buckets: BUCKETS })
  return {
    deposit(nowMs) {
      window.add(0, 1, nowMs)
    },
    tryWithdraw(nowMs) {
      const requests = window.sum(0, nowMs)
      const retries = window.sum(1, nowMs)
      const allowed = ratio * requests + (reservePerSecond * RETRY_WINDOW_MS) / 1000
      if (retries + 1 > allowed + 1e-9) return false
      window.add(1, 1, nowMs)
      return true
    },
    configure(next) {
      ratio = next.ratio
      reservePerSecond = next.reservePerSecond
    },
  }
}
