import { StorageError } from './errors.ts'
import type { ReadBounds, SqlRow, SqlStatement, SqlValue } from './messages.ts'

/** Rows of one page of a scan. */
export const STORAGE_PAGE_ROWS_MAX = 5_000
/** Bytes of one page of a scan, text as two bytes a character; a row that is larger comes alone. */
export const STORAGE_PAGE_BYTES_MAX = 1024 * 1024

/**
 * A long read by key, so that no page holds up a writer, or keeps the log of the file from being taken back. It is not a snapshot: what is
 * written meanwhile behind the last key is seen.
 */
export interface Scan {
  /** Ordered by the columns of `key`, which it gives back, and with `(key, ...) > (?, ...)` as its last parameters. Without LIMIT. */
  readonly sql: string
  /** Those before the key. */
  readonly params?: readonly SqlValue[]
  readonly key: readonly string[]
  /** The rows after this key. */
  readonly after: readonly SqlValue[]
  /** Rows of a page, at most `STORAGE_PAGE_ROWS_MAX`. */
  readonly rowsMax?: number
}

/** The pages, none of them empty. Who ends the loop, or aborts, ends the reading. */
export async function* scanPages(
  read: (
    statement: SqlStatement,
    bounds: ReadBounds,
  ) => Promise<{ readonly rows: readonly SqlRow[]; readonly isComplete: boolean }>,
  { sql, params = [], key, after, rowsMax = STORAGE_PAGE_ROWS_MAX }: Scan,
  signal?: AbortSignal,
): AsyncGenerator<readonly SqlRow[], void, undefined> {
  const bounds: ReadBounds = {
    rowsMax: Math.min(rowsMax, STORAGE_PAGE_ROWS_MAX),
    bytesMax: STORAGE_PAGE_BYTES_MAX,
    onMore: 'page',
  }
  let last = after
  for (;;) {
    signal?.throwIfAborted()
    const { rows, isComplete } = await read({ sql, params: [...params, ...last] }, bounds)
    const end = rows.at(-1)
    if (end === undefined) return
    last = key.map((column) => keyOf(end, column, sql))
    yield rows
    if (isComplete) return
  }
}

function keyOf(row: SqlRow, column: string, sql: string): SqlValue {
  const value = Object.hasOwn(row, column) ? row[column] : undefined
  if (value !== undefined && value !== null) return value
  throw new StorageError('ERR_STORAGE_STATEMENT', `no key '${column}' to go on from in: ${sql}`)
}
