import { Worker } from 'node:worker_threads'
import type {
  FromThread,
  SqlRow,
  SqlStatement,
  SqlValue,
  ThreadFailure,
  ToThread,
} from './messages.ts'
import type { ThreadData } from './thread.ts'

/** Writes that may wait for the commit before theirs; beyond it a write is refused. */
export const STORAGE_WRITES_WAITING_MAX = 20_000
/** Bytes of SQL and parameters that may wait; beyond it a write is refused. */
export const STORAGE_WAITING_BYTES_MAX = 64 * 1024 * 1024
/** Reads and migrations that may be unanswered. */
export const STORAGE_READS_WAITING_MAX = 1_000
/** Writes in one transaction: a longer one would make the first of them wait for too long. */
export const STORAGE_GROUP_WRITES_MAX = 2_000
/** Rows of one read; read more in pages. */
export const STORAGE_READ_ROWS_MAX = 10_000

/** `ERR_STORAGE_*`: see docs/errors/discovery.md. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code:
    | ThreadFailure['code']
    | 'ERR_STORAGE_BUSY'
    | 'ERR_STORAGE_CLOSED'
    | 'ERR_STORAGE_GONE'

  constructor(code: StorageError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** Durable state of the control plane: one SQLite file behind one thread. */
export interface Storage {
  /**
   * Creates or upgrades the tables of one owner (a capability). `migrations[n]` brings them from version n to n + 1, is run once
   * in the life of the file, and never changes after it was released. Throws `StorageError`.
   */
  migrate(owner: string, migrations: readonly string[]): Promise<void>
  /**
   * All statements or none. Resolves when they are fsynced: what was acknowledged survives `kill -9`. Writes that wait while a commit
   * runs share the next one (group commit), in order of the calls. Throws `StorageError`; `ERR_STORAGE_BUSY` is back-pressure.
   */
  write(statements: readonly SqlStatement[]): Promise<void>
  /** At most `STORAGE_READ_ROWS_MAX` rows. Sees every write that was acknowledged before the call. Throws `StorageError`. */
  read(sql: string, params?: readonly SqlValue[]): Promise<readonly SqlRow[]>
  /** Stores what is waiting, then closes the file. Later calls are refused with `ERR_STORAGE_CLOSED`. */
  close(): Promise<void>
}

interface WaitingWrite {
  readonly statements: readonly SqlStatement[]
  readonly bytes: number
  readonly done: PromiseWithResolvers<void>
}

/** Opens (or creates) the file in a thread of its own. Throws `StorageError` with `ERR_STORAGE_OPEN`. */
export async function startStorage(options: { readonly file: string }): Promise<Storage> {
  const client = new ThreadClient(options)
  await client.opened
  const writer = createGroupWriter(client)
  const refuseWhenClosed = () => {
    if (writer.isClosed()) throw new StorageError('ERR_STORAGE_CLOSED', 'The storage is closed.')
  }
  return {
    async migrate(owner, migrations) {
      refuseWhenClosed()
      await client.askBounded((ask) => ({ type: 'migrate', ask, owner, migrations }))
    },
    async write(statements) {
      refuseWhenClosed()
      await writer.write(statements)
    },
    async read(sql, params = []) {
      refuseWhenClosed()
      const answer = await client.askBounded((ask) => ({
        type: 'read',
        ask,
        statement: { sql, params },
        rowsMax: STORAGE_READ_ROWS_MAX,
      }))
      return answer.type === 'rows' ? answer.rows : []
    },
    close: () => writer.close(),
  }
}

interface GroupWriter {
  write(statements: readonly SqlStatement[]): Promise<void>
  isClosed(): boolean
  close(): Promise<void>
}

/** One transaction at a time; what comes meanwhile is the next one. */
function createGroupWriter(client: ThreadClient): GroupWriter {
  let waiting: WaitingWrite[] = []
  let waitingBytes = 0
  let pump: Promise<void> | undefined
  let closing: Promise<void> | undefined

  async function pumpAll(): Promise<void> {
    // One turn later, so that the writes of one turn share a commit also when the thread was idle.
    await Promise.resolve()
    while (waiting.length > 0) {
      const group = waiting.splice(0, STORAGE_GROUP_WRITES_MAX)
      for (const write of group) waitingBytes -= write.bytes
      await commitGroup(client, group)
    }
    pump = undefined
  }

  async function closeAll(): Promise<void> {
    await pump
    await client.close()
  }

  return {
    write(statements) {
      const bytes = bytesOf(statements)
      if (
        waiting.length >= STORAGE_WRITES_WAITING_MAX ||
        waitingBytes + bytes > STORAGE_WAITING_BYTES_MAX
      ) {
        throw new StorageError(
          'ERR_STORAGE_BUSY',
          `${waiting.length} writes (${waitingBytes} bytes) wait for the disk already, the bounds are ${STORAGE_WRITES_WAITING_MAX} and ${STORAGE_WAITING_BYTES_MAX} bytes. Try again later, or use a faster disk.`,
        )
      }
      const write = { statements, bytes, done: Promise.withResolvers<void>() }
      waiting.push(write)
      waitingBytes += bytes
      pump ??= pumpAll()
      return write.done.promise
    },
    isClosed: () => closing !== undefined,
    close: () => (closing ??= closeAll()),
  }
}

