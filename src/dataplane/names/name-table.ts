import { isIP } from 'node:net'
import type { SnapshotOp } from '../../contracts/snapshot.ts'
import type { Clock, Log } from '../../platform/capability.ts'

/** How often a name is looked up again; what changed goes to all workers. */
const REFRESH_MS = 10_000
/** An update waits this long for the names that are new in it; those that come later follow by themselves. */
const WAIT_MS = 1_000
/** Lookups at a time: each blocks a thread of the pool that writes the access log too, and a dead name server blocks it for seconds. */
const LOOKUPS_MAX = 2

/** Finds the IP address of a name; rejects where there is none. */
export type Lookup = (host: string) => Promise<string>

export interface NameTableOptions {
  readonly clock: Clock
  readonly log: Log
  readonly lookup: Lookup
  /** Addresses that are new or have changed. */
  readonly changed: (addresses: ReadonlyMap<string, string>) => void
}

/**
 * The IP addresses of instances that are given by a host name. Looked up by the main thread of the data plane, never in a worker and never for a request; a name that
 * cannot be found any more keeps its last address.
 */
export class NameTable {
  readonly #options: NameTableOptions
  readonly #addresses = new Map<string, string>()
  /** How many instances have a name. */
  readonly #wanted = new Map<string, number>()
  /** The names of instances that have one, by service and id. */
  readonly #hosts = new Map<string, string>()
  readonly #queue: { readonly host: string; readonly done: () => void }[] = []
  readonly #failed = new Set<string>()
  readonly #stop: () => void
  #running = 0

  constructor(options: NameTableOptions) {
    this.#options = options
    this.#stop = options.clock.every(REFRESH_MS, () => {
      for (const host of this.#wanted.keys()) void this.#find(host)
    })
  }

  /** All that is known. */
  get addresses(): ReadonlyMap<string, string> {
    return this.#addresses
  }

  /** Follows the instances. Resolves when each name that is new was looked up, at the latest after a second. */
  async apply(ops: readonly SnapshotOp[]): Promise<void> {
    const fresh: string[] = []
    for (const op of ops) {
      if (op.op === 'instance-gone') this.#drop(`${op.service}\n${op.id}`)
      if (op.op !== 'instance') continue
      const { service, id, host } = op.instance
      const key = `${service}\n${id}`
      if (this.#hosts.get(key) === host) continue
      this.#drop(key)
      if (isIP(host) !== 0) continue
      this.#hosts.set(key, host)
      const count = this.#wanted.get(host) ?? 0
      this.#wanted.set(host, count + 1)
      if (count === 0) fresh.push(host)
    }
    if (fresh.length === 0) return
    const late = Promise.withResolvers<void>()
    const cancel = this.#options.clock.after(WAIT_MS, late.resolve)
    await Promise.race([Promise.all(fresh.map((host) => this.#find(host))), late.promise])
    cancel()
  }

  stop(): void {
    this.#stop()
  }

  #drop(key: string): void {
    const host = this.#hosts.get(key)
    if (host === undefined) return
    this.#hosts.delete(key)
    const count = this.#wanted.get(host) ?? 0
    if (count > 1) return void this.#wanted.set(host, count - 1)
    this.#wanted.delete(host)
    this.#addresses.delete(host)
    this.#failed.delete(host)
  }

  /** In turn; resolves when it was looked up, found or not. */
  #find(host: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#queue.push({ host, done: resolve })
    this.#next()
    return promise
  }

  #next(): void {
    if (this.#running >= LOOKUPS_MAX) return
    const next = this.#queue.shift()
    if (next === undefined) return
    this.#running++
    void this.#look(next.host).finally(() => {
      this.#running--
      next.done()
      this.#next()
    })
  }

  async #look(host: string): Promise<void> {
    const { log, lookup, changed } = this.#options
    try {
      const address = await lookup(host)
      this.#failed.delete(host)
      if (!this.#wanted.has(host) || this.#addresses.get(host) === address) return
      this.#addresses.set(host, address)
      changed(new Map([[host, address]]))
    } catch (error) {
      if (this.#failed.has(host)) return
      this.#failed.add(host)
      const last = this.#addresses.get(host) ?? 'none'
      log('warn', 'the name of an instance cannot be found', { host, lastAddress: last, error })
    }
  }
}
