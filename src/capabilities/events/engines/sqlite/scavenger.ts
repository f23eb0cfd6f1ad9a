import type { DatabaseSync } from 'node:sqlite'
import type { ScavengeResult, ScavengeStep } from '../engine.ts'
import { STATE } from './tables.ts'

/** Pages that one step gives back to the file system. */
const PAGES_BACK = 256

/** Removes what bounds of streams have set free, some events at a time; their index entries go with them. */
export class Scavenger {
  readonly #sqlite: DatabaseSync
  readonly #bounded
  readonly #expired
  readonly #delete

  constructor(sqlite: DatabaseSync) {
    this.#sqlite = sqlite
    this.#bounded = sqlite.prepare(
      `SELECT id, truncate_before, count_max, age_us_max, state, (SELECT max(revision) FROM events WHERE stream = streams.id) AS head
       FROM streams WHERE id > ? AND (truncate_before > 0 OR count_max > 0 OR age_us_max > 0 OR state > 0) ORDER BY id LIMIT 1`,
    )
    // Times of a stream rise with its revisions.
    this.#expired = sqlite.prepare(
      'SELECT revision FROM events WHERE stream = ? AND at_us >= ? ORDER BY revision LIMIT 1',
    )
    this.#delete = sqlite.prepare(
      'DELETE FROM events WHERE position IN (SELECT position FROM events WHERE stream = ? AND revision < ? ORDER BY revision LIMIT ?)',
    )
  }

  /** One stream, or a part of one. `end`: behind the last position that was given. */
  step({ cursor, eventsMax, nowUs }: ScavengeStep, end: number, lastUs: number): ScavengeResult {
    const row = this.#bounded.get(Number(cursor === '' ? 0 : cursor))
    if (row === undefined) {
      this.#sqlite.exec(`PRAGMA incremental_vacuum(${PAGES_BACK})`)
      return { removed: 0, cursor: '' }
    }
    const id = Number(row['id'])
    const head = Number(row['head'] ?? -1)
    const before = this.#firstKept(row, id, head, nowUs)
    let removed = 0
    if (before > 0) {
      this.#sqlite.exec('BEGIN IMMEDIATE')
      try {
        this.#sqlite
          .prepare('UPDATE streams SET floor = max(floor, ?) WHERE id = ?')
          .run(Math.min(before - 1, head), id)
        this.#sqlite
          .prepare('UPDATE last_position SET position = ?, at_us = ?')
          .run(end - 1, lastUs)
        removed = Number(this.#delete.run(id, before, eventsMax).changes)
        this.#sqlite.exec('COMMIT')
      } catch (error) {
        if (this.#sqlite.isTransaction) this.#sqlite.exec('ROLLBACK')
        throw error
      }
      if (removed > 0) this.#sqlite.exec(`PRAGMA incremental_vacuum(${PAGES_BACK})`)
    }
    // The same stream again while it has more to give.
    return { removed, cursor: String(removed === eventsMax ? id - 1 : id) }
  }

  #firstKept(
    row: Readonly<Record<string, unknown>>,
    id: number,
    head: number,
    nowUs: number,
  ): number {
    // The event that says that a stream is over for ever is kept.
    if (Number(row['state']) === STATE.tombstoned) return Math.max(head, 0)
    const tb = Number(row['truncate_before'])
    const countMax = Number(row['count_max'])
    const ageUs = Number(row['age_us_max'])
    let first = Math.min(tb, head + 1)
    if (countMax > 0) first = Math.max(first, head + 1 - countMax)
    if (ageUs > 0) {
      const young = this.#expired.get(id, nowUs - ageUs)
      first = Math.max(first, young === undefined ? head + 1 : Number(young['revision']))
    }
    return first
  }
}
