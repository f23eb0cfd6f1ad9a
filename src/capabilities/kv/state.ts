import { SortedKeys } from '../../mechanisms/sorted-keys/sorted-keys.ts'
import type { SqlStatement } from '../../platform/storage/messages.ts'
import type { Entry, Session } from './model.ts'

/** What an entry costs beside its key and value. */
const ENTRY_BYTES = 256

/** Keys and sessions as somebody sees them. */
export interface View {
  entry(key: string): Entry | undefined
  /** In order of the keys. */
  list(prefix: string): Iterable<Entry>
  session(id: string): Session | undefined
  /** Keys that a session holds. */
  heldBy(session: string): Iterable<string>
  /** Unix ms until which nobody may acquire the key; 0: now. */
  delayedUntilMs(key: string): number
  /** Of all entries. */
  readonly bytes: number
  readonly sessionCount: number
}

/** What is different: undefined stands for gone. */
export interface Changes {
  readonly entries: ReadonlyMap<string, Entry | undefined>
  readonly sessions: ReadonlyMap<string, Session | undefined>
  /** Unix ms by key; 0: no longer. */
  readonly delays: ReadonlyMap<string, number>
  /** What others store in the same transaction. */
  readonly guests: readonly Guest[]
}

/** Something of somebody else that is stored together with keys, and comes into force with them. */
export interface Guest {
  readonly statements: readonly SqlStatement[]
  apply(): void
}

/** What an entry counts for. */
export function bytesOf(entry: Entry | undefined): number {
  return entry === undefined ? 0 : entry.key.length * 2 + entry.value.length + ENTRY_BYTES
}

/** What is stored, in memory: everything that was acknowledged, and nothing else. */
export class State implements View {
  readonly #entries = new Map<string, Entry>()
  readonly #keys = new SortedKeys()
  readonly #sessions = new Map<string, Session>()
  readonly #held = new Map<string, Set<string>>()
  readonly #delays = new Map<string, number>()
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  get keyCount(): number {
    return this.#entries.size
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  entry(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  *list(prefix: string): Generator<Entry> {
    for (const key of this.#keys.withPrefix(prefix)) yield this.#entries.get(key)!
  }

  session(id: string): Session | undefined {
    return this.#sessions.get(id)
  }

  sessions(): Iterable<Session> {
    return this.#sessions.values()
  }

  heldBy(session: string): Iterable<string> {
    return this.#held.get(session) ?? []
  }

  delayedUntilMs(key: string): number {
    return this.#delays.get(key) ?? 0
  }

  delays(): Iterable<readonly [key: string, untilMs: number]> {
    return this.#delays
  }

  /** Puts what was stored into force. */
  apply({ entries, sessions, delays, guests }: Changes): void {
    for (const [key, entry] of entries) this.#applyEntry(key, entry)
    for (const [id, session] of sessions) {
      if (session === undefined) this.#sessions.delete(id)
      else this.#sessions.set(id, session)
    }
    for (const [key, untilMs] of delays) {
      if (untilMs === 0) this.#delays.delete(key)
      else this.#delays.set(key, untilMs)
    }
    for (const guest of guests) guest.apply()
  }

  #applyEntry(key: string, entry: Entry | undefined): void {
    const before = this.#entries.get(key)
    this.#bytes += bytesOf(entry) - bytesOf(before)
    if (before !== undefined && before.session !== '') this.#release(before)
    if (entry === undefined) {
      this.#entries.delete(key)
      this.#keys.delete(key)
      return
    }
    this.#entries.set(key, entry)
    this.#keys.add(key)
    if (entry.session === '') return
    this.#held.set(entry.session, (this.#held.get(entry.session) ?? new Set()).add(key))
  }

  #release({ session, key }: Entry): void {
    const held = this.#held.get(session)
    held?.delete(key)
    if (held?.size === 0) this.#held.delete(session)
  }
}
