import { OUTCOME, WINDOW_STEPS } from '../breaker/breaker-policy.ts'
import { TIME_WINDOW_WORDS, TimeWindow } from '../breaker/time-window.ts'

/** How far back requests and retries are counted. */
export const RETRY_WINDOW_MS = 10_000
const STEP_MS = RETRY_WINDOW_MS / WINDOW_STEPS
/** Memory of one budget; all zero is a new one. Budgets lie at multiples of it. */
export const RETRY_BUDGET_BYTES = Math.ceil((TIME_WINDOW_WORDS * 4) / 8) * 8

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
  /** Whether `tryWithdraw` would say yes. */
  hasOne(nowMs: number): boolean
  /** What was counted in the last ten seconds, and how many retries that allows. */
  view(nowMs: number): {
    readonly requests: number
    readonly retries: number
    readonly allowed: number
  }
  /** Changes the terms; what was counted stays. */
  configure(terms: RetryTerms): void
}

export interface RetryTerms {
  /** Retries as a share of the requests, 0 to 1. */
  readonly ratio: number
  /** Allowed whatever the share says. */
  readonly reservePerSecond: number
}

/**
 * Within ten seconds (counted in steps of a second) at most `ratio` x requests retries, or `reservePerSecond` x 10 where that is more: never their sum, so that a busy service is
 * asked no more than 1 + `ratio` times what is asked for. A fresh budget has its whole reserve. Threads may
 * share its memory: what all of them ask and try again counts together. Those that withdraw in the same nanosecond may both get the last one.
 */
export function createRetryBudget(
  terms: RetryTerms,
  memory: ArrayBufferLike = new ArrayBuffer(RETRY_BUDGET_BYTES),
  start = 0,
): RetryBudget {
  let { ratio, reservePerSecond } = terms
  // A request is a call, a retry what is counted besides it.
  const window = new TimeWindow(new Int32Array(memory, start, TIME_WINDOW_WORDS), 0)
  const stepOf = (nowMs: number): number => Math.max(0, Math.floor(nowMs / STEP_MS))

  function view(nowMs: number): { requests: number; retries: number; allowed: number } {
    window.look(stepOf(nowMs))
    const allowed = Math.max(ratio * window.calls, (reservePerSecond * RETRY_WINDOW_MS) / 1000)
    return { requests: window.calls, retries: window.failures, allowed }
  }

  function hasOne(nowMs: number): boolean {
    const { retries, allowed } = view(nowMs)
    return retries + 1 <= allowed + 1e-9
  }

  return {
    deposit: (nowMs) => window.count(stepOf(nowMs), OUTCOME.ok),
    tryWithdraw(nowMs) {
      if (!hasOne(nowMs)) return false
      window.count(stepOf(nowMs), OUTCOME.failedLate)
      return true
    },
    hasOne,
    view,
    configure(next) {
      ratio = next.ratio
      reservePerSecond = next.reservePerSecond
    },
  }
}
