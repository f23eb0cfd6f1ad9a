import { join } from 'node:path'
import type { Exemplar } from '../../../mechanisms/exposition/reader.ts'
import { type Labels, labelsOf } from '../../../mechanisms/labels/labels.ts'
import type { FloatHistogram } from '../../../mechanisms/native-histogram/float-histogram.ts'
import { encodeLabels } from '../../../mechanisms/remote-write/encode-labels.ts'
import type { Clock, Log } from '../../../platform/capability.ts'
import type { BlockSet } from './block-set.ts'
import { CardinalityGuard } from './cardinality-guard.ts'
import { type CheckpointSource, writeCheckpoint } from './checkpoint.ts'
import { CHUNKS_PENDING_BYTES_MAX, type ChunkFiles } from './chunk-files.ts'
import { ExemplarRing } from './exemplars.ts'
import { type Files } from './files.ts'
import { cutHead, cutTimeOf } from './cut.ts'
import type { Head, Verdict } from './head.ts'
import {
  encodeExemplar,
  encodeHistogram,
  encodeMetadata,
  encodeSeries,
  type Metadata,
  SampleRecords,
} from './records.ts'
import type { Retention } from './retention.ts'
import type { SeriesSet } from './series-set.ts'
import { SeriesLimitError, StoreBusyError } from './store-errors.ts'
import { StoreQueries } from './store-query.ts'
import { PENDING_BYTES_MAX, type Wal } from './wal.ts'

/** What a store may hold, and for how long. */
export interface StoreLimits {
  /** Series in the head. */
  readonly seriesMax: number
  /** Values of one label of one metric. */
  readonly labelValuesMax: number
  /** Samples so much older than the newest one are still taken. */
  readonly outOfOrderMs: number
  /** Bytes of the log that a restart reads at most, about. */
  readonly replayBytesMax: number
  readonly exemplarsMax: number
  readonly metadataMax: number
}

/** Whoever is handed every sample that is taken. */
export interface SampleTap {
  add(ref: number, time: number, high: number, low: number): void
  /** Resolves when what was added survives a kill. */
  commit(): Promise<void>
}

/** What a store stands on. */
export interface StoreParts {
  readonly folder: string
  readonly clock: Clock
  readonly log: Log
  readonly files: Files
  readonly limits: StoreLimits
  readonly series: SeriesSet
  readonly head: Head
  readonly chunkFiles: ChunkFiles
  readonly blocks: BlockSet
}

/**
 * Samples of all series: the newest in memory behind a log, older ones in files. What is appended is seen by queries at once; it survives a
 * kill when the `commit` behind it has resolved.
 */
export class Store {
  readonly folder: string
  readonly clock: Clock
  readonly series: SeriesSet
  readonly head: Head
  readonly chunkFiles: ChunkFiles
  readonly blocks: BlockSet
  readonly queries: StoreQueries
  readonly exemplars: ExemplarRing
  readonly guard: CardinalityGuard
  readonly #parts: StoreParts
  readonly #wal: Wal
  readonly #records: SampleRecords
  readonly #lateRecords: SampleRecords
  readonly #metadata = new Map<string, Metadata>()
  /** Sums of series that stand for many, until they are appended. */
  readonly #sums = new Map<number, { time: number; value: number }>()
  readonly #overflowing = new Set<number>()
  readonly #double = new Float64Array(1)
  readonly #words = new Int32Array(this.#double.buffer)
  #checkpointing: Promise<number> | undefined
  #tap: SampleTap | undefined

  constructor(parts: StoreParts, wal: Wal) {
    this.#parts = parts
    this.#wal = wal
    this.folder = parts.folder
    this.clock = parts.clock
    this.series = parts.series
    this.head = parts.head
    this.chunkFiles = parts.chunkFiles
    this.blocks = parts.blocks
    this.queries = new StoreQueries(parts)
    this.exemplars = new ExemplarRing(parts.limits.exemplarsMax)
    this.guard = new CardinalityGuard(parts.limits.labelValuesMax)
    this.#records = new SampleRecords('samples', (record) => wal.append(record))
    this.#lateRecords = new SampleRecords('late', (record) => wal.append(record))
  }

