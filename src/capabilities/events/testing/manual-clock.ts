import type { Clock } from '../../../platform/capability.ts'
import { systemClock } from '../../../platform/clock.ts'

/** A clock that a test moves. */
export interface ManualClock extends Clock {
  move(ms: number): void
}

/** Starts at a time of its own; calls back in the order of what is due. */
export function manualClock(): ManualClock {
  let nowMs = 1_000_000
  const timers = new Set<{ atMs: number; readonly everyMs: number; readonly run: () => void }>()
  const add = (atMs: number, everyMs: number, run: () => void) => {
    const timer = { atMs, everyMs, run }
    timers.add(timer)
    return () => void timers.delete(timer)
  }
  return {
    ...systemClock,
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    after: (delayMs, run) => add(nowMs + delayMs, 0, run),
    every: (intervalMs, run) => add(nowMs + intervalMs, intervalMs, run),
    move(ms) {
      const untilMs = nowMs + ms
      for (;;) {
        const due = [...timers]
          .filter(({ atMs }) => atMs <= untilMs)
          .toSorted((a, b) => a.atMs - b.atMs)[0]
        if (due === undefined) break
        nowMs = Math.max(nowMs, due.atMs)
        if (due.everyMs > 0) due.atMs += due.everyMs
        else timers.delete(due)
        due.run()
      }
      nowMs = untilMs
    },
  }
}
