import { rm } from 'node:fs/promises'
import type { Clock, Log } from '../../../platform/capability.ts'
import { encodeGroup, joinExtents, NO_EXTENT, type Extent } from './groups.ts'
import { segmentPath, type SegmentFile, type SegmentFiles } from './segment-files.ts'

/** A segment that has so many bytes is followed by another one. */
export const SEGMENT_BYTES_MAX = 32 * 1024 * 1024
/** Characters that one group takes, about. */
const GROUP_CHARACTERS_MAX = 8 * 1024 * 1024
/** After a failure the disk is tried again so often. */
const RETRY_MS = 1_000

/** What was said is not on the disk: it waits and is tried again, but nobody may rely on it. */
export class SegmentWriteError extends Error {
  readonly code = 'ERR_LOGS_WRITE'

  constructor(cause: unknown) {
    super(
      `Logs and traces cannot be written to the disk: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
    this.name = 'SegmentWriteError'
  }
}

/** A file of records that are not sealed yet. */
export interface Segment {
  readonly number: number
  readonly path: string
  readonly bytes: number
  readonly extent: Extent
}

/** What it needs. */
export interface SegmentLogOptions {
  readonly folder: string
  readonly files: SegmentFiles
  readonly clock: Clock
  readonly log: Log
  /** The number of the last segment that is there; 0: none. */
  readonly lastNumber: number
  /** A segment is whole: nothing is written to it any more. */
  closed(segment: Segment): void
}

interface Group {
  lines: string
  extent: Extent
  /** Whoever waits for it was told that it failed. */
  isRefused: boolean
  readonly written: PromiseWithResolvers<void>
}

/**
 * Records on their way to the disk. What is appended is written and synced in groups: while one is on its way the next one gathers. After a failure
 * the segment is given up at its last good byte, everything that waits is refused to whoever waits for it, and tried again.
 */
export class SegmentLog {
  readonly #options: SegmentLogOptions
  #groups: Group[] = []
  #current: { readonly number: number; readonly file: SegmentFile } | undefined
  #number: number
  #bytes = 0
  #extent = NO_EXTENT
  #openedAtMs = 0
  #isRunning = false
  #isClosed = false
  #mustRotate = false
  #running: Promise<void> = Promise.resolve()
  /** Characters that wait for the disk. */
  pending = 0
  /** Why the disk takes nothing now. */
  failure: SegmentWriteError | undefined

  constructor(options: SegmentLogOptions) {
    this.#options = options
    this.#number = options.lastNumber
  }

  /** The segment that is being written; undefined: there is none. */
  get open(): Segment | undefined {
    if (this.#current === undefined || this.#bytes === 0) return undefined
    const { number } = this.#current
    return {
      number,
      path: segmentPath(this.#options.folder, number),
      bytes: this.#bytes,
      extent: this.#extent,
    }
  }

  /** Since when the open segment has been written, monotonic milliseconds. */
  get openedAtMs(): number {
    return this.#openedAtMs
  }

  /** Adds lines, each with its end. Resolves when they are on the disk; rejects with `SegmentWriteError`. */
  append(lines: string, extent: Extent): Promise<void> {
    const last = this.#groups.at(-1)
    this.pending += lines.length
    if (last !== undefined && !last.isRefused && last.lines.length < GROUP_CHARACTERS_MAX) {
      last.lines += lines
      last.extent = joinExtents(last.extent, extent)
      return last.written.promise
    }
    const group = { lines, extent, isRefused: false, written: Promise.withResolvers<void>() }
    group.written.promise.catch(() => {})
    this.#groups.push(group)
    if (this.failure !== undefined) refuse(group, this.failure)
    this.#start()
    return group.written.promise
  }

  /** The open segment is closed behind what was appended until now. */
  async rotate(): Promise<void> {
    this.#mustRotate = true
    this.#start()
    await this.#running
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#running
    await this.#current?.file.close().catch(() => {})
    this.#current = undefined
  }

  #start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#running = this.#run()
  }

  async #run(): Promise<void> {
    // A moment later: what comes in the same turn is one group.
    await Promise.resolve()
    while (this.#groups.length > 0 || this.#mustRotate) {
      try {
        if (this.#groups.length > 0) await this.#writeFirst()
        if (this.#mustRotate || this.#bytes >= SEGMENT_BYTES_MAX) await this.#closeSegment()
      } catch (error) {
        await this.#fail(error)
        if (this.#isClosed) break
      }
    }
    this.#isRunning = false
  }

  async #writeFirst(): Promise<void> {
    const [group] = this.#groups
    if (group === undefined) return
    // What is appended from now on is the next group.
    this.#groups.shift()
    try {
      const { file } = (this.#current ??= await this.#openNext())
      const bytes = encodeGroup(group.lines, group.extent)
      await file.write(bytes, this.#bytes)
      await file.sync()
      this.#bytes += bytes.length
      this.#extent = joinExtents(this.#extent, group.extent)
    } catch (error) {
      this.#groups.unshift(group)
      throw error
    }
    this.pending -= group.lines.length
    if (this.failure !== undefined) {
      this.failure = undefined
      this.#options.log('info', 'the disk takes logs and traces again')
    }
    group.written.resolve()
  }

  async #openNext(): Promise<{ readonly number: number; readonly file: SegmentFile }> {
    const { folder, files, clock } = this.#options
    const number = ++this.#number
    const file = await files.create(segmentPath(folder, number))
    this.#openedAtMs = clock.monotonicMs()
    return { number, file }
  }

  async #closeSegment(): Promise<void> {
    this.#mustRotate = false
    const segment = this.open
    const current = this.#current
    this.#current = undefined
    this.#bytes = 0
    this.#extent = NO_EXTENT
    if (current === undefined) return
    // Told before anything is waited for: a reader finds the segment in one of the two places at any moment.
    if (segment !== undefined) this.#options.closed(segment)
    // What was synced is there, whatever closing says.
    await current.file.close().catch(() => {})
    // A disk that is full for a day would leave a file of nothing for each second.
    if (segment === undefined)
      await rm(segmentPath(this.#options.folder, current.number), { force: true }).catch(() => {})
  }

  async #fail(cause: unknown): Promise<void> {
    const { log, clock } = this.#options
    const error = new SegmentWriteError(cause)
    if (this.failure === undefined) log('error', error.message, { code: error.code })
    this.failure = error
    for (const group of this.#groups) refuse(group, error)
    // What could not be synced is not there, whatever the file says.
    await this.#current?.file.truncate(this.#bytes).catch(() => {})
    await this.#closeSegment()
    if (this.#isClosed) return
    await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve))
  }
}

function refuse(group: Group, error: SegmentWriteError): void {
  group.isRefused = true
  group.written.reject(error)
}
