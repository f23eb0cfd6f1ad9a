import type { Entry, Session } from './model.ts'
import { bytesOf, type Changes, type Guest, type View } from './state.ts'

/** Changes on top of what is there, which nobody else sees until they are merged or stored. */
export class Draft implements View, Changes {
  readonly #base: View
  readonly entries = new Map<string, Entry | undefined>()
  readonly sessions = new Map<string, Session | undefined>()
  readonly delays = new Map<string, number>()
  readonly guests: Guest[] = []
  bytes: number
  sessionCount: number

  constructor(base: View) {
    this.#base = base
    this.bytes = base.bytes
    this.sessionCount = base.sessionCount
  }

  get isEmpty(): boolean {
    const { entries, sessions, delays, guests } = this
    return entries.size + sessions.size + delays.size + guests.length === 0
  }

  entry(key: string): Entry | undefined {
    return this.entries.has(key) ? this.entries.get(key) : this.#base.entry(key)
  }

  *list(prefix: string): Generator<Entry> {
    const changed = [...this.entries].filter(([key]) => key.startsWith(prefix))
    if (changed.length === 0) return yield* this.#base.list(prefix)
    const found = new Map<string, Entry | undefined>()
    for (const entry of this.#base.list(prefix)) found.set(entry.key, entry)
    for (const [key, entry] of changed) found.set(key, entry)
    const entries = [...found.values()].filter((entry) => entry !== undefined)
    yield* entries.toSorted((a, b) => (a.key < b.key ? -1 : 1))
  }

  session(id: string): Session | undefined {
    return this.sessions.has(id) ? this.sessions.get(id) : this.#base.session(id)
  }

  *heldBy(session: string): Generator<string> {
    for (const key of this.#base.heldBy(session)) {
      if (!this.entries.has(key)) yield key
    }
    for (const [key, entry] of this.entries) {
      if (entry?.session === session) yield key
    }
  }

  delayedUntilMs(key: string): number {
    return this.delays.get(key) ?? this.#base.delayedUntilMs(key)
  }

  putEntry(entry: Entry): void {
    this.bytes += bytesOf(entry) - bytesOf(this.entry(entry.key))
    this.entries.set(entry.key, entry)
  }

  deleteEntry(key: string): void {
    this.bytes -= bytesOf(this.entry(key))
    this.entries.set(key, undefined)
  }

  putSession(session: Session): void {
    if (this.session(session.id) === undefined) this.sessionCount++
    this.sessions.set(session.id, session)
  }

  deleteSession(id: string): void {
    if (this.session(id) !== undefined) this.sessionCount--
    this.sessions.set(id, undefined)
  }

  /** 0 ends the delay. */
  delay(key: string, untilMs: number): void {
    this.delays.set(key, untilMs)
  }

  /** Takes over what a draft on top of this one has changed. */
  merge(other: Draft): void {
    for (const [key, entry] of other.entries) this.entries.set(key, entry)
    for (const [id, session] of other.sessions) this.sessions.set(id, session)
    for (const [key, untilMs] of other.delays) this.delays.set(key, untilMs)
    this.guests.push(...other.guests)
    this.bytes = other.bytes
    this.sessionCount = other.sessionCount
  }
}
