import type { Clock } from '../../platform/capability.ts'
import type { Slot } from './slot.ts'

/** Watches processes that live and do not pass their check. */
export interface FailingWatch {
  /** Looks at them again. `afterMs` 0: nobody is restarted for that. */
  look(slots: Iterable<Slot>, afterMs: number): void
}

/** `isFailing`: its check counts, and fails. `overdue` is called for each that failed without a break for as long as is allowed. */
export function createFailingWatch(
  clock: Clock,
  isFailing: (slot: Slot) => boolean,
  overdue: (slot: Slot) => void,
): FailingWatch {
  const timers = new Map<Slot, () => void>()

  function forget(slot: Slot): void {
    timers.get(slot)?.()
    timers.delete(slot)
  }

  return {
    look(slots, afterMs) {
      const failing = new Set<Slot>()
      for (const slot of slots) {
        const isRunning = slot.status?.state.state === 'running' && !slot.isRetiring
        if (afterMs > 0 && isRunning && isFailing(slot)) failing.add(slot)
      }
      for (const slot of timers.keys()) if (!failing.has(slot)) forget(slot)
      for (const slot of failing) {
        if (timers.has(slot)) continue
        const cancel = clock.after(afterMs, () => {
          timers.delete(slot)
          overdue(slot)
        })
        timers.set(slot, cancel)
      }
    },
  }
}