  /** About what it holds in memory. */
  get bytes(): number {
    return (
      this.series.bytes +
      this.head.bytes +
      this.#wal.pendingBytes +
      this.#parts.chunkFiles.pendingBytes +
      this.blocks.bytes +
      this.exemplars.count * 400
    )
  }

  /** The log on the disk, in bytes. */
  get logBytes(): number {
    return this.#wal.bytes
  }

  /** Why the disk does not take anything now. */
  get failure(): Error | undefined {
    return this.#wal.failure
  }

  /** Why nothing is taken now: asked before a batch. */
  get refusal(): StoreBusyError | undefined {
    const waiting = this.#wal.pendingBytes
    const chunks = this.#parts.chunkFiles.pendingBytes
    return waiting > PENDING_BYTES_MAX || chunks > CHUNKS_PENDING_BYTES_MAX
      ? new StoreBusyError(waiting + chunks)
      : undefined
  }

  /** The number of a known series by its key, labels as `encodeLabels` writes them; -1 where it is new. */
  find(key: Uint8Array, start: number, end: number): number {
    return this.series.find(key, start, end)
  }

  /** The number of a series, which is made where it is new. Throws `SeriesLimitError`. */
  seriesOf(given: Labels): number {
    const key = encodeLabels(given)
    const known = this.series.find(key, 0, key.length)
    if (known >= 0) return known
    const labels = this.guard.admit(given, this.series.index)
    if (labels !== given) return this.#overflowOf(labels)
    return this.#add(labels, key)
  }

  /** From now on every sample is handed on, too: numbers, not native histograms. */
  handTo(tap: SampleTap): void {
    this.#tap = tap
  }

  /** Adds a number; the value is the halves of a double. */
  append(ref: number, time: number, high: number, low: number): Verdict {
    if (this.#overflowing.size > 0 && this.#overflowing.has(ref)) {
      return this.#addToSum(ref, time, high, low)
    }
    const verdict = this.head.append(ref, time, high, low)
    if (verdict === 'stored') this.#records.add(ref, time, high, low)
    else if (verdict === 'late') this.#lateRecords.add(ref, time, high, low)
    // What is known already is handed on again: it may be here since before a kill that came before it was handed on.
    if (
      this.#tap !== undefined &&
      (verdict === 'stored' || verdict === 'late' || verdict === 'known')
    ) {
      this.#tap.add(ref, time, high, low)
    }
    return verdict
  }

