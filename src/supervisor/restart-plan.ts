import { backoffMs, createCrashWindow } from '../mechanisms/backoff/backoff.ts'
import type { ProcessSpec } from '../contracts/supervisor.ts'

/** When a process that died is started again. Time and chance are given. */
export interface RestartPlan {
  /** Counts an exit at `nowMs` (of any one clock) after `ranMs` of life. */
  next(nowMs: number, ranMs: number): Restart
}

/** What a plan says of one exit. */
export interface Restart {
  readonly delayMs: number
  /** The first death in a row: it had run for longer than the window before. */
  readonly isFirst: boolean
  /** Whether it was started so often in a row that it is given up. */
  readonly isGivenUp: boolean
  /** So many exits within the window that an operator should look. It stays so until it has run for longer than the window. */
  readonly isLooping: boolean
}

/** Doubling waits with jitter (half of the wait to the whole); in a crash loop the longest. */
export function createRestartPlan(
  bounds: Omit<ProcessSpec['restart'], 'policy'>,
  random: () => number,
): RestartPlan {
  const { countMax, backoffMinMs: minMs, backoffMaxMs: maxMs, loopCount, loopWindowMs } = bounds
  const crashes = createCrashWindow({ count: loopCount, windowMs: loopWindowMs })
  let exitsInRow = 0
  let isLooping = false

  return {
    next(nowMs, ranMs) {
      if (ranMs > loopWindowMs) {
        exitsInRow = 0
        isLooping = false
      }
      // With a longest back-off near the window the exits in it get fewer than `loopCount`: that does not end a loop.
      isLooping = crashes.record(nowMs) || isLooping
      const attempt = isLooping ? Number.MAX_SAFE_INTEGER : exitsInRow
      exitsInRow++
      return {
        delayMs: backoffMs({ minMs, maxMs }, attempt, 'equal', random),
        isFirst: exitsInRow === 1,
        isGivenUp: countMax !== null && exitsInRow > countMax,
        isLooping,
      }
    },
  }
}
