import type { ListenerError } from './messages.ts'

/** Waits until every living worker has applied a version. */
export interface Rollout {
  /** Calls `send` for every living worker; resolves with what could not be opened when all have answered or died. */
  run(version: number, send: (index: number) => void): Promise<readonly ListenerError[]>
  applied(index: number, version: number, errors: readonly ListenerError[]): void
  /** A worker that has just been started is told the newest version by itself. */
  expect(index: number): void
  lost(index: number): void
}

export function createRollout(workers: number, isAlive: (index: number) => boolean): Rollout {
  let version = 0
  let errors: ListenerError[] = []
  let done: ((errors: readonly ListenerError[]) => void) | undefined
  const waiting = new Set<number>()
  /** Nobody lives at the moment: a version counts as applied when the first one that comes back has it. */
  let needsOne = false

  function settle(): void {
    if (done === undefined || waiting.size > 0 || needsOne) return
    const resolve = done
    done = undefined
    resolve(errors)
  }

  return {
    run(next, send) {
      const result = Promise.withResolvers<readonly ListenerError[]>()
      version = next
      errors = []
      done = result.resolve
      waiting.clear()
      for (let index = 0; index < workers; index++) {
        if (!isAlive(index)) continue
        waiting.add(index)
        send(index)
      }
      needsOne = waiting.size === 0
      return result.promise
    },
    applied(index, appliedVersion, failed) {
      for (const error of failed) if (!errors.some(({ id }) => id === error.id)) errors.push(error)
      if (appliedVersion !== version) return
      waiting.delete(index)
      needsOne = false
      settle()
    },
    expect(index) {
      if (done !== undefined) waiting.add(index)
    },
    lost(index) {
      if (!waiting.delete(index)) return
      if (waiting.size === 0 && !Array.from({ length: workers }, (_, i) => i).some(isAlive))
        needsOne = true
      settle()
    },
  }
}
