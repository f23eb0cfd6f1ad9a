import type { SnapshotOp } from '../../contracts/snapshot.ts'
import type { Clock } from '../../platform/capability.ts'

/** The removals of instances that the data plane has not called drained, and who waits for them. */
export interface Removals {
  /** Gives each removal of an update its number; an instance that is back is not leaving any more. */
  number(ops: readonly SnapshotOp[]): readonly SnapshotOp[]
  /** Data says so. False for a removal that is not the newest one of its instance. */
  drained(service: string, id: string, removal: number): boolean
  isPending(service: string, id: string): boolean
  /** True when the newest removal of the instance is over, now or in future; false after `timeoutMs`. */
  wait(service: string, id: string, timeoutMs: number): Promise<boolean>
}

/** Numbers begin with the clock, so that no control plane repeats one of a former one. */
export function createRemovals(clock: Clock): Removals {
  let last = clock.nowMs() * 1000
  const pending = new Map<string, number>()
  const waiting = new Map<string, Set<() => void>>()
  const keyOf = (service: string, id: string): string => `${service} ${id}`

  return {
    number: (ops) =>
      ops.map((op) => {
        if (op.op === 'instance') pending.delete(keyOf(op.instance.service, op.instance.id))
        if (op.op !== 'instance-gone') return op
        pending.set(keyOf(op.service, op.id), ++last)
        return { ...op, removal: last }
      }),
    drained(service, id, removal) {
      const key = keyOf(service, id)
      if (pending.get(key) !== removal) return false
      pending.delete(key)
      for (const resolve of waiting.get(key) ?? []) resolve()
      return true
    },
    isPending: (service, id) => pending.has(keyOf(service, id)),
    wait(service, id, timeoutMs) {
      const key = keyOf(service, id)
      const done = Promise.withResolvers<boolean>()
      const resolve = (): void => done.resolve(true)
      const cancel = clock.after(timeoutMs, () => done.resolve(false))
      const all = waiting.get(key) ?? new Set()
      waiting.set(key, all.add(resolve))
      return done.promise.finally(() => {
        cancel()
        all.delete(resolve)
        if (all.size === 0 && waiting.get(key) === all) waiting.delete(key)
      })
    },
  }
}
