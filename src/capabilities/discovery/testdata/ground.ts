import assert from 'node:assert/strict'
import type { Clock, Problem, Scope } from '../../../platform/capability.ts'
import type { Storage } from '../../../platform/storage/storage.ts'
import { noListeners } from '../../../platform/listeners/testing/none.ts'
import type { Settings } from '../../../settings.ts'
import type { Discovery } from '../api.ts'
import { startDiscovery } from '../discovery.ts'
import type { RegistryHooks } from '../registry-hooks.ts'
import { Registry } from '../registry.ts'

/** A clock that stands still until it is moved. */
export class FakeClock implements Clock {
  #timeMs: number
  readonly #timers = new Set<{ readonly atMs: number; readonly callback: () => void }>()

  constructor(startMs = 0) {
    this.#timeMs = startMs
  }

  nowMs(): number {
    return this.#timeMs
  }

  monotonicMs(): number {
    return this.#timeMs
  }

  get timerCount(): number {
    return this.#timers.size
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#timeMs + delayMs, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  every(intervalMs: number, callback: () => void): () => void {
    const again = (): void => {
      cancel = this.after(intervalMs, again)
      callback()
    }
    let cancel = this.after(intervalMs, again)
    return () => cancel()
  }

  nextTurn(callback: () => void): () => void {
    return this.after(0, callback)
  }

  /** Runs what falls due, in order, each at its time. */
  advance(ms: number): void {
    const endMs = this.#timeMs + ms
    for (;;) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= endMs)
      const first = due.sort((a, b) => a.atMs - b.atMs)[0]
      if (first === undefined) break
      this.#timers.delete(first)
      this.#timeMs = Math.max(this.#timeMs, first.atMs)
      first.callback()
    }
    this.#timeMs = endMs
  }
}

/** A registry without checks, whose flushes are made by the test. */
export function createBareRegistry(clock: Clock, hooks: Partial<RegistryHooks> = {}): Registry {
  return new Registry({
    clock,
    instancesMax: () => 100_000,
    firstIndex: 1,
    scheduleFlush: () => {},
    startCheck: () => {},
    stopCheck: () => {},
    onStatus: () => {},
    guardLease: () => undefined,
    onEnded: () => {},
    onTwinsLost: () => {},
    onTwinEnded: () => {},
    onWatcherError: (error) => {
      throw error
    },
    ...hooks,
  })
}

/** A whole capability, and its end. */
export interface Started {
  readonly discovery: Discovery & {
    /** A reload that nobody else refuses. */
    configure(services: Settings['services'], options: { readonly folder: string }): void
    problems(): Iterable<Problem>
  }
  stop(): Promise<void>
}

/** Starts discovery on a given clock. */
export async function startOn(
  clock: Clock,
  storage: Storage,
  config: Partial<Settings['discovery']> = {},
): Promise<Started> {
  const releases: (() => void | Promise<void>)[] = []
  const scope: Scope = {
    name: 'discovery',
    clock,
    random: () => 0.5,
    log: () => {},
    listeners: noListeners,
    stopping: new AbortController().signal,
    onStop: (release) => void releases.push(release),
  }
  const limits = { instances: 1_000, perClient: 1_000, lease: 30_000, checks: 16, ...config }
  const part = await startDiscovery(
    { limits, services: {}, folder: '.' },
    { storage, everywhere: () => Promise.resolve() },
    scope,
  )
  return {
    discovery: {
      ...part.api,
      problems: () => part.problems?.() ?? [],
      configure(services, { folder }) {
        const prepared = part.prepare?.({ limits, services, folder })
        if (prepared === undefined || prepared instanceof Promise) assert.fail('it is not async')
        void prepared.commit()
      },
    },
    async stop() {
      for (const release of releases.reverse()) await release()
    },
  }
}

/** Checks that fail or pass as one says, once in an interval. */
export const oneCheck = {
  intervalMs: 1_000,
  timeoutMs: 500,
  healthy: 1,
  unhealthy: 1,
  startupMs: 0,
} as const
