/** When a breaker opens, for how long, and how it closes again. */
export interface BreakerPolicy {
  /** `open` and `closed` are an operator's word and hold until it is taken back; `disabled` lets all pass and counts nothing. */
  readonly mode: 'auto' | 'open' | 'closed' | 'disabled'
  /** Share of failed calls that opens it, above 0 to 1. */
  readonly failureRatio: number
  /** Share of slow calls that opens it; more than 1: never. What is slow says the caller. */
  readonly slowRatio: number
  /** Calls in the window below which no share says anything. At least 1. */
  readonly callsMin: number
  /** Over the last `size` calls (1 to `COUNT_WINDOW_MAX`), or over the last milliseconds in ten steps. */
  readonly window:
    | { readonly kind: 'count'; readonly size: number }
    | { readonly kind: 'time'; readonly ms: number }
  /** First time that it stays open; doubles with each opening that follows too soon, up to `openMsMax`. */
  readonly openMs: number
  readonly openMsMax: number
  /** Calls that try whether the callee is well again, side by side: 1 to `PROBES_MAX`. */
  readonly probes: number
  /** A probe that says nothing for so long has lost its permit: the next caller gets it. */
  readonly probeLeaseMs: number
}

/** Calls that a count window can hold. */
export const COUNT_WINDOW_MAX = 200
/** Probes that may be out side by side. */
export const PROBES_MAX = 16
/** Steps of a time window. */
export const WINDOW_STEPS = 10

/** How a call went, as bits. `failedLate`: one that was reported before has failed after all; it is no further call. */
export const OUTCOME = { ok: 0, failed: 1, slow: 2, failedSlowly: 3, failedLate: 5 } as const

/** Where a breaker is. */
export const BREAKER = { closed: 0, open: 1, halfOpen: 2 } as const
export type BreakerState = (typeof BREAKER)[keyof typeof BREAKER]

/** Why it opened. */
export const OPENED_BY = { nothing: 0, failures: 1, slowCalls: 2, probes: 3 } as const
export type OpenedBy = (typeof OPENED_BY)[keyof typeof OPENED_BY]

/** Whether shares of a window, or of the probes, are too much: the cause, or `nothing`. Failures are named before slowness. */
export function judge(
  policy: Pick<BreakerPolicy, 'failureRatio' | 'slowRatio'>,
  calls: number,
  failures: number,
  slow: number,
): OpenedBy {
  if (calls === 0) return OPENED_BY.nothing
  if (failures / calls >= policy.failureRatio) return OPENED_BY.failures
  return slow / calls >= policy.slowRatio ? OPENED_BY.slowCalls : OPENED_BY.nothing
}

/** How long it stays open when it has opened `count` times too soon before. */
export function openTimeMs(policy: BreakerPolicy, count: number): number {
  return Math.min(policy.openMsMax, policy.openMs * 2 ** Math.min(count, 40))
}
