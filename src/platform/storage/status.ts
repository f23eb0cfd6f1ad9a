import { createCounterWindow } from '../../mechanisms/rates/counter-window.ts'
import type { Clock } from '../capability.ts'
import type { StorageError } from './errors.ts'
import type { GroupWriter } from './group-writer.ts'

/** Over how long the rate of commits is told. */
const RATE_WINDOW_MS = 10_000

/** How one storage is. */
export interface StorageStatus {
  readonly name: string
  readonly file: string
  readonly writesWaiting: number
  readonly waitingBytes: number
  /** Questions to the thread that are not answered, a commit among them. */
  readonly asksWaiting: number
  /** Transactions and the writes in them, since the start. */
  readonly commits: number
  readonly writes: number
  /** Over the last ten seconds. */
  readonly commitsPerSecond: number
  /** The newest write that was refused by the disk or the database. */
  readonly lastError:
    | { readonly code: string; readonly message: string; readonly atMs: number }
    | undefined
  /** The newest commit found no space: writes are refused, reads work. */
  readonly isFull: boolean
}

/** Counts what the writer does. */
export function createStatusKeeper(
  { name, file }: Pick<StorageStatus, 'name' | 'file'>,
  clock: Clock,
) {
  const window = createCounterWindow({ width: 1, windowMs: RATE_WINDOW_MS, buckets: 10 })
  let commits = 0
  let writes = 0
  let isFull = false
  let lastError: StorageStatus['lastError']
  return {
    noteGroup(count: number, error: StorageError | undefined): void {
      commits++
      writes += count
      window.add(0, 1, clock.monotonicMs())
      isFull = error?.code === 'ERR_STORAGE_FULL'
      if (error === undefined) return
      lastError = { code: error.code, message: error.message, atMs: clock.nowMs() }
    },
    status: (
      { writesWaiting, waitingBytes }: Pick<GroupWriter, 'writesWaiting' | 'waitingBytes'>,
      asksWaiting: number,
    ): StorageStatus => ({
      name,
      file,
      writesWaiting,
      waitingBytes,
      asksWaiting,
      commits,
      writes,
      commitsPerSecond: window.sum(0, clock.monotonicMs()) / (RATE_WINDOW_MS / 1000),
      lastError,
      isFull,
    }),
  }
}
