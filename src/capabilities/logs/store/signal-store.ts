import { rm } from 'node:fs/promises'
import { stat } from 'node:fs/promises'
import type { Signal } from '../../../contracts/signals.ts'
import type { Clock, Log } from '../../../platform/capability.ts'
import { checkGroups } from './groups.ts'
import type { KeepRule } from './keep-sql.ts'
import { keepMsOf } from './keep-sql.ts'
import { Leases } from './leases.ts'
import { planMerge } from './merge-plan.ts'
import { mergeFiles, sealSegment, type SealGround } from './seal.ts'
import { endOfHour, findSealed, hourOf, type SealedFile } from './sealed-files.ts'
import {
  cutSegment,
  readSegment,
  segmentFolder,
  segmentNumbers,
  segmentPath,
  type SegmentFiles,
} from './segment-files.ts'
import { SegmentLog, type Segment } from './segment-log.ts'

/** A segment is sealed after so long, however little it has. */
export const SEGMENT_AGE_MAX_MS = 600_000
/** An hour gets no more files so long after its end. */
const HOUR_SETTLED_MS = 900_000

/** How long records are kept. */
export interface Keeping {
  readonly timeMs: number
  readonly rules: readonly KeepRule[]
}

/** What it stands on. */
export interface SignalGround extends SealGround {
  readonly files: SegmentFiles
  readonly clock: Clock
  readonly log: Log
}

/** Files as they are now, for a reader, until it calls `release`. */
export interface Readable {
  readonly hot: readonly Segment[]
  readonly sealed: readonly SealedFile[]
  release(): void
}

/** Logs or spans on the disk: segments that grow, and Parquet files. */
export class SignalStore {
  readonly segments: SegmentLog
  readonly #signal: Signal
  readonly #ground: SignalGround
  readonly #leases = new Leases((path) => rm(path, { force: true }))
  /** Segments whose files are still there though Parquet has them. */
  readonly #lingering = new Set<number>()
  #closed: Segment[]
  #sealed: SealedFile[]
  #upkeep: Promise<void> = Promise.resolve()
  /** Why the last attempt to seal failed; '': it did not. */
  sealFailure = ''

  /** Reads what is there; what a kill has torn is cut behind its last whole group. */
  static async open(signal: Signal, ground: SignalGround): Promise<SignalStore> {
    const folder = segmentFolder(ground.folder, signal)
    const segments: Segment[] = []
    for (const number of await segmentNumbers(folder)) {
      const path = segmentPath(folder, number)
      const content = await readSegment(path)
      const { bytes, extent } = checkGroups(content)
      if (bytes < content.length || bytes === 0) {
        await cutSegment(path, bytes)
        ground.log('warn', 'the end of a segment was torn', {
          path,
          lostBytes: content.length - bytes,
        })
      }
      if (bytes > 0) segments.push({ number, path, bytes, extent })
    }
    const unsealed = new Set(segments.map(({ number }) => number))
    const sealed = await findSealed(ground.folder, signal, unsealed)
    const lastNumber = Math.max(0, ...unsealed, ...sealed.map(({ last }) => last))
    return new SignalStore(signal, ground, segments, [...sealed], lastNumber)
  }

  constructor(
    signal: Signal,
    ground: SignalGround,
    closed: Segment[],
    sealed: SealedFile[],
    lastNumber: number,
  ) {
    this.#signal = signal
    this.#ground = ground
    this.#closed = closed
    this.#sealed = sealed
    this.segments = new SegmentLog({
      folder: segmentFolder(ground.folder, signal),
      files: ground.files,
      clock: ground.clock,
      log: ground.log,
      lastNumber,
      closed: (segment) => void this.#closed.push(segment),
    })
  }

