import type { Clock } from '../../platform/capability.ts'
import { Deadlines, NO_DEADLINE, type Timed } from './deadlines.ts'
import { DiscoveryError } from './errors.ts'
import type { ChangeBatch, Target } from './model.ts'

/** Listeners and waiting queries together; beyond it a new one is refused. */
export const WATCHERS_MAX = 50_000

export type Listener = (batch: ChangeBatch) => void

/** A query that waits for one change. */
interface Waiting extends Timed {
  readonly wake: () => void
}

type Watcher = Listener | Waiting

/** What a batch says of one service. */
export type TouchedService = Pick<ChangeBatch, 'changes' | 'services'>

/** What the watchers need to know of the registry. */
export interface Indexes {
  indexOf(target: Target): number
}

/** Who wants to know of changes, by what they look at: a change of one service costs nothing for watchers of another. */
export class Watchers {
  /** By `service NAME` and `node NAME`. */
  readonly #byName = new Map<string, Set<Watcher>>()
  #nodeWatcherCount = 0
  readonly #catalog = new Set<Watcher>()
  readonly #nodes = new Set<Watcher>()
  readonly #all = new Set<Watcher>()
  readonly #ends: Deadlines<Waiting>
  readonly #clock: Clock
  readonly #indexes: Indexes
  readonly #onError: (error: unknown) => void
  #count = 0

  constructor(clock: Clock, indexes: Indexes, onError: (error: unknown) => void) {
    this.#clock = clock
    this.#indexes = indexes
    this.#onError = onError
    this.#ends = new Deadlines<Waiting>(clock, (waiting) => waiting.wake())
  }

  get count(): number {
    return this.#count
  }

  /** Calls back once a batch with what changed there, until the returned function is called. */
  subscribe(target: Target, listener: Listener): () => void {
    // A function of its own, so that the same listener can be given twice.
    const own: Listener = (batch) => listener(batch)
    this.#add(target, own)
    return () => this.#delete(target, own)
  }

  /**
   * Resolves with the index of the target as soon as it is beyond `afterIndex`, after `waitMs`, or when the signal aborts.
   * An `afterIndex` from the future (of a client that knew another history) resolves at once.
   */
  async waitForChange(
    target: Target,
    afterIndex: number,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<number> {
    const isBeyond = () => this.#indexes.indexOf(target) > afterIndex
    const isFuture = afterIndex > this.#indexes.indexOf('all')
    if (isBeyond() || isFuture || waitMs <= 0 || signal?.aborted === true) {
      return this.#indexes.indexOf(target)
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiting: Waiting = { ...NO_DEADLINE, wake: resolve }
    // From the look at the index to here nothing else has run: no change can fall between.
    this.#add(target, waiting)
    this.#ends.set(waiting, this.#clock.monotonicMs() + waitMs)
    signal?.addEventListener('abort', waiting.wake, { once: true })
    try {
      await promise
    } finally {
      signal?.removeEventListener('abort', waiting.wake)
      this.#ends.clear(waiting)
      this.#delete(target, waiting)
    }
    return this.#indexes.indexOf(target)
  }

  /** Tells everybody of one batch. `touched` has an entry also for a service whose changes cancelled each other out. */
  notify(
    batch: ChangeBatch,
    touched: ReadonlyMap<string, TouchedService>,
    { isCatalog, isNodes }: { readonly isCatalog: boolean; readonly isNodes: boolean },
  ): void {
    for (const [service, { changes, services }] of touched) {
      const watchers = this.#byName.get(`service ${service}`)
      if (watchers !== undefined) {
        this.#call(watchers, { index: batch.index, changes, services, nodes: [] })
      }
    }
    if (this.#nodeWatcherCount > 0) this.#callNodes(batch)
    if (isCatalog) this.#call(this.#catalog, batch)
    if (isNodes) this.#call(this.#nodes, batch)
    this.#call(this.#all, batch)
  }

  /** How many look at the target. */
  countOf(target: Target): number {
    if (typeof target === 'string') return this.#setOf(target).size
    return this.#byName.get(nameOf(target))?.size ?? 0
  }

  /** Wakes everybody who waits; listeners are forgotten. */
  close(): void {
    for (const set of [...this.#byName.values(), this.#catalog, this.#nodes, this.#all]) {
      for (const watcher of set) if (typeof watcher !== 'function') watcher.wake()
    }
    this.#ends.close()
    this.#byName.clear()
    this.#catalog.clear()
    this.#nodes.clear()
    this.#all.clear()
    this.#count = 0
    this.#nodeWatcherCount = 0
  }

  #callNodes(batch: ChangeBatch): void {
    const changes = Map.groupBy(batch.changes, ({ instance }) => instance.node)
    for (const name of new Set([...batch.nodes, ...changes.keys()])) {
      const watchers = this.#byName.get(`node ${name}`)
      if (watchers === undefined) continue
      const own = { changes: changes.get(name) ?? [], services: [], nodes: [name] }
      this.#call(watchers, { index: batch.index, ...own })
    }
  }

  #call(watchers: Iterable<Watcher>, batch: ChangeBatch): void {
    const { changes, services, nodes } = batch
    const isEmpty = changes.length + services.length + nodes.length === 0
    for (const watcher of watchers) {
      if (typeof watcher !== 'function') watcher.wake()
      else if (!isEmpty) {
        try {
          watcher(batch)
        } catch (error) {
          this.#onError(error)
        }
      }
    }
  }

  #add(target: Target, watcher: Watcher): void {
    if (this.#count >= WATCHERS_MAX) {
      throw new DiscoveryError(
        503,
        'ERR_DISCOVERY_WATCHERS_FULL',
        `${this.#count} watchers are there already (watchersMax). End some of them, or ask again later.`,
      )
    }
    this.#setOf(target).add(watcher)
    this.#count++
    this.#nodeWatcherCount += Number(isNode(target))
  }

  #delete(target: Target, watcher: Watcher): void {
    const set = this.#setOf(target)
    if (set.delete(watcher)) {
      this.#count--
      this.#nodeWatcherCount -= Number(isNode(target))
    }
    if (typeof target !== 'string' && set.size === 0) this.#byName.delete(nameOf(target))
  }

  #setOf(target: Target): Set<Watcher> {
    if (target === 'all') return this.#all
    if (target === 'catalog') return this.#catalog
    if (target === 'nodes') return this.#nodes
    const name = nameOf(target)
    let set = this.#byName.get(name)
    if (set === undefined) this.#byName.set(name, (set = new Set()))
    return set
  }
}

function isNode(target: Target): boolean {
  return typeof target !== 'string' && 'node' in target
}

function nameOf(target: Exclude<Target, string>): string {
  return 'node' in target ? `node ${target.node}` : `service ${target.service}`
}
