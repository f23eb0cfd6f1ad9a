import type { Clock } from '../../platform/capability.ts'
import type { ChangeBatch, Instance } from '../discovery/model.ts'
import type { Directory } from './directory.ts'
import type { EurekaApp, EurekaView } from './model.ts'

/** How long a change is told: clients ask every 30 s, and some miss one. */
const RETENTION_MS = 180_000
/** Changes that are kept; where there are more, the oldest go, and clients see by the hash that they must read everything. */
export const CHANGES_MAX = 50_000

interface Recent {
  readonly atMs: number
  readonly action: EurekaView['actionType']
  readonly instance: Instance
  /** As it was last, of one that is gone. */
  readonly gone: EurekaView | undefined
}

/** What changed in the last three minutes, one entry an instance. */
export class RecentChanges {
  readonly #directory: Directory
  readonly #clock: Clock
  /** The longest ago first. */
  readonly #changes = new Map<string, Recent>()
  /** Rises with each change, and beyond what it was before a restart. */
  version: number

  constructor(directory: Directory, clock: Clock) {
    this.#directory = directory
    this.#clock = clock
    this.version = Math.floor(clock.nowMs())
  }

  add({ changes }: Pick<ChangeBatch, 'changes'>): void {
    for (const { action, instance } of changes) {
      switch (action) {
        case 'added':
          this.note(instance, 'ADDED')
          break
        case 'modified':
          this.note(instance, 'MODIFIED')
          break
        case 'removed':
          this.note(instance, 'DELETED')
          break
        default:
          action satisfies never
      }
    }
  }

  note(instance: Instance, action: EurekaView['actionType']): void {
    const key = `${instance.service} ${instance.id}`
    this.#changes.delete(key)
    const gone = action === 'DELETED' ? this.#directory.view(instance, 'DELETED') : undefined
    // The last thing that happened counts: who hears of a change of one that it does not know adds it.
    this.#changes.set(key, { atMs: this.#clock.monotonicMs(), action, instance, gone })
    this.version++
    if (this.#changes.size <= CHANGES_MAX) return
    const [oldest] = this.#changes.keys()
    if (oldest !== undefined) this.#changes.delete(oldest)
  }

  apps(): readonly EurekaApp[] {
    this.#forgetOld()
    const views = [...this.#changes.values()].map(
      ({ action, instance, gone }) => gone ?? this.#directory.view(instance, action),
    )
    const byApp = Map.groupBy(views, ({ app }) => app)
    return [...byApp].map(([name, instances]) => ({ name, instances }))
  }

  #forgetOld(): void {
    const oldestMs = this.#clock.monotonicMs() - RETENTION_MS
    for (const [key, { atMs }] of this.#changes) {
      if (atMs >= oldestMs) return
      this.#changes.delete(key)
      this.version++
    }
  }
}
