/** When failing instances are left out. `ServiceSpec.ejection` satisfies it. */
export interface EjectionPolicy {
  /** Failures in a row that eject; 0: never. */
  readonly failures: number
  /** First ejection; doubles with each following one. */
  readonly baseMs: number
  readonly maxMs: number
  /** At most this share is ejected at a time, but always at least one, and never the last one. 0 to 1. */
  readonly shareMax: number
}

/** The state of one instance in one worker, embedded in its record (`balancing/candidate.ts` has these fields). */
export interface Ejectable {
  /** Monotonic milliseconds; in the past: not ejected. */
  ejectedUntilMs: number
  failuresInRow: number
  /** Ejections that were not worked off by good behaviour. */
  ejectionCount: number
  /** From when on a success works off one ejection. */
  ejectionDecayAtMs: number
}

/** Whether it is left out at `nowMs`. */
export function isEjected(instance: Ejectable, nowMs: number): boolean {
  return instance.ejectedUntilMs > nowMs
}

/** Length of the ejection after `count` earlier ones: base x 2^count, at most max. */
export function ejectionMs(policy: EjectionPolicy, count: number): number {
  return Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(count, 60))
}

/** How many of `total` may be ejected at a time: the share, at least one, and one always stays. */
export function ejectedMax(policy: EjectionPolicy, total: number): number {
  return Math.min(total - 1, Math.max(1, Math.floor(policy.shareMax * total + 1e-9)))
}

/**
 * A usable answer: the row of failures is broken. One ejection is worked off for each time as long as the last
 * ejection that passes well.
 */
export function reportSuccess(instance: Ejectable, policy: EjectionPolicy, nowMs: number): void {
  instance.failuresInRow = 0
  if (instance.ejectionCount === 0 || nowMs < instance.ejectionDecayAtMs) return
  instance.ejectionCount--
  instance.ejectionDecayAtMs = nowMs + ejectionMs(policy, Math.max(0, instance.ejectionCount - 1))
}

/**
 * A connect error, deadline of an attempt, broken answer or 502/503/504. Returns whether that ejects it now; `ejectedNow`
 * are the ejected ones among `total` instances. After its time is over one more failure ejects it again, until a
 * success: so a frozen instance costs one attempt a return and not the whole row. What fails while it is ejected
 * was sent before and does not count.
 */
export function reportFailure(
  instance: Ejectable,
  policy: EjectionPolicy,
  nowMs: number,
  ejectedNow: number,
  total: number,
): boolean {
  if (policy.failures === 0 || isEjected(instance, nowMs)) return false
  instance.failuresInRow++
  if (instance.failuresInRow < policy.failures) return false
  if (!eject(instance, policy, nowMs, ejectedNow, total)) return false
  instance.failuresInRow = policy.failures - 1
  return true
}

/** Ejects it, whatever the cause: longer each time, unless it is out already or as many are as may be. */
export function eject(
  instance: Ejectable,
  policy: EjectionPolicy,
  nowMs: number,
  ejectedNow: number,
  total: number,
): boolean {
  if (isEjected(instance, nowMs) || ejectedNow >= ejectedMax(policy, total)) return false
  const lengthMs = ejectionMs(policy, instance.ejectionCount)
  instance.ejectedUntilMs = nowMs + lengthMs
  instance.ejectionDecayAtMs = nowMs + 2 * lengthMs
  instance.ejectionCount++
  return true
}

/** The ejected instances of one service in one worker, so that their number is known without asking all. */
export interface EjectionSet<E extends Ejectable> {
  /** Ejected now. Costs as much as there are ejected ones. */
  count(nowMs: number): number
  /** `reportFailure` with the count of this set. */
  reportFailure(instance: E, policy: EjectionPolicy, nowMs: number, total: number): boolean
  /** `eject` with the count of this set. */
  eject(instance: E, policy: EjectionPolicy, nowMs: number, total: number): boolean
  /** Forgets an instance that is removed. */
  remove(instance: E): void
}

/** An empty set; it holds at most as many as the policy's share allows. */
export function createEjectionSet<E extends Ejectable>(): EjectionSet<E> {
  const ejected: E[] = []

  function count(nowMs: number): number {
    let kept = 0
    for (const instance of ejected) if (isEjected(instance, nowMs)) ejected[kept++] = instance
    ejected.length = kept
    return kept
  }

  return {
    count,
    reportFailure(instance, policy, nowMs, total) {
      const isNew = reportFailure(instance, policy, nowMs, count(nowMs), total)
      if (isNew) ejected.push(instance)
      return isNew
    },
    eject(instance, policy, nowMs, total) {
      const isNew = eject(instance, policy, nowMs, count(nowMs), total)
      if (isNew) ejected.push(instance)
      return isNew
    },
    remove(instance) {
      const at = ejected.indexOf(instance)
      if (at >= 0) ejected.splice(at, 1)
    },
  }
}
