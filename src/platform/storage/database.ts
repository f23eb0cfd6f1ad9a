import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { SqlRow, SqlStatement, ThreadFailure } from './messages.ts'

/** Prepared statements that are kept; the one that was used longest ago goes first. */
const STATEMENTS_KEPT_MAX = 200

/** One open state file, used by the storage thread only: everything here blocks. */
export interface Database {
  /** All writes in one transaction, fsynced when it returns. A write that fails is undone alone. */
  commit(writes: readonly (readonly SqlStatement[])[]): (ThreadFailure | null)[]
  /** Throws `DatabaseError` beyond `rowsMax` rows. */
  read(statement: SqlStatement, rowsMax: number): SqlRow[]
  /** Runs those migrations of `owner` that have not run yet, all or none. */
  migrate(owner: string, migrations: readonly string[]): void
  close(): void
}

/** Carries what the main thread needs to make the error again. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError'
  readonly failure: ThreadFailure

  constructor(failure: ThreadFailure) {
    super(failure.message)
    this.failure = failure
  }
}

/** Wraps an open connection. */
export function createDatabase(sqlite: DatabaseSync): Database {
  const prepare = createStatementCache(sqlite)
  sqlite.exec(
    'CREATE TABLE IF NOT EXISTS storage_migrations (owner TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT',
  )
  return {
    commit: (writes) => commitAll(sqlite, prepare, writes),
    read: ({ sql, params = [] }, rowsMax) => {
      const rows: SqlRow[] = []
      for (const row of prepare(sql).iterate(...params)) {
        if (rows.length === rowsMax) {
          throw new DatabaseError({
            code: 'ERR_STORAGE_ROWS_TOO_MANY',
            message: `A read gives more than ${rowsMax} rows. Read it in pages with LIMIT: ${sql}`,
          })
        }
        rows.push(row)
      }
      return rows
    },
    migrate: (owner, migrations) => migrate(sqlite, owner, migrations),
    close: () => {
      sqlite.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      sqlite.close()
    },
  }
}

function createStatementCache(sqlite: DatabaseSync): (sql: string) => StatementSync {
  const kept = new Map<string, StatementSync>()
  return (sql) => {
    const found = kept.get(sql)
    if (found !== undefined) {
      kept.delete(sql)
      kept.set(sql, found)
      return found
    }
    const statement = sqlite.prepare(sql)
    kept.set(sql, statement)
    const oldest = kept.keys().next().value
    if (kept.size > STATEMENTS_KEPT_MAX && oldest !== undefined) kept.delete(oldest)
    return statement
  }
}

function commitAll(
  sqlite: DatabaseSync,
  prepare: (sql: string) => StatementSync,
  writes: readonly (readonly SqlStatement[])[],
): (ThreadFailure | null)[] {
  try {
    sqlite.exec('BEGIN IMMEDIATE')
    const failures = writes.map((write) => runWrite(sqlite, prepare, write))
    sqlite.exec('COMMIT')
    return failures
  } catch (error) {
    if (sqlite.isTransaction) sqlite.exec('ROLLBACK')
    const failure = {
      code: 'ERR_STORAGE_COMMIT',
      message: `Nothing of this transaction was stored (${textOf(error)}). Check the space and the health of the disk that holds the data folder.`,
    } as const
    return writes.map(() => failure)
  }
}

/** Runs one write below a savepoint. Throws when SQLite has given up the whole transaction (disk full, I/O error). */
function runWrite(
  sqlite: DatabaseSync,
  prepare: (sql: string) => StatementSync,
  write: readonly SqlStatement[],
): ThreadFailure | null {
  sqlite.exec('SAVEPOINT one_write')
  let running = ''
  try {
    for (const { sql, params = [] } of write) {
      running = sql
      prepare(sql).run(...params)
    }
    sqlite.exec('RELEASE one_write')
    return null
  } catch (error) {
    if (!sqlite.isTransaction) throw error
    sqlite.exec('ROLLBACK TO one_write; RELEASE one_write')
    return { code: 'ERR_STORAGE_STATEMENT', message: `${textOf(error)} in: ${running}` }
  }
}

function migrate(sqlite: DatabaseSync, owner: string, migrations: readonly string[]): void {
  const row = sqlite.prepare('SELECT version FROM storage_migrations WHERE owner = ?').get(owner)
  const version = Number(row?.version ?? 0)
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

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
