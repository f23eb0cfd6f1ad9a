import type { DatabaseSync } from 'node:sqlite'
import { commitAll } from './commit.ts'
import type { ReadBounds, SqlRow, SqlStatement, ThreadWrite, WriteAnswer } from './messages.ts'
import { createStatementCache, DatabaseError, readRows } from './statements.ts'

/** One open state file, used by the storage thread only: everything here blocks. */
export interface Database {
  /** All writes in one transaction, fsynced when it returns. A write that fails is undone alone. */
  commit(writes: readonly ThreadWrite[]): readonly WriteAnswer[]
  /** Throws `DatabaseError` beyond the bounds, unless they are those of a page. */
  read(
    statement: SqlStatement,
    bounds: ReadBounds,
  ): { readonly rows: readonly SqlRow[]; readonly isComplete: boolean }
  /** Runs those migrations of `owner` that have not run yet, all or none. */
  migrate(owner: string, migrations: readonly string[]): void
  close(): void
}

/** Wraps an open connection. */
export function createDatabase(sqlite: DatabaseSync): Database {
  const prepare = createStatementCache(sqlite)
  sqlite.exec(
    'CREATE TABLE IF NOT EXISTS storage_migrations (owner TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT',
  )
  return {
    commit: (writes) => commitAll(sqlite, prepare, writes),
    read: ({ sql, params = [] }, bounds) => readRows(prepare(sql), sql, params, bounds),
    migrate: (owner, migrations) => migrate(sqlite, owner, migrations),
    close: () => {
      sqlite.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      sqlite.close()
    },
  }
}

function migrate(sqlite: DatabaseSync, owner: string, migrations: readonly string[]): void {
  const row = sqlite.prepare('SELECT version FROM storage_migrations WHERE owner = ?').get(owner)
  const version = Number(row?.['version'] ?? 0)
  if (version > migrations.length) {
    throw new DatabaseError({
      code: 'ERR_STORAGE_SCHEMA_NEWER',
      message: `The state of '${owner}' has schema ${version}, this program knows ${migrations.length}. Start the newer version of Backplane that wrote it.`,
    })
  }
  if (version === migrations.length) return
  sqlite.exec('BEGIN IMMEDIATE')
  try {
    for (const sql of migrations.slice(version)) sqlite.exec(sql)
    sqlite
      .prepare('INSERT OR REPLACE INTO storage_migrations (owner, version) VALUES (?, ?)')
      .run(owner, migrations.length)
    sqlite.exec('COMMIT')
  } catch (error) {
    if (sqlite.isTransaction) sqlite.exec('ROLLBACK')
    throw error
  }
}
