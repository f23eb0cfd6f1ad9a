/** What SQLite stores in one column. Integers beyond 2^53 must be given as bigint. */
export type SqlValue = null | number | bigint | string | Uint8Array

/** One SQL statement with its positional parameters. */
export interface SqlStatement {
  readonly sql: string
  readonly params?: readonly SqlValue[]
}

/** A statement of a conditional write. */
export interface GuardedStatement extends SqlStatement {
  /** How many rows it must change, or give where it has rows to give; with another number nothing of its write is stored. */
  readonly expects?: number
}

export type SqlRow = Readonly<Record<string, SqlValue>>

/** What one statement of a write has done. */
export interface StatementResult {
  /** Rows that it changed, or gave where it has rows to give. */
  readonly changes: number
  /** Of the newest row that was inserted, by this statement or one before; 0 before the first one. */
  readonly lastInsertRowid: number
  /** What `RETURNING` or a query gave. */
  readonly rows: readonly SqlRow[]
}

/** What became of a conditional write. */
export type WriteOutcome =
  /** On disk. One result a statement. */
  | { readonly outcome: 'committed'; readonly results: readonly StatementResult[] }
  /** A condition did not hold; nothing of it was stored. `statement` is the index of the one that says so. */
  | {
      readonly outcome: 'conflict'
      readonly statement: number
      /** `count`: not as many rows as expected. `unique`: such a row is there already. */
      readonly reason: 'count' | 'unique'
      /** Rows that the statement found. */
      readonly count: number
    }

/** One write on its way to the thread. */
export interface ThreadWrite {
  readonly statements: readonly GuardedStatement[]
  /** A row that is there already is a conflict, not an error. */
  readonly isGuarded: boolean
}

/** Where a read ends: beyond it is an error, or the end of a page. */
export interface ReadBounds {
  readonly rowsMax: number
  readonly bytesMax: number
  readonly onMore: 'fail' | 'page'
}

/** To the storage thread. Answered in order, one `FromThread` each. */
export type ToThread =
  /** All writes in one transaction; each is atomic by itself. */
  | { readonly type: 'commit'; readonly ask: number; readonly writes: readonly ThreadWrite[] }
  | {
      readonly type: 'read'
      readonly ask: number
      readonly statement: SqlStatement
      readonly bounds: ReadBounds
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
    | 'ERR_STORAGE_FULL'
    | 'ERR_STORAGE_ROWS_TOO_MANY'
    | 'ERR_STORAGE_SCHEMA_NEWER'
    | 'ERR_STORAGE_OPEN'
  readonly message: string
}

export type WriteAnswer =
  | WriteOutcome
  | { readonly outcome: 'failed'; readonly failure: ThreadFailure }

/** From the storage thread. */
export type FromThread =
  | { readonly type: 'open' }
  | { readonly type: 'not-open'; readonly failure: ThreadFailure }
  /** One answer a write. */
  | { readonly type: 'committed'; readonly ask: number; readonly answers: readonly WriteAnswer[] }
  | {
      readonly type: 'rows'
      readonly ask: number
      readonly rows: readonly SqlRow[]
      /** There are no more. */
      readonly isComplete: boolean
    }
  | { readonly type: 'done'; readonly ask: number }
  | { readonly type: 'failed'; readonly ask: number; readonly failure: ThreadFailure }
