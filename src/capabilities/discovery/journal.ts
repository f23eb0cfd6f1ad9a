import { ChangeFeed } from './change-feed.ts'
import type { Change, Target } from './model.ts'
import type { InstanceRecord, NodeRecord, ServiceRecord } from './records.ts'
import type { RegistryHooks } from './registry-hooks.ts'
import { Watchers } from './watchers.ts'

/** What is indexed. */
export interface Indexed {
  readonly services: ReadonlyMap<string, ServiceRecord>
  readonly nodes: ReadonlyMap<string, NodeRecord>
}

/** The indexes: each change gets the next one, and whoever waits for it is told in batches. */
export class Journal {
  readonly watchers: Watchers
  readonly feed: ChangeFeed
  readonly #hooks: Pick<RegistryHooks, 'clock' | 'firstIndex' | 'scheduleFlush' | 'onWatcherError'>
  readonly #indexed: Indexed
  /** Of the lists of services and nodes, and how far each of them was told. */
  readonly #lists: { catalog: number; nodes: number }
  readonly #told: { catalog: number; nodes: number }
  #index: number
  /** Index at which a service or a node went that is not there any more: what is unknown has at least this index. */
  #goneIndex: number
  #isFlushScheduled = false

  constructor(hooks: RegistryHooks, indexed: Indexed) {
    const { firstIndex } = hooks
    this.#hooks = hooks
    this.#indexed = indexed
    this.#index = firstIndex
    this.#goneIndex = firstIndex
    this.#lists = { catalog: firstIndex, nodes: firstIndex }
    this.#told = { catalog: firstIndex, nodes: firstIndex }
    this.feed = new ChangeFeed(firstIndex)
    this.watchers = new Watchers(hooks.clock, this, (error) => hooks.onWatcherError(error))
  }

  get index(): number {
    return this.#index
  }

  /** Rises with each change of what is looked at, and never falls, also when a service goes and comes back. */
  indexOf(target: Target): number {
    if (target === 'all') return this.#index
    if (target === 'catalog' || target === 'nodes') return this.#lists[target]
    if ('node' in target) return this.#indexed.nodes.get(target.node)?.index ?? this.#goneIndex
    return this.#indexed.services.get(target.service)?.index ?? this.#goneIndex
  }

  /** `isSaid`: what it says of itself has changed, not only how it is. */
  noteInstance(instance: InstanceRecord, action: Change['action'], isSaid: boolean): void {
    const index = ++this.#index
    const service = this.#indexed.services.get(instance.service)
    if (service !== undefined) service.index = index
    instance.nodeRecord.index = index
    if (isSaid) {
      this.#lists.catalog = index
      instance.modifyIndex = index
    }
    if (instance.createIndex === 0) instance.createIndex = index
    this.feed.addInstance(index, this.#hooks.clock.nowMs(), action, instance)
    this.#scheduleFlush()
  }

  noteService(name: string, action: 'added' | 'removed'): void {
    this.#lists.catalog = ++this.#index
    if (action === 'removed') this.#goneIndex = this.#index
    this.feed.addService(name, action)
    this.#scheduleFlush()
  }

  /** `said`: what the node says of itself has changed, or it came or went; else only its checks or its instances. */
  noteNode(node: NodeRecord, said: 'said' | 'added' | 'removed' | 'checks'): void {
    node.index = ++this.#index
    if (said !== 'checks') {
      node.modifyIndex = this.#index
      this.#lists.nodes = this.#index
    }
    if (said === 'removed') this.#goneIndex = this.#index
    this.feed.addNode(node.name)
    this.#scheduleFlush()
  }

  /** Tells the watchers at once what changed since the last time. */
  flush(): void {
    this.#isFlushScheduled = false
    if (!this.feed.hasPending) return
    const { batch, touched } = this.feed.take(this.#index)
    const isCatalog = this.#lists.catalog !== this.#told.catalog
    const isNodes = this.#lists.nodes !== this.#told.nodes
    Object.assign(this.#told, this.#lists)
    this.watchers.notify(batch, touched, { isCatalog, isNodes })
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return
    this.#isFlushScheduled = true
    this.#hooks.scheduleFlush(() => this.flush())
  }
}
