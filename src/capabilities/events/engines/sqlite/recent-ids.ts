import type { DatabaseSync } from 'node:sqlite'
import { IDS_REMEMBERED_MAX } from '../../limits.ts'

/**
 * Where the newest events are, by stream and id: an append that expects nothing exact and comes again is found by it. The same after a restart, because it is
 * read from the file; an append with an exact expectation needs none of it.
 */
export class RecentIds {
  readonly #revisions = new Map<string, number>()
  readonly #sqlite: DatabaseSync

  constructor(sqlite: DatabaseSync) {
    this.#sqlite = sqlite
    this.reload()
  }

  revisionOf(stream: number, id: Uint8Array): number | undefined {
    return this.#revisions.get(keyOf(stream, id))
  }

  add(stream: number, id: Uint8Array, revision: number): void {
    this.#revisions.set(keyOf(stream, id), revision)
    if (this.#revisions.size <= IDS_REMEMBERED_MAX) return
    const oldest = this.#revisions.keys().next().value
    if (oldest !== undefined) this.#revisions.delete(oldest)
  }

  /** Forgets what was not committed. */
  reload(): void {
    this.#revisions.clear()
    const newest = this.#sqlite.prepare(
      `SELECT stream, revision, id FROM (SELECT position, stream, revision, id FROM events ORDER BY position DESC LIMIT ${IDS_REMEMBERED_MAX}) ORDER BY position`,
    )
    for (const row of newest.iterate()) {
      this.add(Number(row['stream']), row['id'] as Uint8Array, Number(row['revision']))
    }
  }
}

function keyOf(stream: number, id: Uint8Array): string {
  const bytes = Buffer.from(id.buffer, id.byteOffset, id.length)
  return `${bytes.toString('latin1')}${stream}`
}
