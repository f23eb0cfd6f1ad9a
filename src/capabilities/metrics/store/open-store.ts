import { join } from 'node:path'
import { parseLabels } from '../../../mechanisms/remote-write/write-request.ts'
import type { Clock, Log } from '../../../platform/capability.ts'
import { BlockSet } from './block-set.ts'
import { findCheckpoint, readRecordFile, readState } from './checkpoint.ts'
import { ChunkFiles } from './chunk-files.ts'
import { type Files, machineFiles, numberedFiles, numberedPath } from './files.ts'
import { Head } from './head.ts'
import {
  readExemplarRecord,
  readHistogramRecord,
  readMetadataRecord,
  readSamples,
  readSeriesRecord,
  RECORD,
} from './records.ts'
import { SeriesSet } from './series-set.ts'
import { Store, type StoreLimits, type StoreParts } from './store.ts'
import { openWal, type Replay } from './wal.ts'

/** What opening a store needs. */
export interface StoreOptions {
  readonly folder: string
  readonly clock: Clock
  readonly log: Log
  readonly limits: StoreLimits
  /** Of the hash of keys: nobody else knows it. */
  readonly seed: number
  readonly files?: Files
}

/** A store, and what its start has read. */
export interface OpenedStore {
  readonly store: Store
  readonly replay: Replay
}

/** Opens the store in a folder: the last checkpoint, and the log behind it. */
export async function openStore(options: StoreOptions): Promise<OpenedStore> {
  const { folder, clock, log, files = machineFiles } = options
  const ground = { files, clock, log }
  const chunkFolder = join(folder, 'chunks')
  const lastChunkFile = (await numberedFiles(chunkFolder)).at(-1) ?? 0
  const chunkFiles = new ChunkFiles(chunkFolder, lastChunkFile + 1, ground)
  const series = new SeriesSet(options.seed)
  const head = new Head(chunkFiles, options.limits.outOfOrderMs)
  const blocks = new BlockSet(folder, clock, log)
  await blocks.load()
  head.cutTime = Math.max(head.cutTime, ...blocks.all.map(({ info }) => info.meta.maxTime))
  const parts: StoreParts = { ...options, files, series, head, chunkFiles, blocks }

  const checkpoints = join(folder, 'checkpoints')
  const checkpoint = await findCheckpoint(checkpoints)
  const replayer = new Replayer(parts, cutOf(blocks, checkpoint))
  if (checkpoint !== undefined) {
    await readRecordFile(numberedPath(checkpoints, checkpoint), (record) => replayer.take(record))
  }
  const { wal, replay } = await openWal(join(folder, 'wal'), checkpoint ?? 1, ground, (record) =>
    replayer.take(record),
  )
  series.findFree()
  const store = new Store(parts, wal)
  replayer.finish(store)
  if (replay.tornSegments > 0) {
    log('info', 'the log of samples ended in the middle of a record', { ...replay })
  }
  // Numbers that mean something else than the log says must not be logged twice.
  if (replayer.hasMoved) await store.checkpoint()
  return { store, replay }
}

/** Chunks of this checkpoint that end before are in blocks already: a kill came before the next checkpoint. */
function cutOf(blocks: BlockSet, checkpoint: number | undefined): number {
  const made = blocks.all.filter(({ info }) => info.meta.backplane?.checkpoint === checkpoint)
  return Math.max(Number.NEGATIVE_INFINITY, ...made.map(({ info }) => info.meta.maxTime))
}

/** Puts records back into a head. */
class Replayer {
  readonly #parts: StoreParts
  /** What a number of the log means, where it is another one. */
  readonly #moved = new Map<number, number>()
  readonly #later: ((store: Store) => void)[] = []
  hasMoved = false

  readonly #cut: number

  constructor(parts: StoreParts, cut: number) {
    this.#parts = parts
    this.#cut = cut
  }

  /** Takes one record; what cannot be read is told and left out. */
  take(record: Buffer): void {
    const { series, head } = this.#parts
    const type: number = record[0] ?? 0
    switch (type) {
      case RECORD.state: {
        const state = readState(record)
        series.restore(state.ref, state.key)
        state.restore(head, ({ maxTime }) => maxTime >= this.#cut)
        return
      }
      case RECORD.series: {
        const { ref, key } = readSeriesRecord(record)
        this.#restoreSeries(ref, key)
        return
      }
      case RECORD.samples:
        readSamples(record, (ref, time, high, low) => {
          const actual = this.#actual(ref)
          if (series.has(actual)) head.replay(actual, time, high, low)
        })
        return
      case RECORD.late:
        readSamples(record, (ref, time, high, low) => {
          const actual = this.#actual(ref)
          if (series.has(actual)) head.restoreLate(actual, time, high, low)
        })
        return
      case RECORD.histogram: {
        const { ref, time, histogram } = readHistogramRecord(record)
        const actual = this.#actual(ref)
        if (histogram !== undefined && series.has(actual)) {
          head.appendHistogram(actual, time, histogram)
        }
        return
      }
      default:
        this.#takeOther(record)
    }
  }

  /** What needs the whole store. */
  finish(store: Store): void {
    for (const run of this.#later) run(store)
  }

  #takeOther(record: Buffer): void {
    if (record[0] === RECORD.metadata) {
      const metadata = readMetadataRecord(record)
      this.#later.push((store) => store.restoreMetadata(metadata))
    } else if (record[0] === RECORD.exemplar) {
      const { ref, timeMs, value, labels } = readExemplarRecord(record)
      const actual = this.#actual(ref)
      const { series } = this.#parts
      if (!series.has(actual)) return
      const owner = series.index.labels(actual)
      const exemplar = {
        labels: parseLabels(labels, 0, labels.length),
        timeMs,
        value,
      }
      this.#later.push((store) => void store.exemplars.add(owner, exemplar))
    }
  }

  #actual(ref: number): number {
    return this.#moved.size === 0 ? ref : (this.#moved.get(ref) ?? ref)
  }

  #restoreSeries(ref: number, key: Buffer): void {
    const { series } = this.#parts
    const known = series.find(key, 0, key.length)
    let actual = known
    if (known < 0) {
      if (series.has(ref)) {
        actual = series.add(parseLabels(key, 0, key.length), key)
      } else {
        series.restore(ref, key)
        actual = ref
      }
    }
    if (actual === ref) this.#moved.delete(ref)
    else {
      this.#moved.set(ref, actual)
      this.hasMoved = true
    }
  }
}
