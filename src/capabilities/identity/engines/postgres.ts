import type postgres from 'postgres'
import type { GuardedStatement, SqlRow, WriteOutcome } from '../../../platform/storage/messages.ts'
import type { Ledger } from './ledger.ts'

/** SQLSTATE of a row that is there already. */
const UNIQUE_VIOLATION = '23505'
/** Connections that one process holds at most. */
const CONNECTIONS_MAX = 10
/** A connection that cannot be opened in this time is an error. */
const CONNECT_TIMEOUT_S = 10
/** Type of 64-bit numbers; ours are times in milliseconds and counts, far below 2^53. */
const INT8 = 20

/** Undoes the transaction, and is no error. */
class Conflict extends Error {
  readonly outcome: WriteOutcome

  constructor(outcome: WriteOutcome) {
    super('conflict')
    this.outcome = outcome
  }
}

/**
 * In PostgreSQL, shared by several nodes. A commit is one transaction (READ COMMITTED); its lock is an advisory one of that transaction, taken before
 * the first statement, so that what follows sees what the holder before has committed.
 */
export async function openPostgresLedger(url: string): Promise<Ledger> {
  const { default: connect } = await import('postgres')
  const sql = connect(url, {
    max: CONNECTIONS_MAX,
    connect_timeout: CONNECT_TIMEOUT_S,
    onnotice: () => {},
    types: {
      int8: {
        to: INT8,
        from: [INT8],
        serialize: (value: number) => String(value),
        parse: (text: string) => Number(text),
      },
    },
  }) as unknown as postgres.Sql
  return {
    engine: 'postgres',
    async migrate(migrations) {
      try {
        await migrate(sql, migrations)
      } catch (error) {
        await sql.end({ timeout: 1 })
        throw error
      }
    },
    commit: (statements, lock) => commit(sql, statements, lock),
    read: async (text, params = []) =>
      (await sql.unsafe(numbered(text), params as never[])) as unknown as readonly SqlRow[],
    close: () => sql.end({ timeout: 5 }),
  }
}

async function commit(
  sql: postgres.Sql,
  statements: readonly GuardedStatement[],
  lock: string | undefined,
): Promise<WriteOutcome> {
  try {
    return (await sql.begin(async (transaction) => {
      if (lock !== undefined) {
        await transaction`SELECT pg_advisory_xact_lock(hashtextextended(${lock}, 0))`
      }
      return runAll(transaction, statements)
    })) as WriteOutcome
  } catch (error) {
    if (error instanceof Conflict) return error.outcome
    throw error
  }
}

async function runAll(
  transaction: postgres.TransactionSql,
  statements: readonly GuardedStatement[],
): Promise<WriteOutcome> {
  const results = []
  for (const [statement, { sql: text, params = [], expects }] of statements.entries()) {
    const found = await run(transaction, statement, text, params)
    const count = found.count ?? found.length
    if (expects !== undefined && count !== expects) {
      throw new Conflict({ outcome: 'conflict', statement, reason: 'count', count })
    }
    results.push({ changes: count, lastInsertRowid: 0, rows: [...found] as unknown as SqlRow[] })
  }
  return { outcome: 'committed', results }
}

async function run(
  transaction: postgres.TransactionSql,
  statement: number,
  text: string,
  params: NonNullable<GuardedStatement['params']>,
): Promise<postgres.RowList<postgres.Row[]>> {
  try {
    return await transaction.unsafe(numbered(text), params as never[])
  } catch (error) {
    if ((error as { readonly code?: string }).code !== UNIQUE_VIOLATION) throw error
    throw new Conflict({ outcome: 'conflict', statement, reason: 'unique', count: 1 })
  }
}

/** `?` to `$1`: our statements have no `?` but for parameters. */
function numbered(text: string): string {
  let at = 0
  return text.replaceAll('?', () => `$${++at}`)
}

/** SQLite's words for PostgreSQL: its INTEGER has 64 bits, and STRICT is what every table is. */
function translated(migration: string): string {
  return migration.replaceAll(/\bINTEGER\b/g, 'BIGINT').replaceAll(/\)\s*STRICT\b/g, ')')
}

async function migrate(sql: postgres.Sql, migrations: readonly string[]): Promise<void> {
  await sql.begin(async (transaction) => {
    await transaction`SELECT pg_advisory_xact_lock(hashtextextended('backplane identity migrations', 0))`
    await transaction`CREATE TABLE IF NOT EXISTS identity_migrations (version BIGINT NOT NULL)`
    const [row] = await transaction`SELECT max(version) AS version FROM identity_migrations`
    const version = Number(row?.['version'] ?? 0)
    if (version > migrations.length) {
      throw new Error(
        `The tables of identity have schema ${version}, this program knows ${migrations.length}. Start the newer version of Backplane that wrote them.`,
      )
    }
    for (const migration of migrations.slice(version)) {
      await transaction.unsafe(translated(migration)).simple()
    }
    if (version < migrations.length) {
      await transaction`INSERT INTO identity_migrations VALUES (${migrations.length})`
    }
  })
}
