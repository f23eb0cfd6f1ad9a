import type { DatabaseSync } from 'node:sqlite'
import type { StreamEntry } from '../engine.ts'
import { headOf } from './stream-book.ts'

/** Streams by name, behind one. */
export function listStreams(
  sqlite: DatabaseSync,
  {
    prefix,
    after,
    countMax,
  }: { readonly prefix: string; readonly after: string; readonly countMax: number },
): readonly StreamEntry[] {
  const rows = sqlite
    .prepare(
      `SELECT name, floor, state, (SELECT revision FROM events WHERE stream = streams.id ORDER BY revision DESC LIMIT 1) AS newest
       FROM streams WHERE name > ? AND name >= ? AND name < ? ORDER BY name LIMIT ?`,
    )
    .all(after, prefix, `${prefix}\u{10ffff}`, countMax)
  return rows.map((row) => ({
    name: String(row['name']),
    head: headOf({
      head: Math.max(Number(row['newest'] ?? -1), Number(row['floor'])),
      state: Number(row['state']),
    }),
  }))
}

/** The first position of this time or later: times never fall as positions rise, so the half is looked at again and again. */
export function findPosition(sqlite: DatabaseSync, atUs: number): number {
  const next = sqlite.prepare(
    'SELECT position, at_us FROM events WHERE position >= ? ORDER BY position LIMIT 1',
  )
  const last = sqlite.prepare('SELECT max(position) AS position FROM events').get()
  let low = 0
  let high = Number(last?.['position'] ?? -1) + 1
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const row = next.get(middle)
    if (row === undefined || Number(row['at_us']) >= atUs) high = middle
    else low = Number(row['position']) + 1
  }
  const found = next.get(low)
  return found === undefined ? low : Number(found['position'])
}
