import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { migrations } from './tables.ts'

/** Pages of the log before they are copied into the file: many commits share the cost. */
const CHECKPOINT_PAGES = 4_000
/** KiB of pages that the thread that writes keeps. */
const CACHE_KIB = 64 * 1024

/** Opens or creates the file for its one writer. */
export function openForWriting(file: string): DatabaseSync {
  if (file !== ':memory:') closeSync(openSync(file, 'a', 0o600))
  const sqlite = new DatabaseSync(file, { timeout: 5_000 })
  // Only before the first table: pages that scavenging sets free can be given back.
  sqlite.exec('PRAGMA auto_vacuum = INCREMENTAL')
  sqlite.exec(
    `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA cache_size = -${CACHE_KIB}`,
  )
  const version = Number(sqlite.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
  if (version > migrations.length) {
    throw new Error(
      `it has schema ${version}, this program knows ${migrations.length}; start the newer version of Backplane that wrote it`,
    )
  }
  if (version < migrations.length) {
    sqlite.exec('BEGIN IMMEDIATE')
    for (const sql of migrations.slice(version)) sqlite.exec(sql)
    sqlite.exec(`PRAGMA user_version = ${migrations.length}; COMMIT`)
  }
  return sqlite
}

/** Opens the file for the thread that reads beside it. */
export function openForReading(file: string): DatabaseSync {
  const sqlite = new DatabaseSync(file, { timeout: 5_000, readOnly: true })
  sqlite.exec(`PRAGMA cache_size = -${CACHE_KIB}; PRAGMA query_only = ON`)
  return sqlite
}
