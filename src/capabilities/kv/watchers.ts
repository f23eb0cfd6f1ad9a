import type { State } from './state.ts'
import type { Tombstones } from './tombstones.ts'

/** Something that can be waited for. Its index rises with each change there, is at least 1 and never falls, also over a restart. */
export interface Watchable {
  index(): number
  /** The number of the last change of all. */
  newest(): number
  /** Calls back after each commit that changed something there. Returns the end of it. */
  subscribe(changed: () => void): () => void
}

interface PrefixGroup {
  readonly listeners: Set<() => void>
  index: number
}

/** Who waits for which key: a change wakes those of its key and of the prefixes that it begins with, and nobody else. */
export class KvWatchers {
  readonly #state: State
  readonly #tombstones: Tombstones
  readonly #newest: () => number
  readonly #byKey = new Map<string, Set<() => void>>()
  readonly #byPrefix = new Map<string, PrefixGroup>()
  /** How many watched prefixes have this length. */
  readonly #lengths = new Map<number, number>()
  readonly #sessions = new Set<() => void>()
  #sessionsIndex: number
  #count = 0

  constructor(state: State, tombstones: Tombstones, newest: () => number) {
    this.#state = state
    this.#tombstones = tombstones
    this.#newest = newest
    this.#sessionsIndex = newest()
  }

  get count(): number {
    return this.#count
  }

  key(key: string): Watchable {
    return {
      index: () => this.#state.entry(key)?.modifyIndex ?? this.#tombstones.indexOf(key),
      newest: this.#newest,
      subscribe: (changed) => {
        const listeners = this.#byKey.get(key) ?? new Set()
        this.#byKey.set(key, listeners)
        return this.#add(listeners, changed, () => this.#byKey.delete(key))
      },
    }
  }

  prefix(prefix: string): Watchable {
    return {
      index: () => this.#byPrefix.get(prefix)?.index ?? this.#indexBelow(prefix),
      newest: this.#newest,
      subscribe: (changed) => {
        const group = this.#byPrefix.get(prefix) ?? this.#openGroup(prefix)
        return this.#add(group.listeners, changed, () => this.#closeGroup(prefix))
      },
    }
  }

  /** All sessions: they change seldom. */
  sessions(): Watchable {
    return {
      index: () => Math.max(this.#sessionsIndex, 1),
      newest: this.#newest,
      subscribe: (changed) => this.#add(this.#sessions, changed, () => {}),
    }
  }

  /** After a commit: what changed, and the number of its last change. */
  tell(keys: Iterable<string>, areSessionsTouched: boolean, index: number): void {
    const awake = new Set<() => void>()
    for (const key of keys) {
      for (const listener of this.#byKey.get(key) ?? []) awake.add(listener)
      for (const length of this.#lengths.keys()) {
        if (length > key.length) continue
        const group = this.#byPrefix.get(key.slice(0, length))
        if (group === undefined) continue
        group.index = Math.max(group.index, this.#indexOf(key))
        for (const listener of group.listeners) awake.add(listener)
      }
    }
    if (areSessionsTouched) {
      this.#sessionsIndex = index
      for (const listener of this.#sessions) awake.add(listener)
    }
    for (const listener of awake) listener()
  }

  #indexOf(key: string): number {
    return this.#state.entry(key)?.modifyIndex ?? this.#tombstones.indexOf(key)
  }

  #indexBelow(prefix: string): number {
    let index = this.#tombstones.indexBelow(prefix)
    for (const { modifyIndex } of this.#state.list(prefix)) index = Math.max(index, modifyIndex)
    return index
  }

  #openGroup(prefix: string): PrefixGroup {
    const group = { listeners: new Set<() => void>(), index: this.#indexBelow(prefix) }
    this.#byPrefix.set(prefix, group)
    this.#lengths.set(prefix.length, (this.#lengths.get(prefix.length) ?? 0) + 1)
    return group
  }

  #closeGroup(prefix: string): void {
    this.#byPrefix.delete(prefix)
    const left = (this.#lengths.get(prefix.length) ?? 1) - 1
    if (left === 0) this.#lengths.delete(prefix.length)
    else this.#lengths.set(prefix.length, left)
  }

  #add(listeners: Set<() => void>, changed: () => void, whenEmpty: () => void): () => void {
    // A function of its own, so that the same listener can be given twice.
    const own = (): void => changed()
    listeners.add(own)
    this.#count++
    return () => {
      if (!listeners.delete(own)) return
      this.#count--
      if (listeners.size === 0) whenEmpty()
    }
  }
}
