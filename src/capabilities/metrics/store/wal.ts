import { readFile } from 'node:fs/promises'
import type { Clock, Log } from '../../../platform/capability.ts'
import { encodeFrame, readFrames } from './frames.ts'
import {
  type Files,
  numberedFiles,
  numberedPath,
  removeNumbered,
  syncFolder,
  type WritableFile,
} from './files.ts'

/** A segment that has so many bytes is followed by another one. */
export const SEGMENT_BYTES_MAX = 8 * 1024 * 1024
/** Bytes that may wait for the disk: beyond it samples are refused. */
export const PENDING_BYTES_MAX = 32 * 1024 * 1024
/** After a failure the disk is tried again so often. */
const RETRY_MS = 1_000

/** What was said is not on the disk: it stays in memory and is tried again, but nobody may rely on it. */
export class WalWriteError extends Error {
  readonly code = 'ERR_METRICS_WAL_WRITE'

  constructor(cause: unknown) {
    super(
      `Samples cannot be written to the disk: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
    this.name = 'WalWriteError'
  }
}

interface Waiter {
  readonly sequence: number
  resolve(): void
  reject(error: Error): void
}

/**
 * A log of records in segments. What is appended is written and synced in groups: while one group is on its way the next one gathers.
 * After a failure the segment is given up at its last good byte, and everything that is not known to be on the disk goes into a new one.
 */
export class Wal {
  readonly #folder: string
  readonly #files: Files
  readonly #clock: Clock
  readonly #log: Log
  #segment: number
  #file: WritableFile | undefined
  #fileBytes = 0
  #gathered: Uint8Array[] = []
  #gatheredBytes = 0
  #writing: readonly Uint8Array[] = []
  #writingBytes = 0
  #appended = 0
  #durable = 0
  #mustRotate = false
  #isRunning = false
  #isClosed = false
  #failure: WalWriteError | undefined
  #waiters: Waiter[] = []
  #idle = Promise.resolve()
  /** Bytes in all segments that may be needed after a restart. */
  #bytes = 0

  constructor(folder: string, segment: number, bytes: number, ground: WalGround) {
    this.#folder = folder
    this.#segment = segment
    this.#bytes = bytes
    this.#files = ground.files
    this.#clock = ground.clock
    this.#log = ground.log
  }

  /** Bytes that wait for the disk. */
  get pendingBytes(): number {
    return this.#gatheredBytes + this.#writingBytes
  }

  /** Bytes that a restart would have to read. */
  get bytes(): number {
    return this.#bytes
  }

  /** Why the disk does not take anything now. */
  get failure(): WalWriteError | undefined {
    return this.#failure
  }

  /** Adds a record. It is on the disk when a `flush` that began afterwards has resolved. */
  append(record: Uint8Array): void {
    const frame = encodeFrame(record)
    this.#gathered.push(frame)
    this.#gatheredBytes += frame.length
    this.#appended++
  }

  /** Resolves when all that was appended until now is on the disk. Rejects with `WalWriteError`. */
  flush(): Promise<void> {
    if (this.#durable === this.#appended) return Promise.resolve()
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const sequence = this.#appended
    const waiting = new Promise<void>((resolve, reject) => {
      this.#waiters.push({ sequence, resolve, reject })
    })
    if (!this.#isRunning) {
      this.#isRunning = true
      this.#idle = this.#run()
    }
    return waiting
  }

  /** The number of a segment that has everything which is appended from now on. */
  rotate(): number {
    this.#mustRotate = true
    return this.#segment + 1
  }

  /** Removes the segments below a number: a checkpoint has what they say. */
  async removeBefore(segment: number): Promise<void> {
    await removeNumbered(this.#folder, segment)
    this.#bytes = this.#fileBytes
  }

  async close(): Promise<void> {
    await this.flush().catch(() => {})
    this.#isClosed = true
    await this.#idle
    await this.#file?.close()
    this.#file = undefined
  }

  async #run(): Promise<void> {
    while (this.pendingBytes > 0 && !this.#isClosed) {
      if (this.#writing.length === 0) {
        this.#writing = this.#gathered
        this.#writingBytes = this.#gatheredBytes
        this.#gathered = []
        this.#gatheredBytes = 0
      }
      const sequence = this.#appended - this.#gathered.length
      try {
        await this.#write()
        this.#tell(sequence)
      } catch (error) {
        await this.#fail(error)
      }
    }
    this.#isRunning = false
  }

  async #write(): Promise<void> {
    if (this.#mustRotate || this.#fileBytes >= SEGMENT_BYTES_MAX) {
      this.#mustRotate = false
      await this.#closeSegment()
    }
    if (this.#file === undefined) {
      this.#file = await this.#files.create(numberedPath(this.#folder, ++this.#segment))
      await syncFolder(this.#folder)
    }
    await this.#file.write(this.#writing, this.#fileBytes)
    await this.#file.sync()
    this.#fileBytes += this.#writingBytes
    this.#bytes += this.#writingBytes
    this.#writing = []
    this.#writingBytes = 0
  }

  #tell(sequence: number): void {
    if (this.#failure !== undefined) {
      this.#failure = undefined
      this.#log('info', 'the disk takes samples again')
    }
    this.#durable = sequence
    const ready = this.#waiters.filter((waiter) => waiter.sequence <= sequence)
    this.#waiters = this.#waiters.filter((waiter) => waiter.sequence > sequence)
    for (const waiter of ready) waiter.resolve()
  }

  async #fail(cause: unknown): Promise<void> {
    const error = new WalWriteError(cause)
    if (this.#failure === undefined) this.#log('error', error.message, { code: error.code })
    this.#failure = error
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
    const file = this.#file
    this.#file = undefined
    // What could not be synced is not there, whatever the file says.
    await file?.truncate(this.#fileBytes).catch(() => {})
    await file?.close().catch(() => {})
    this.#fileBytes = 0
    if (this.#isClosed) return
    await new Promise<void>((resolve) => this.#clock.after(RETRY_MS, resolve))
  }

  async #closeSegment(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    this.#fileBytes = 0
    await file?.close()
  }
}

/** What a log needs of its surroundings. */
export interface WalGround {
  readonly files: Files
  readonly clock: Clock
  readonly log: Log
}

/** What reading a log has shown. */
export interface Replay {
  readonly segments: number
  readonly bytes: number
  /** Segments with something behind their last whole record: torn by a kill, or damaged. */
  readonly tornSegments: number
}

/**
 * Reads the segments from a number on, hands on each record, and opens the log behind them. A segment that is torn ends there: what follows
 * stands in the next one.
 */
export async function openWal(
  folder: string,
  fromSegment: number,
  ground: WalGround,
  onRecord: (record: Buffer) => void,
): Promise<{ readonly wal: Wal; readonly replay: Replay }> {
  const numbers = await numberedFiles(folder)
  let bytes = 0
  let tornSegments = 0
  let segments = 0
  for (const number of numbers) {
    if (number < fromSegment) continue
    const content = await readFile(numberedPath(folder, number))
    const { isTorn } = readFrames(content, onRecord)
    segments++
    bytes += content.length
    if (isTorn) tornSegments++
  }
  const last = Math.max(fromSegment - 1, ...numbers)
  const wal = new Wal(folder, last, bytes, ground)
  return { wal, replay: { segments, bytes, tornSegments } }
}
