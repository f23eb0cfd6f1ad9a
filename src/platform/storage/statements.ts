import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { ReadBounds, SqlRow, SqlValue, ThreadFailure } from './messages.ts'

/** Prepared statements that are kept; the one that was used longest ago goes first. */
const STATEMENTS_KEPT_MAX = 200
/** Primary result code of SQLite for a full disk, or a file that has reached `max_page_count`. */
const SQLITE_FULL = 13

/** Carries what the main thread needs to make the error again. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError'
  readonly failure: ThreadFailure

  constructor(failure: ThreadFailure) {
    super(failure.message)
    this.failure = failure
  }
}

/** A prepared statement, and whether it gives rows. */
export interface Prepared {
  readonly statement: StatementSync
  readonly hasRows: boolean
}

/** Prepares each text once. */
export function createStatementCache(sqlite: DatabaseSync): (sql: string) => Prepared {
  const kept = new Map<string, Prepared>()
  return (sql) => {
    const found = kept.get(sql)
    if (found !== undefined) {
      kept.delete(sql)
      kept.set(sql, found)
      return found
    }
    const statement = sqlite.prepare(sql)
    const prepared = { statement, hasRows: statement.columns().length > 0 }
    kept.set(sql, prepared)
    const oldest = kept.keys().next().value
    if (kept.size > STATEMENTS_KEPT_MAX && oldest !== undefined) kept.delete(oldest)
    return prepared
  }
}

/** Rows within the bounds; a single row may be larger than a page. Throws `DatabaseError` where more is a failure. */
export function readRows(
  { statement }: Prepared,
  sql: string,
  params: readonly SqlValue[],
  { rowsMax, bytesMax, onMore }: ReadBounds,
): { readonly rows: SqlRow[]; readonly isComplete: boolean } {
  const rows: SqlRow[] = []
  let bytes = 0
  for (const row of statement.iterate(...params)) {
    bytes += bytesOfRow(row)
    const isMore = rows.length === rowsMax || (bytes > bytesMax && rows.length > 0)
    if (isMore && onMore === 'page') return { rows, isComplete: false }
    if (isMore || (bytes > bytesMax && onMore === 'fail')) {
      throw new DatabaseError({
        code: 'ERR_STORAGE_ROWS_TOO_MANY',
        message: `A read gives more than ${rowsMax} rows or ${bytesMax} bytes. Read it in pages: ${sql}`,
      })
    }
    rows.push(row)
  }
  return { rows, isComplete: true }
}

function bytesOfRow(row: SqlRow): number {
  let bytes = 0
  for (const value of Object.values(row)) bytes += bytesOfValue(value)
  return bytes
}

/** What a value takes while it waits: two bytes a character of text. */
export function bytesOfValue(value: SqlValue): number {
  if (typeof value === 'string') return value.length * 2
  return value instanceof Uint8Array ? value.byteLength : 8
}

/** SQLite's extended result code, 0 for an error of somebody else. */
export function resultCodeOf(error: unknown): number {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) : 0
}

/** What became of a statement that was refused, in words; a full disk has a code of its own. */
export function failureOf(error: unknown, sql: string): ThreadFailure {
  if (error instanceof DatabaseError) return error.failure
  if (isFull(error)) return fullFailure(error)
  return { code: 'ERR_STORAGE_STATEMENT', message: `${textOf(error)}${sql && ` in: ${sql}`}` }
}

/** Whether there is no room for it. */
export function isFull(error: unknown): boolean {
  return (resultCodeOf(error) & 0xff) === SQLITE_FULL
}

/** There is no room: what to do about it. */
export function fullFailure(error: unknown): ThreadFailure {
  return {
    code: 'ERR_STORAGE_FULL',
    message: `Nothing of this was stored: there is no space left for the state (${textOf(error)}). Make room on the disk that holds the data folder; it works again by itself.`,
  }
}

/** The words of any error. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
