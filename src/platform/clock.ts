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

/** The same for the supervisor: its timers keep the process alive. While all of ours wait to be started again nothing else does. */
export const supervisorClock: Clock = {
  ...systemClock,
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}
