import { relative, resolve } from 'node:path'
import type { Problem, Scope } from '../../../platform/capability.ts'
import { PathWatch } from './path-watch.ts'

/** A service that writes into what it watches would be restarted for ever: after so many restarts within a minute nobody looks any more. */
const RESTARTS_MAX = 12
const RESTARTS_WITHIN_MS = 60_000

/** What of a service is watched. */
export interface Watched {
  readonly service: string
  /** Absolute. */
  readonly folder: string
  /** As the file has them, relative to the folder. */
  readonly paths: readonly string[]
}

interface Entry {
  readonly key: string
  readonly watch: PathWatch
  restartsMs: number[]
  failure: string
}

/** Restarts services whose files have changed (`watch`): for development. */
export class ChangeWatch {
  readonly #entries = new Map<string, Entry>()
  readonly #scope: Scope
  readonly #restart: (service: string) => void

  constructor(scope: Scope, restart: (service: string) => void) {
    this.#scope = scope
    this.#restart = restart
    scope.onStop(() => this.follow([]))
  }

  /** From now on these are watched, and no others. What is watched already goes on. */
  follow(wanted: readonly Watched[]): void {
    const keys = new Map(wanted.map((one) => [one.service, JSON.stringify(one)]))
    for (const [service, entry] of this.#entries) {
      if (keys.get(service) === entry.key) continue
      entry.watch.close()
      this.#entries.delete(service)
    }
    for (const one of wanted) {
      if (!this.#entries.has(one.service)) this.#begin(one, keys.get(one.service)!)
    }
  }

  problems(): readonly Problem[] {
    return [...this.#entries].flatMap(([service, { failure }]) => {
      if (failure === '') return []
      const text = `changes of ${service} are not all seen: ${failure}`
      return [
        { severity: 'warning', code: 'ERR_PROCESSES_WATCH', service, instance: '', text },
      ] as const
    })
  }

  #begin(watched: Watched, key: string): void {
    const { service, folder, paths } = watched
    let failure = ''
    const watch = new PathWatch(
      paths.map((path) => resolve(folder, path)),
      this.#scope.clock,
      {
        changed: (path) => this.#changed(watched, path),
        failed: (reason) => {
          failure = reason
          const entry = this.#entries.get(service)
          if (entry !== undefined) entry.failure = reason
        },
      },
    )
    this.#entries.set(service, { key, watch, restartsMs: [], failure })
  }

  #changed({ service, folder }: Watched, path: string): void {
    const entry = this.#entries.get(service)
    if (entry === undefined) return
    const nowMs = this.#scope.clock.monotonicMs()
    const file = relative(folder, path)
    entry.restartsMs = entry.restartsMs.filter((ms) => nowMs - ms < RESTARTS_WITHIN_MS)
    if (entry.restartsMs.length >= RESTARTS_MAX) {
      entry.watch.close()
      entry.failure = `it was restarted ${RESTARTS_MAX} times within a minute, last because of ${file}. If the service writes there itself, name less under watch; watching begins again when the file is loaded anew with another watch, or Backplane is started`
      this.#scope.log('warn', 'not watched any more: restarted too often', { service, file })
      return
    }
    entry.restartsMs.push(nowMs)
    this.#scope.log('info', 'restarted, because a file has changed', { service, file })
    this.#restart(service)
  }
}
