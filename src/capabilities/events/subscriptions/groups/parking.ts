import type { Log } from '../../../../platform/capability.ts'
import type { StoredEvent } from '../../model.ts'
import { DonePrefix } from './done-prefix.ts'
import type { ParkedEvents } from './parked-events.ts'

/** What is delivered again. */
export interface Replayed {
  readonly event: StoredEvent
  /** Among the parked. */
  readonly revision: number
}

/** What became of the events that a group has parked: how many, whom they hold back, which are delivered again. */
export class Parking {
  readonly #events: ParkedEvents
  readonly #log: Log
  /** How many parked events there are of a key. */
  readonly #held = new Map<string, number>()
  /** On their way again. */
  readonly #active = new Set<number>()
  /** Keys of which one was parked again while others of it were on their way: the rest stays, in its order. */
  readonly #stuck = new Set<string>()
  #done = new DonePrefix(0)
  #end = 0
  #count = 0

  constructor(events: ParkedEvents, log: Log) {
    this.#events = events
    this.#log = log
  }

  /** Parked, and not on their way again. */
  get count(): number {
    return this.#count
  }

  async load(): Promise<void> {
    const { first, end } = await this.#events.range()
    this.#done = new DonePrefix(first)
    this.#end = end
    this.#count = end - first
    if (end > first) for await (const { key } of this.#events.read(first, false)) this.#hold(key)
  }

  /** Whether an event of this key has to wait behind a parked one. */
  holdsBack(key: string): boolean {
    return this.#held.has(key)
  }

  /** Resolves when it is stored. From the call on its key is held back. */
  async park(of: StoredEvent, key: string, reason: string): Promise<void> {
    this.#hold(key)
    try {
      const revision = await this.#events.add(of, key, reason)
      this.#end = Math.max(this.#end, revision + 1)
      this.#count++
    } catch (error) {
      this.#release(key)
      throw error
    }
  }

  /** Those that are parked now, in their order, at most `countMax`. */
  async *replay(countMax: number, signal: AbortSignal): AsyncGenerator<Replayed, void, undefined> {
    this.#stuck.clear()
    const end = this.#end
    let count = 0
    for await (const { revision, event, key } of this.#events.read(this.#done.next, true)) {
      if (revision >= end || count === countMax || signal.aborted) return
      if (this.#done.isDone(revision) || this.#active.has(revision) || this.#stuck.has(key))
        continue
      count++
      this.#done.begin(revision)
      this.#active.add(revision)
      this.#count--
      if (event === undefined) this.done(revision, key)
      else yield { event, revision }
    }
  }

  /** It was handled. */
  done(revision: number, key: string): void {
    this.#active.delete(revision)
    this.#release(key)
    const before = this.#done.next
    this.#done.done(revision)
    const { next } = this.#done
    if (next === before) return
    this.#events
      .forget(next)
      .catch((error: unknown) => this.#log('error', 'replayed events stay parked', { error }))
  }

  /** It stays where it is, and so does what stands behind it of its key. */
  keep(revision: number, key: string): void {
    if (this.#active.delete(revision)) this.#count++
    this.#stuck.add(key)
  }

  isStuck(key: string): boolean {
    return this.#stuck.has(key)
  }

  #hold(key: string): void {
    this.#held.set(key, (this.#held.get(key) ?? 0) + 1)
  }

  #release(key: string): void {
    const left = (this.#held.get(key) ?? 0) - 1
    if (left > 0) this.#held.set(key, left)
    else this.#held.delete(key)
  }
}
