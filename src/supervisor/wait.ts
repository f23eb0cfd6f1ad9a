import type { Clock } from '../platform/capability.ts'

/** Resolves after this time. */
export function wait(clock: Clock, waitMs: number): Promise<void> {
  return new Promise((done) => {
    clock.after(waitMs, done)
  })
}
