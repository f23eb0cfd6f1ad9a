import type { Change, ChangeBatch } from './model.ts'
import type { InstanceRecord } from './records.ts'
import type { TouchedService } from './watchers.ts'

/** Changes that are kept for readers of the feed (Eureka's delta); who is further behind reads everything. */
export const CHANGES_KEPT_MAX = 10_000

/** A batch with its parts by service. */
export interface CollectedBatch {
  readonly batch: ChangeBatch
  readonly touched: ReadonlyMap<string, TouchedService>
}

interface PendingService {
  readonly changes: Map<string, Change>
  service: 'added' | 'removed' | undefined
}

/** Collects what changes until the next flush, one entry an instance, and remembers the newest ones. */
export class ChangeFeed {
  #pending = new Map<string, PendingService>()
  #pendingNodes = new Set<string>()
  readonly #kept: Change[] = []
  #keptFrom = 0
  /** Changes up to this index may be missing in `#kept`. */
  #forgottenIndex: number

  constructor(firstIndex: number) {
    this.#forgottenIndex = firstIndex
  }

  get hasPending(): boolean {
    return this.#pending.size > 0 || this.#pendingNodes.size > 0
  }

  /** Notes a change of an instance. What it was before in this batch decides what the batch says of it. */
  addInstance(
    index: number,
    atMs: number,
    action: Change['action'],
    instance: InstanceRecord,
  ): void {
    const { changes } = this.#of(instance.service)
    const before = changes.get(instance.id)?.action
    // Deleted first, so that the batch is in order of the index.
    changes.delete(instance.id)
    const merged = mergeActions(before, action)
    if (merged !== undefined) changes.set(instance.id, { index, atMs, action: merged, instance })
  }

  /** Notes that a service appeared or vanished. */
  addService(name: string, action: 'added' | 'removed'): void {
    const pending = this.#of(name)
    pending.service = pending.service === undefined ? action : undefined
  }

  /** Notes that a node came, went or changed. */
  addNode(name: string): void {
    this.#pendingNodes.add(name)
  }

  /** Hands out what was collected and begins anew. */
  take(index: number): CollectedBatch {
    const touched = new Map<string, TouchedService>()
    const changes: Change[] = []
    const services: ChangeBatch['services'][number][] = []
    for (const [name, pending] of this.#pending) {
      const own = [...pending.changes.values()]
      const ownServices = pending.service === undefined ? [] : [{ name, action: pending.service }]
      touched.set(name, { changes: own, services: ownServices })
      for (const change of own) changes.push(change)
      services.push(...ownServices)
    }
    const nodes = [...this.#pendingNodes]
    this.#pending = new Map()
    this.#pendingNodes = new Set()
    changes.sort((a, b) => a.index - b.index)
    this.#keep(changes)
    return { batch: { index, changes, services, nodes }, touched }
  }

  /** Changes after an index, oldest first; undefined when some of them are forgotten already. */
  changesSince(index: number): readonly Change[] | undefined {
    if (index < this.#forgottenIndex) return undefined
    const found: Change[] = []
    for (let back = 1; back <= this.#kept.length; back++) {
      const at = (this.#keptFrom + this.#kept.length - back) % this.#kept.length
      const change = this.#kept[at]
      if (change === undefined || change.index <= index) break
      found.push(change)
    }
    return found.reverse()
  }

  #keep(changes: readonly Change[]): void {
    for (const change of changes) {
      if (this.#kept.length < CHANGES_KEPT_MAX) {
        this.#kept.push(change)
        continue
      }
      this.#forgottenIndex = this.#kept[this.#keptFrom]?.index ?? this.#forgottenIndex
      this.#kept[this.#keptFrom] = change
      this.#keptFrom = (this.#keptFrom + 1) % CHANGES_KEPT_MAX
    }
  }

  #of(service: string): PendingService {
    let pending = this.#pending.get(service)
    if (pending === undefined) {
      pending = { changes: new Map(), service: undefined }
      this.#pending.set(service, pending)
    }
    return pending
  }
}

/** Undefined: it came and went within the batch. */
function mergeActions(
  before: Change['action'] | undefined,
  now: Change['action'],
): Change['action'] | undefined {
  if (before === undefined) return now
  if (before === 'added') return now === 'removed' ? undefined : 'added'
  return now === 'added' ? 'modified' : now
}
