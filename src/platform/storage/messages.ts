/** What SQLite stores in one column. Integers beyond 2^53 must be given as bigint. */
export type SqlValue = null | number | bigint | string | Uint8Array

/** One SQL statement with its positional parameters. */
export interface SqlStatement {
  readonly sql: string
  readonly params?: readonly SqlValue[]
}

export type SqlRow = Readonly<Record<string, SqlValue>>

/** To the storage thread. Answered in order, one `FromThread` each. */
export type ToThread =
  /** All writes in one transaction; each is atomic by itself. */
  | {
      readonly type: 'commit'
      readonly ask: number
      readonly writes: readonly (readonly SqlStatement[])[]
    }
  | {
      readonly type: 'read'
      readonly ask: number
      readonly statement: SqlStatement
      readonly rowsMax: number
    }
  | {
      readonly type: 'migrate'
      readonly ask: number
      readonly owner: string
      readonly migrations: readonly string[]
    }
  | { readonly type: 'close'; readonly ask: number }

/** An error that crossed the thread boundary: the class is made again on the other side. */
export interface ThreadFailure {
  readonly code:
    | 'ERR_STORAGE_STATEMENT'
    | 'ERR_STORAGE_COMMIT'
    | 'ERR_STORAGE_ROWS_TOO_MANY'
    | 'ERR_STORAGE_SCHEMA_NEWER'
    | 'ERR_STORAGE_OPEN'
  readonly message: string
}

/** From the storage thread. */
export type FromThread =
  | { readonly type: 'open' }
  | { readonly type: 'not-open'; readonly failure: ThreadFailure }
  /** One entry a write: null is committed and on disk. */
  | {
      readonly type: 'committed'
      readonly ask: number
      readonly failures: readonly (ThreadFailure | null)[]
    }
  | { readonly type: 'rows'; readonly ask: number; readonly rows: readonly SqlRow[] }
  | { readonly type: 'done'; readonly ask: number }
  | { readonly type: 'failed'; readonly ask: number; readonly failure: ThreadFailure }
