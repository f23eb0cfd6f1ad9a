import type { DatabaseSync } from 'node:sqlite'
import type { StreamHead } from '../../model.ts'
import { STATE } from './tables.ts'

/** Streams that are kept in memory. */
const KEPT_MAX = 100_000

/** A stream as the writer knows it. */
export interface Stream {
  /** 0: it was never written. */
  id: number
  readonly name: string
  /** Last revision that was ever given; -1: none. */
  head: number
  truncateBefore: number
  state: number
}

/** What the writer knows of streams. What a group that failed had changed must be forgotten by `clear`. */
export class StreamBook {
  readonly #kept = new Map<string, Stream>()
  readonly #find
  readonly #head
  readonly #insert
  #lastId: number

  constructor(sqlite: DatabaseSync) {
    this.#find = sqlite.prepare(
      'SELECT id, floor, truncate_before, state FROM streams WHERE name = ?',
    )
    this.#head = sqlite.prepare(
      'SELECT revision FROM events WHERE stream = ? ORDER BY revision DESC LIMIT 1',
    )
    this.#insert = sqlite.prepare('INSERT INTO streams (id, name) VALUES (?, ?)')
    const last = sqlite.prepare('SELECT max(id) AS id FROM streams').get()
    this.#lastId = Number(last?.['id'] ?? 0)
  }

  get(name: string): Stream {
    const kept = this.#kept.get(name)
    if (kept !== undefined) return kept
    const stream = this.#read(name)
    if (this.#kept.size >= KEPT_MAX) this.#kept.clear()
    this.#kept.set(name, stream)
    return stream
  }

  /** Gives the stream a row, if it has none. */
  ensureRow(stream: Stream): void {
    if (stream.id !== 0) return
    this.#lastId++
    this.#insert.run(this.#lastId, stream.name)
    stream.id = this.#lastId
  }

  clear(): void {
    this.#kept.clear()
    this.#lastId = -1
  }

  /** Knows the last number again after `clear`. */
  refresh(sqlite: DatabaseSync): void {
    const last = sqlite.prepare('SELECT max(id) AS id FROM streams').get()
    this.#lastId = Number(last?.['id'] ?? 0)
  }

  #read(name: string): Stream {
    const row = this.#find.get(name)
    if (row === undefined) return { id: 0, name, head: -1, truncateBefore: 0, state: STATE.there }
    const id = Number(row['id'])
    const last = Number(this.#head.get(id)?.['revision'] ?? -1)
    return {
      id,
      name,
      head: Math.max(last, Number(row['floor'])),
      truncateBefore: Number(row['truncate_before']),
      state: Number(row['state']),
    }
  }
}

/** The end of a stream as clients see it. */
export function headOf({ head, state }: Pick<Stream, 'head' | 'state'>): StreamHead {
  if (state === STATE.tombstoned) return 'tombstoned'
  if (state === STATE.deleted) return 'deleted'
  return head < 0 ? 'none' : head
}
