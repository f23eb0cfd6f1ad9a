import type { TestContext } from 'node:test'
import type { Clock, Scope } from '../../../platform/capability.ts'
import { systemClock } from '../../../platform/clock.ts'
import { noListeners } from '../../../platform/listeners/testing/none.ts'
import { startStorage, type Storage } from '../../../platform/storage/storage.ts'
import type { NodeHealth } from '../api.ts'
import { startKv } from '../kv.ts'
import type { KvSettings } from '../settings.ts'

/** A clock that a test moves; timers run in the order in which they fall due. */
export class HandClock implements Clock {
  #nowMs = 1_000_000
  readonly #timers = new Set<{ dueAtMs: number; readonly run: () => void; everyMs: number }>()

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, callback: () => void): () => void {
    return this.#add(delayMs, callback, 0)
  }

  every(intervalMs: number, callback: () => void): () => void {
    return this.#add(intervalMs, callback, intervalMs)
  }

  nextTurn(callback: () => void): () => void {
    return systemClock.nextTurn(callback)
  }

  /** Lets so much time go by. With `isStalled` timers that were missed run once, at the end, as after a process was stopped. */
  advance(byMs: number, isStalled = false): void {
    const endMs = this.#nowMs + byMs
    if (isStalled) this.#nowMs = endMs
    for (;;) {
      const due = [...this.#timers].filter(({ dueAtMs }) => dueAtMs <= endMs)
      const [next] = due.toSorted((a, b) => a.dueAtMs - b.dueAtMs)
      if (next === undefined) break
      this.#nowMs = Math.max(this.#nowMs, next.dueAtMs)
      if (next.everyMs === 0) this.#timers.delete(next)
      else next.dueAtMs = isStalled ? endMs + next.everyMs : next.dueAtMs + next.everyMs
      next.run()
    }
    this.#nowMs = endMs
  }

  #add(delayMs: number, run: () => void, everyMs: number): () => void {
    const timer = { dueAtMs: this.#nowMs + delayMs, run, everyMs }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }
}

/** Health that a test decides: a node `n1` whose node check passes. */
export function createTestHealth(): NodeHealth & {
  set(check: string, status: ReturnType<NodeHealth['statusOf']>): void
} {
  const statuses = new Map<string, ReturnType<NodeHealth['statusOf']>>([['serfHealth', 'passing']])
  const listeners = new Set<() => void>()
  return {
    hasNode: (node) => node === 'n1',
    statusOf: (_node, check) => statuses.get(check),
    subscribe(changed) {
      listeners.add(changed)
      return () => listeners.delete(changed)
    },
    set(check, status) {
      statuses.set(check, status)
      for (const listener of listeners) listener()
    },
  }
}

export interface StartOptions {
  readonly storage?: Storage
  readonly clock?: Clock
  readonly settings?: Partial<KvSettings>
  readonly health?: NodeHealth
}

/** Starts keys and sessions on a storage in memory, or on the one that is given. */
export async function startForTest(t: TestContext, options: StartOptions = {}) {
  const { clock = systemClock, health = createTestHealth() } = options
  const storage = options.storage ?? (await startStorage({ file: ':memory:' }))
  const releases: (() => void | Promise<void>)[] = []
  const logged: string[] = []
  const scope: Scope = {
    name: 'kv',
    clock,
    random: () => 0.5,
    log: (level, message) => void logged.push(`${level} ${message}`),
    listeners: noListeners,
    stopping: new AbortController().signal,
    onStop: (release) => void releases.push(release),
  }
  const settings = { size: 1024 * 1024, sessions: 100, ...options.settings }
  const part = await startKv(settings, { storage, health }, scope)
  const stop = async (): Promise<void> => {
    for (const release of releases.splice(0).toReversed()) await release()
  }
  t.after(async () => {
    await stop()
    if (options.storage === undefined) await storage.close()
  })
  return { kv: part.api, part, storage, stop, logged }
}
