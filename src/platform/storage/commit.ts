import type { DatabaseSync } from 'node:sqlite'
import type { StatementResult, ThreadFailure, ThreadWrite, WriteAnswer } from './messages.ts'
import {
  failureOf,
  fullFailure,
  isFull,
  readRows,
  resultCodeOf,
  textOf,
  type Prepared,
} from './statements.ts'

/** Extended result codes of SQLite for "such a row is there": PRIMARYKEY, UNIQUE, ROWID. */
const UNIQUE_CODES: ReadonlySet<number> = new Set([1555, 2067, 2579])
/** Rows and bytes that one statement of a write may give back. */
const RETURNED = { rowsMax: 10_000, bytesMax: 8 * 1024 * 1024, onMore: 'fail' } as const

type Prepare = (sql: string) => Prepared

/** All writes in one transaction, fsynced when it returns. A write that fails, or whose condition does not hold, is undone alone. */
export function commitAll(
  sqlite: DatabaseSync,
  prepare: Prepare,
  writes: readonly ThreadWrite[],
): readonly WriteAnswer[] {
  try {
    sqlite.exec('BEGIN IMMEDIATE')
    const answers = writes.map((write) => runWrite(sqlite, prepare, write))
    sqlite.exec('COMMIT')
    return answers
  } catch (error) {
    if (sqlite.isTransaction) sqlite.exec('ROLLBACK')
    const failure = isFull(error) ? fullFailure(error) : commitFailure(error)
    return writes.map(() => ({ outcome: 'failed', failure }))
  }
}

function commitFailure(error: unknown): ThreadFailure {
  return {
    code: 'ERR_STORAGE_COMMIT',
    message: `Nothing of this transaction was stored (${textOf(error)}). Check the space and the health of the disk that holds the data folder.`,
  }
}

/** Runs one write so that it is undone alone. Throws when SQLite has given up the whole transaction (disk full, I/O error). */
function runWrite(sqlite: DatabaseSync, prepare: Prepare, write: ThreadWrite): WriteAnswer {
  const { statements, isGuarded } = write
  const results: StatementResult[] = []
  const needsSavepoint = !isUndoneAlone(prepare, statements)
  if (needsSavepoint) prepare('SAVEPOINT one_write').statement.run()
  try {
    for (const { sql, params = [], expects } of statements) {
      const result = runStatement(prepare, sql, params)
      if (expects !== undefined && result.changes !== expects) {
        undo(sqlite)
        const [statement, count] = [results.length, result.changes]
        return { outcome: 'conflict', statement, reason: 'count', count }
      }
      results.push(result)
    }
    if (needsSavepoint) prepare('RELEASE one_write').statement.run()
    return { outcome: 'committed', results }
  } catch (error) {
    if (!sqlite.isTransaction) throw error
    if (needsSavepoint) undo(sqlite)
    if (isGuarded && UNIQUE_CODES.has(resultCodeOf(error))) {
      return { outcome: 'conflict', statement: results.length, reason: 'unique', count: 1 }
    }
    return { outcome: 'failed', failure: failureOf(error, statements[results.length]?.sql ?? '') }
  }
}

/**
 * SQLite undoes a single statement that fails by itself. Not what we find wrong after it has run: a condition on its count, too many rows of `RETURNING`.
 * A savepoint costs a fifth of a small write.
 */
function isUndoneAlone(prepare: Prepare, statements: ThreadWrite['statements']): boolean {
  const [only] = statements
  if (statements.length !== 1 || only === undefined || only.expects !== undefined) return false
  try {
    return !prepare(only.sql).hasRows
  } catch {
    // What is wrong with it is told where it is run.
    return false
  }
}

function undo(sqlite: DatabaseSync): void {
  sqlite.exec('ROLLBACK TO one_write; RELEASE one_write')
}

const noRows = Object.freeze([])

function runStatement(
  prepare: Prepare,
  sql: string,
  params: NonNullable<ThreadWrite['statements'][number]['params']>,
): StatementResult {
  const prepared = prepare(sql)
  if (!prepared.hasRows) {
    const { changes, lastInsertRowid } = prepared.statement.run(...params)
    return { changes: Number(changes), lastInsertRowid: Number(lastInsertRowid), rows: noRows }
  }
  const { rows } = readRows(prepared, sql, params, RETURNED)
  const last = prepare('SELECT last_insert_rowid() AS id').statement.get()
  return { changes: rows.length, lastInsertRowid: Number(last?.['id'] ?? 0), rows }
}