  /** Adds a number. */
  appendValue(ref: number, time: number, value: number): Verdict {
    this.#double[0] = value
    return this.append(ref, time, this.#words[1]!, this.#words[0]!)
  }

  appendHistogram(ref: number, time: number, histogram: FloatHistogram): Verdict {
    const verdict = this.head.appendHistogram(ref, time, histogram)
    if (verdict === 'stored') this.#wal.append(encodeHistogram(ref, time, histogram))
    return verdict
  }

  /** `timeMs` stands for the time that the exemplar does not say. */
  addExemplar(ref: number, exemplar: Exemplar, timeMs: number): void {
    const labels = labelsOf(exemplar.labels)
    const stored = { labels, timeMs: exemplar.timeMs ?? timeMs, value: exemplar.value }
    if (!this.exemplars.add(this.series.index.labels(ref), stored)) return
    this.#wal.append(encodeExemplar({ ...stored, ref, labels: encodeLabels(labels) }))
  }

  /** Says what a metric is. What is known already is not written again. */
  putMetadata(metadata: Metadata): void {
    const known = this.#metadata.get(metadata.name)
    const isSame =
      known?.type === metadata.type && known.help === metadata.help && known.unit === metadata.unit
    if (isSame) return
    if (known === undefined && this.#metadata.size >= this.#parts.limits.metadataMax) return
    this.#metadata.set(metadata.name, metadata)
    this.#wal.append(encodeMetadata(metadata))
  }

  /** Takes over what a checkpoint or the log says. */
  restoreMetadata(metadata: Metadata): void {
    this.#metadata.set(metadata.name, metadata)
  }

  /** What is known of each metric. */
  get metadata(): ReadonlyMap<string, Metadata> {
    return this.#metadata
  }

  /** Resolves when all that was appended until now survives a kill. Rejects with `WalWriteError`. */
  commit(): Promise<void> {
    for (const [ref, { time, value }] of this.#sums) {
      this.#double[0] = value
      const [low, high] = this.#words
      if (this.head.append(ref, time, high!, low!) !== 'stored') continue
      this.#records.add(ref, time, high!, low!)
      this.#tap?.add(ref, time, high!, low!)
    }
    this.#sums.clear()
    this.#finishRecords()
    const written = this.#wal.flush()
    if (this.#tap === undefined) return written
    return Promise.all([written, this.#tap.commit()]).then(() => {})
  }

  /** Does what is due: blocks of what is old in the head, a checkpoint so that a restart reads no more than it may, fewer and younger blocks. */
  async maintain(retention: Retention): Promise<void> {
    const turn = (): Promise<void> =>
      new Promise<void>((resolve) => void this.clock.nextTurn(resolve))
    const before = cutTimeOf(this.head)
    if (before !== undefined) await cutHead(this, before, turn)
    else if (this.#wal.bytes > this.#parts.limits.replayBytesMax) await this.checkpoint()
    while (await this.blocks.tidy(retention));
  }

  /** Writes what is in memory to a file, so that the log behind it begins anew. Returns its number. Not two at a time. */
  async checkpoint(): Promise<number> {
    await this.#checkpointing?.catch(() => {})
    const writing = this.#writeCheckpoint()
    this.#checkpointing = writing.finally(() => {
      this.#checkpointing = undefined
    })
    this.#checkpointing.catch(() => {})
    return writing
  }

  async close(): Promise<void> {
    await this.#checkpointing?.catch(() => {})
    await this.commit().catch(() => {})
    await this.#wal.close()
    await this.#parts.chunkFiles.close()
    await this.blocks.close()
  }

  async #writeCheckpoint(): Promise<number> {
    const { folder, files, chunkFiles } = this.#parts
    const gone = this.series.takeGone()
    this.#finishRecords()
    const segment = this.#wal.rotate()
    const firstFile = chunkFiles.number
    const needed = await writeCheckpoint(
      join(folder, 'checkpoints'),
      segment,
      this.#checkpointSource(),
      files,
    )
    await this.#wal.removeBefore(segment)
    await chunkFiles.keepOnly(needed, firstFile)
    this.series.release(gone)
    return segment
  }

  #finishRecords(): void {
    this.#records.finish()
    this.#lateRecords.finish()
  }

  #checkpointSource(): CheckpointSource {
    const { clock, chunkFiles } = this.#parts
    return {
      head: this.head,
      limit: this.series.limit,
      key: (ref) => (this.series.has(ref) ? this.series.key(ref) : undefined),
      records: this.#otherRecords(),
      turn: () => new Promise<void>((resolve) => void clock.nextTurn(resolve)),
      syncChunks: () => chunkFiles.sync(),
    }
  }

  *#otherRecords(): Generator<Uint8Array> {
    for (const metadata of this.#metadata.values()) yield encodeMetadata(metadata)
    for (const { series, exemplar } of this.exemplars.all()) {
      const key = encodeLabels(series)
      const ref = this.series.find(key, 0, key.length)
      if (ref < 0) continue
      yield encodeExemplar({ ...exemplar, ref, labels: encodeLabels(exemplar.labels) })
    }
  }

  #overflowOf(labels: Labels): number {
    const key = encodeLabels(labels)
    const known = this.series.find(key, 0, key.length)
    const ref = known >= 0 ? known : this.#add(labels, key)
    this.#overflowing.add(ref)
    return ref
  }

  #add(labels: Labels, key: Uint8Array): number {
    const { seriesMax } = this.#parts.limits
    if (this.series.count >= seriesMax) throw new SeriesLimitError(seriesMax)
    const ref = this.series.add(labels, key)
    this.#wal.append(encodeSeries(ref, key))
    return ref
  }

  #addToSum(ref: number, time: number, high: number, low: number): Verdict {
    this.#words[0] = low
    this.#words[1] = high
    const value = this.#double[0]!
    const sum = this.#sums.get(ref)
    if (sum !== undefined && sum.time === time) sum.value += value
    else if (time <= this.head.lastTime(ref)) return 'known'
    else this.#sums.set(ref, { time, value })
    return 'stored'
  }
}
