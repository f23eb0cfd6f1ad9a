import type { Clock } from './capability.ts'

/** The machine's clock. Nothing else in our processes makes a timer (the supervisor has its own place, `supervisor/clock.ts`). */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
  every(intervalMs, callback) {
    const timer = setInterval(callback, intervalMs)
    timer.unref()
    return () => clearInterval(timer)
  },
  nextTurn(callback) {
    const turn = setImmediate(callback)
    return () => clearImmediate(turn)
  },
}
