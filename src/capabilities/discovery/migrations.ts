import type { Log } from '../../platform/capability.ts'
import { StorageError } from '../../platform/storage/errors.ts'
import type { Storage } from '../../platform/storage/storage.ts'

/** Tables of discovery. What was released never changes; add to the end. */
export const discoveryMigrations: readonly string[] = [
  `CREATE TABLE discovery_registrations (
     service TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (service, id)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE discovery_overrides (
     service TEXT NOT NULL, id TEXT NOT NULL, status TEXT NOT NULL, PRIMARY KEY (service, id)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE discovery_index (only INTEGER PRIMARY KEY CHECK (only = 0), first INTEGER NOT NULL) STRICT;`,
  `CREATE TABLE discovery_nodes (name TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
   ALTER TABLE discovery_overrides ADD COLUMN reason TEXT NOT NULL DEFAULT '';
   CREATE TABLE discovery_told (
     service TEXT NOT NULL, id TEXT NOT NULL, check_id TEXT NOT NULL, status TEXT NOT NULL, output TEXT NOT NULL,
     PRIMARY KEY (service, id, check_id)
   ) STRICT, WITHOUT ROWID;`,
  `CREATE TABLE discovery_followed (source TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;`,
]

/** More changes than one run can make, so that the indexes of two runs never meet, whatever the clock does. */
const INDEXES_OF_A_RUN = 1_000_000_000

/**
 * An index that is greater than every one handed out before: a watcher that has waited through a restart must not
 * take a new index for an old one. Microseconds of the clock, or far beyond the first index of the last run.
 */
export async function claimFirstIndex(storage: Storage, nowMs: number, log: Log): Promise<number> {
  // A number that no run can have stored would also be one that cannot be read.
  const [row] = await storage.read(
    'SELECT first FROM discovery_index WHERE first BETWEEN 0 AND 4503599627370496',
  )
  const last = row === undefined ? 0 : Number(row['first']) + INDEXES_OF_A_RUN
  const first = Math.max(Math.floor(nowMs * 1000), last, 1)
  try {
    await storage.write([
      {
        sql: 'INSERT OR REPLACE INTO discovery_index (only, first) VALUES (0, ?)',
        params: [first],
      },
    ])
  } catch (error) {
    // A full disk must not stop a start: as long as the clock does not go back, the next run begins above this one.
    if (!(error instanceof StorageError) || error.code !== 'ERR_STORAGE_FULL') throw error
    log('error', 'the first index of this run could not be stored', { error })
  }
  return first
}
