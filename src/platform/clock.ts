import type { Clock } from './capability.ts'

/** The machine's clock. Nothing but this file makes a timer. */
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
