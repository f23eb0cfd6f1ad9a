import { StorageError } from './errors.ts'
import type { FromThread, ThreadWrite, WriteOutcome } from './messages.ts'
import { bytesOfValue } from './statements.ts'
import { errorOf, type ThreadClient } from './thread-client.ts'

/** Writes that may wait for the commit before theirs; beyond it a write is refused. */
export const STORAGE_WRITES_WAITING_MAX = 20_000
/** Bytes of SQL and parameters that may wait; beyond it a write is refused. */
export const STORAGE_WAITING_BYTES_MAX = 64 * 1024 * 1024
/** Writes in one transaction: a longer one would make the first of them wait for too long. */
export const STORAGE_GROUP_WRITES_MAX = 2_000

/** One transaction at a time; what comes meanwhile is the next one. */
export interface GroupWriter {
  /** Throws `ERR_STORAGE_BUSY` at once when too much waits. */
  write(write: ThreadWrite): Promise<WriteOutcome>
  readonly writesWaiting: number
  readonly waitingBytes: number
  isClosed(): boolean
  close(): Promise<void>
}

/** Told of each group: the writes in it, and the first error of one of them, a full disk before others. */
export type GroupListener = (writes: number, error: StorageError | undefined) => void

interface WaitingWrite {
  readonly write: ThreadWrite
  readonly bytes: number
  readonly done: PromiseWithResolvers<WriteOutcome>
}

export function createGroupWriter(client: ThreadClient, onGroup: GroupListener): GroupWriter {
  let waiting: WaitingWrite[] = []
  let waitingBytes = 0
  let pump: Promise<void> | undefined
  let closing: Promise<void> | undefined

  async function pumpAll(): Promise<void> {
    // One turn later, so that the writes of one turn share a commit also when the thread was idle.
    await Promise.resolve()
    while (waiting.length > 0) {
      const group = waiting.splice(0, STORAGE_GROUP_WRITES_MAX)
      for (const { bytes } of group) waitingBytes -= bytes
      onGroup(group.length, await commitGroup(client, group))
    }
    pump = undefined
  }

  async function closeAll(): Promise<void> {
    await pump
    await client.close()
  }

  return {
    write(write) {
      const bytes = bytesOf(write)
      if (
        waiting.length >= STORAGE_WRITES_WAITING_MAX ||
        waitingBytes + bytes > STORAGE_WAITING_BYTES_MAX
      ) {
        throw new StorageError(
          'ERR_STORAGE_BUSY',
          `${waiting.length} writes (${waitingBytes} bytes) wait for the disk already, the bounds are ${STORAGE_WRITES_WAITING_MAX} and ${STORAGE_WAITING_BYTES_MAX} bytes. Try again later, or use a faster disk.`,
        )
      }
      const done = Promise.withResolvers<WriteOutcome>()
      waiting.push({ write, bytes, done })
      waitingBytes += bytes
      pump ??= pumpAll()
      return done.promise
    },
    get writesWaiting() {
      return waiting.length
    },
    get waitingBytes() {
      return waitingBytes
    },
    isClosed: () => closing !== undefined,
    close: () => (closing ??= closeAll()),
  }
}

/** Settles every write of the group; resolves with the first error of a write. */
async function commitGroup(
  client: ThreadClient,
  group: readonly WaitingWrite[],
): Promise<StorageError | undefined> {
  let answer: FromThread
  try {
    answer = await client.ask((ask) => ({
      type: 'commit',
      ask,
      writes: group.map(({ write }) => write),
    }))
  } catch (error) {
    for (const { done } of group) done.reject(error)
    return error instanceof StorageError ? error : undefined
  }
  let first: StorageError | undefined
  const answers = answer.type === 'committed' ? answer.answers : []
  for (const [at, { done }] of group.entries()) {
    const one = answers[at]
    if (one === undefined) done.reject(new StorageError('ERR_STORAGE_COMMIT', 'no answer'))
    else if (one.outcome !== 'failed') done.resolve(one)
    else {
      const error = errorOf(one.failure)
      if (first === undefined || error.code === 'ERR_STORAGE_FULL') first = error
      done.reject(error)
    }
  }
  return first
}

/** What the write takes while it waits. */
function bytesOf({ statements }: ThreadWrite): number {
  let bytes = 0
  for (const { sql, params = [] } of statements) {
    bytes += sql.length
    for (const value of params) bytes += bytesOfValue(value)
  }
  return bytes
}