async function commitGroup(client: ThreadClient, group: readonly WaitingWrite[]): Promise<void> {
  try {
    const answer = await client.ask((ask) => ({
      type: 'commit',
      ask,
      writes: group.map((write) => write.statements),
    }))
    const failures = answer.type === 'committed' ? answer.failures : []
    for (const [at, write] of group.entries()) {
      const failure = failures[at]
      if (failure === null) write.done.resolve()
      else
        write.done.reject(errorOf(failure ?? { code: 'ERR_STORAGE_COMMIT', message: 'no answer' }))
    }
  } catch (error) {
    for (const write of group) write.done.reject(error)
  }
}

/** Asks the thread and keeps who asked. A thread that dies rejects every question, also later ones. */
class ThreadClient {
  readonly opened: Promise<void>
  readonly #worker: Worker
  readonly #asked = new Map<number, PromiseWithResolvers<FromThread>>()
  readonly #exited = Promise.withResolvers<void>()
  #asks = 0
  #dead: StorageError | undefined

  constructor(data: ThreadData) {
    // The published build has JavaScript beside JavaScript.
    const name = import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js'
    this.#worker = new Worker(new URL(name, import.meta.url), { workerData: data, name: 'storage' })
    const opening = Promise.withResolvers<void>()
    this.opened = opening.promise
    this.#worker.on('message', (message: FromThread) => {
      if (message.type === 'open') opening.resolve()
      else if (message.type === 'not-open') opening.reject(errorOf(message.failure))
      else this.#settle(message)
    })
    this.#worker.on('error', (error) => this.#die(error.message))
    this.#worker.on('exit', () => {
      this.#die('it ended')
      opening.reject(this.#dead)
      this.#exited.resolve()
    })
  }

  async ask(question: (ask: number) => ToThread): Promise<FromThread> {
    if (this.#dead !== undefined) throw this.#dead
    const ask = ++this.#asks
    const answer = Promise.withResolvers<FromThread>()
    // Throws what cannot be cloned, before anybody waits for it.
    this.#worker.postMessage(question(ask))
    this.#asked.set(ask, answer)
    return answer.promise
  }

  /** Like `ask`, but refused when too many wait. Commits are bounded by their writer instead. */
  async askBounded(question: (ask: number) => ToThread): Promise<FromThread> {
    if (this.#asked.size >= STORAGE_READS_WAITING_MAX) {
      throw new StorageError(
        'ERR_STORAGE_BUSY',
        `${this.#asked.size} reads wait for the disk already. Try again later, or use a faster disk.`,
      )
    }
    return this.ask(question)
  }

  async close(): Promise<void> {
    if (this.#dead === undefined) await this.ask((ask) => ({ type: 'close', ask })).catch(() => {})
    await this.#exited.promise
  }

  #settle(message: Exclude<FromThread, { type: 'open' | 'not-open' }>): void {
    const asked = this.#asked.get(message.ask)
    this.#asked.delete(message.ask)
    if (message.type === 'failed') asked?.reject(errorOf(message.failure))
    else asked?.resolve(message)
  }

  #die(why: string): void {
    this.#dead ??= new StorageError(
      'ERR_STORAGE_GONE',
      `The storage thread is gone (${why}). Nothing is stored any more; restart Backplane.`,
    )
    for (const asked of this.#asked.values()) asked.reject(this.#dead)
    this.#asked.clear()
  }
}

function errorOf(failure: ThreadFailure): StorageError {
  return new StorageError(failure.code, failure.message)
}

/** What the parameters take while they wait; two bytes a character of text. */
function bytesOf(statements: readonly SqlStatement[]): number {
  let bytes = 0
  for (const { sql, params = [] } of statements) {
    bytes += sql.length
    for (const value of params) {
      if (typeof value === 'string') bytes += value.length * 2
      else bytes += value instanceof Uint8Array ? value.byteLength : 8
    }
  }
  return bytes
}
