import { TimerWheel, type Timed } from '../mechanisms/timer-wheel/timer-wheel.ts'
import type { Clock } from './capability.ts'

/** Any number of deadlines behind one timer, which runs only while there is one. */
export interface Wheel<Item extends Timed> {
  /** Sets or moves the deadline: so many milliseconds from now. */
  set(item: Item, inMs: number): void
  clear(item: Item): void
  readonly size: number
  close(): void
}

/** Ticks that are slept through where nothing is due in them: ten thousand that wait for minutes must not cost a wake-up each tick. */
const SLEPT_TICKS_MAX = 64

/** Deadlines that are told by `due` up to a tick late. */
export function createWheel<Item extends Timed>(
  clock: Clock,
  tickMs: number,
  due: (item: Item) => void,
): Wheel<Item> {
  const wheel = new TimerWheel<Item>(tickMs, clock.monotonicMs())
  let cancel: () => void = () => {}
  /** When the timer runs; Infinity: there is none. */
  let armedAtMs = Infinity
  const endOfTick = (ms: number): number => (Math.floor(ms / tickMs) + 1) * tickMs
  const turn = (): void => {
    armedAtMs = Infinity
    const nowMs = clock.monotonicMs()
    wheel.advance(nowMs, due)
    // What was told may have set deadlines, and armed it.
    if (wheel.size > 0) arm(endOfTick(nowMs) + wheel.quietTicks(SLEPT_TICKS_MAX) * tickMs)
  }
  const arm = (atMs: number): void => {
    if (atMs >= armedAtMs) return
    cancel()
    armedAtMs = atMs
    cancel = clock.after(Math.max(atMs - clock.monotonicMs(), 0), turn)
  }
  return {
    set(item, inMs) {
      const nowMs = clock.monotonicMs()
      wheel.set(item, nowMs + inMs)
      arm(endOfTick(nowMs + Math.min(Math.max(inMs, 0), SLEPT_TICKS_MAX * tickMs)))
    },
    clear: (item) => wheel.clear(item),
    get size() {
      return wheel.size
    },
    close() {
      cancel()
      armedAtMs = Infinity
    },
  }
}
