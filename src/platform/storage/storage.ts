import type { Clock } from '../capability.ts'
import { systemClock } from '../clock.ts'
import { createJsonLog } from '../log.ts'
import { StorageError } from './errors.ts'
import { createGroupWriter, type GroupWriter } from './group-writer.ts'
import type {
  FromThread,
  GuardedStatement,
  ReadBounds,
  SqlRow,
  SqlStatement,
  SqlValue,
  StatementResult,
  WriteOutcome,
} from './messages.ts'
import { scanPages, type Scan } from './scan.ts'
import { createStatusKeeper, type StorageStatus } from './status.ts'
import { ThreadClient } from './thread-client.ts'

/** Rows of one read; read more in pages. */
export const STORAGE_READ_ROWS_MAX = 10_000
/** Bytes of one read, text as two bytes a character. */
export const STORAGE_READ_BYTES_MAX = 32 * 1024 * 1024

/** Durable state of one owner: one SQLite file behind one thread. A process may have several, for owners that write much. */
export interface Storage {
  /**
   * Creates or upgrades the tables of one owner (a capability). `migrations[n]` brings them from version n to n + 1, is run once
   * in the life of the file, and never changes after it was released. Throws `StorageError`.
   */
  migrate(owner: string, migrations: readonly string[]): Promise<void>
  /**
   * All statements or none; one result each. Resolves when they are fsynced: what was acknowledged survives `kill -9`. Writes that wait
   * while a commit runs share the next one (group commit), in order of the calls. Throws `StorageError`; `ERR_STORAGE_BUSY` is
   * back-pressure, `ERR_STORAGE_FULL` a full disk, after which writes work again when there is room.
   */
  write(statements: readonly SqlStatement[]): Promise<readonly StatementResult[]>
  /**
   * Like `write`, on conditions: each `expects` must hold, and no row may be there already. Else nothing of it is stored and the outcome says
   * which statement was in the way; neighbours in the same commit are not affected. Throws `StorageError` for everything else.
   */
  writeIf(statements: readonly GuardedStatement[]): Promise<WriteOutcome>
  /** At most `STORAGE_READ_ROWS_MAX` rows. Sees every write that was acknowledged before the call. Throws `StorageError`. */
  read(sql: string, params?: readonly SqlValue[]): Promise<readonly SqlRow[]>
  /** A long read, page by page, between which writes go on. See `Scan`. Throws `StorageError`, and the reason of `signal`. */
  scan(scan: Scan, signal?: AbortSignal): AsyncGenerator<readonly SqlRow[], void, undefined>
  status(): StorageStatus
  /** Stores what is waiting, then closes the file. Later calls are refused with `ERR_STORAGE_CLOSED`. */
  close(): Promise<void>
}

export interface StorageOptions {
  readonly file: string
  /** Tells the storages of one process apart, in its log and status. */
  readonly name?: string
  readonly clock?: Clock
  /** Heap of the thread in MiB; default: as V8 chooses. */
  readonly heapMbMax?: number
  /**
   * The thread ended by itself. Default: a line in the log on stderr, and the end of this process, which its supervisor starts again: state
   * that cannot be written must not be served from memory as if it could.
   */
  readonly died?: (error: StorageError) => void
}

const READ_BOUNDS: ReadBounds = {
  rowsMax: STORAGE_READ_ROWS_MAX,
  bytesMax: STORAGE_READ_BYTES_MAX,
  onMore: 'fail',
}

/** Opens (or creates) the file in a thread of its own. Throws `StorageError` with `ERR_STORAGE_OPEN`. */
export async function startStorage(options: StorageOptions): Promise<Storage> {
  const { file, name = 'state', clock = systemClock, heapMbMax, died = endProcess } = options
  const client = new ThreadClient({ name, data: { file }, heapMbMax, died })
  await client.opened
  const keeper = createStatusKeeper({ name, file }, clock)
  const writer = createGroupWriter(client, (count, error) => keeper.noteGroup(count, error))
  return createStorage(client, writer, () => keeper.status(writer, client.askedCount))
}

function createStorage(
  client: ThreadClient,
  writer: GroupWriter,
  status: () => StorageStatus,
): Storage {
  const refuseWhenClosed = (): void => {
    if (writer.isClosed()) throw new StorageError('ERR_STORAGE_CLOSED', 'The storage is closed.')
  }
  const ask: ThreadClient['askBounded'] = async (question) => {
    refuseWhenClosed()
    return client.askBounded(question)
  }
  const read = async (statement: SqlStatement, bounds: ReadBounds) =>
    rowsOf(await ask((number) => ({ type: 'read', ask: number, statement, bounds })))
  return {
    async migrate(owner, migrations) {
      await ask((number) => ({ type: 'migrate', ask: number, owner, migrations }))
    },
    async write(statements) {
      refuseWhenClosed()
      const outcome = await writer.write({ statements, isGuarded: false })
      if (outcome.outcome === 'committed') return outcome.results
      const { sql } = statements[outcome.statement] ?? { sql: '' }
      throw new StorageError('ERR_STORAGE_STATEMENT', `${outcome.count} rows in: ${sql}`)
    },
    async writeIf(statements) {
      refuseWhenClosed()
      return writer.write({ statements, isGuarded: true })
    },
    read: async (sql, params = []) => (await read({ sql, params }, READ_BOUNDS)).rows,
    scan: (scan, signal) => scanPages(read, scan, signal),
    status,
    close: () => writer.close(),
  }
}

function rowsOf(answer: FromThread): {
  readonly rows: readonly SqlRow[]
  readonly isComplete: boolean
} {
  return answer.type === 'rows' ? answer : { rows: [], isComplete: true }
}

function endProcess(error: StorageError): void {
  createJsonLog(process.stderr, systemClock, 'error')('error', error.message, { code: error.code })
  process.exit(1)
}
