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

/** Deadlines that are told by `due` up to a tick late. */
export function createWheel<Item extends Timed>(
  clock: Clock,
  tickMs: number,
  due: (item: Item) => void,
): Wheel<Item> {
  const wheel = new TimerWheel<Item>(tickMs, clock.monotonicMs())
  let cancel: (() => void) | undefined
  const turn = (): void => {
    cancel = undefined
    wheel.advance(clock.monotonicMs(), due)
    arm()
  }
  const arm = (): void => {
    if (cancel === undefined && wheel.size > 0) cancel = clock.after(tickMs, turn)
  }
  return {
    set(item, inMs) {
      wheel.set(item, clock.monotonicMs() + inMs)
      arm()
    },
    clear: (item) => wheel.clear(item),
    get size() {
      return wheel.size
    },
    close() {
      cancel?.()
      cancel = undefined
    },
  }
}