  /** Everything that is there now. */
  read(): Readable {
    const { open } = this.segments
    return {
      hot: open === undefined ? [...this.#closed] : [...this.#closed, open],
      sealed: [...this.#sealed],
      release: this.#leases.take(),
    }
  }

  /** Bytes on the disk. */
  get bytes(): number {
    const sum = (files: readonly { readonly bytes: number }[]): number =>
      files.reduce((all, { bytes }) => all + bytes, 0)
    return sum(this.#sealed) + sum(this.#closed) + (this.segments.open?.bytes ?? 0)
  }

  /** Segments that wait to be sealed. */
  get unsealedCount(): number {
    return this.#closed.length
  }

  get fileCount(): number {
    return this.#sealed.length
  }

  /** Records on the disk. */
  get rows(): number {
    const sum = (files: readonly { readonly extent: { readonly rows: number } }[]): number =>
      files.reduce((all, { extent }) => all + extent.rows, 0)
    return sum(this.#sealed) + sum(this.#closed) + (this.segments.open?.extent.rows ?? 0)
  }

  /** The oldest hour of which there is a file; '' where there is none. */
  get oldestHour(): string {
    return this.#sealed.map(({ hour }) => hour).toSorted()[0] ?? ''
  }

  /** Seals, puts together and removes what is due; one at a time. */
  maintain(keeping: Keeping): Promise<void> {
    this.#upkeep = this.#upkeep.then(() => this.#maintain(keeping))
    return this.#upkeep
  }

  /** Seals everything that has come until now. */
  async sealAll(keeping: Keeping): Promise<void> {
    await this.segments.rotate()
    await this.maintain(keeping)
  }

  /** Removes the oldest hour with all its files; false: there is none. */
  async removeOldestHour(): Promise<boolean> {
    const hour = this.oldestHour
    if (hour === '') return false
    await this.#remove(this.#sealed.filter((file) => file.hour === hour))
    return true
  }

  async close(): Promise<void> {
    await this.segments.close()
    await this.#upkeep
  }

  async #maintain({ timeMs, rules }: Keeping): Promise<void> {
    const { clock, log } = this.#ground
    try {
      await this.#rotateOld()
      while (this.#closed.length > 0) await this.#sealFirst(rules)
      const isOver = (hour: string): boolean => endOfHour(hour) + HOUR_SETTLED_MS < clock.nowMs()
      for (;;) {
        const files = planMerge(
          this.#sealed.filter((file) => !this.#isLingering(file)),
          isOver,
        )
        if (files === undefined) break
        await this.#merge(files)
      }
      this.sealFailure = ''
    } catch (error) {
      this.sealFailure = error instanceof Error ? error.message : String(error)
      log('error', 'records cannot be sealed', { signal: this.#signal, error })
    }
    const expired = this.#sealed.filter(
      ({ hour, keep }) => endOfHour(hour) + keepMsOf(keep, timeMs) < clock.nowMs(),
    )
    await this.#remove(expired)
  }

  /** Seldom written ones are sealed by age, and none goes over the hour. */
  async #rotateOld(): Promise<void> {
    const { segments } = this
    if (segments.open === undefined) return
    const ageMs = this.#ground.clock.monotonicMs() - segments.openedAtMs
    if (ageMs >= SEGMENT_AGE_MAX_MS) await segments.rotate()
  }

  async #sealFirst(rules: readonly KeepRule[]): Promise<void> {
    const [segment] = this.#closed
    if (segment === undefined) return
    const { mtimeMs } = await stat(segment.path)
    const files = await sealSegment(this.#ground, this.#signal, segment, hourOf(mtimeMs), rules)
    this.#closed = this.#closed.filter((one) => one !== segment)
    this.#sealed.push(...files)
    this.#lingering.add(segment.number)
    void this.#leases.discard(segment.path).then(() => this.#lingering.delete(segment.number))
  }

  #isLingering({ first, last }: SealedFile): boolean {
    return first === last && this.#lingering.has(first)
  }

  async #merge(files: readonly SealedFile[]): Promise<void> {
    const merged = await mergeFiles(this.#ground, this.#signal, files)
    const gone = new Set(files)
    this.#sealed = [...this.#sealed.filter((file) => !gone.has(file)), merged]
    for (const { path } of files) void this.#leases.discard(path)
  }

  async #remove(files: readonly SealedFile[]): Promise<void> {
    const gone = new Set(files)
    this.#sealed = this.#sealed.filter((file) => !gone.has(file))
    for (const { path } of files) void this.#leases.discard(path)
  }
}
