import { HistogramChunk } from '../../../mechanisms/gorilla/histogram-chunk.ts'
import { OpenChunks } from '../../../mechanisms/gorilla/open-chunks.ts'
import type { FloatHistogram } from '../../../mechanisms/native-histogram/float-histogram.ts'
import { CHUNK_ENCODING, type FramedChunk } from '../../../mechanisms/tsdb-block/chunk-frame.ts'
import type { ChunkFiles } from './chunk-files.ts'
import { ChunkLists, type ClosedChunk, copied } from './chunk-list.ts'
import { LATE_SAMPLES_MAX, LateSamples } from './out-of-order.ts'

/** Blocks begin and end at multiples of this, and so no chunk reaches over one: two hours. */
export const BLOCK_RANGE_MS = 2 * 3_600_000

/** What became of a sample. */
export type Verdict =
  | 'stored'
  /** Stored, behind newer ones of its series. */
  | 'late'
  /** The same sample is there. */
  | 'known'
  /** There is another value at this time. */
  | 'conflict'
  /** Older than the newest of its series, and late samples are not taken. */
  | 'out-of-order'
  /** Older than what is still written to. */
  | 'too-old'

const START = 256
const NONE = Number.NEGATIVE_INFINITY

/** Chunks of a series as they are in memory now. */
export interface OpenChunk {
  readonly minTime: number
  readonly maxTime: number
  readonly framed: FramedChunk
}

/**
 * The newest samples of all series, in columns by the number of a series: its open chunk, the last time. Closed chunks go to files. Knows no
 * labels, and writes no log: the store does both.
 */
export class Head {
  readonly #files: ChunkFiles
  readonly #lateWindowMs: number
  readonly #open = new OpenChunks()
  readonly #lists = new ChunkLists()
  readonly #histograms = new Map<number, HistogramChunk>()
  readonly #late = new Map<number, LateSamples>()
  #slots = new Int32Array(START).fill(-1)
  #lastTimes = new Float64Array(START).fill(NONE)
  #ends = new Float64Array(START)
  #histogramBytes = 0
  #samples = 0
  #closedChunks = 0
  /** The newest sample of all. */
  maxTime = NONE
  /** Nothing in it is older, but for what came late. */
  minTime = Infinity
  /** What is older belongs to blocks that are written already: only late samples go there. */
  cutTime = NONE

  constructor(files: ChunkFiles, lateWindowMs: number) {
    this.#files = files
    this.#lateWindowMs = lateWindowMs
  }

  /** About what it holds in memory. */
  get bytes(): number {
    return (
      this.#open.bytes +
      this.#lists.bytes +
      this.#slots.length * 20 +
      this.#histogramBytes +
      this.#late.size * 1_024
    )
  }

  /** Samples that were stored since the start. */
  get samples(): number {
    return this.#samples
  }

  /** Chunks in files. */
  get closedChunks(): number {
    return this.#lists.count
  }

  /** All chunks that were closed since the start. */
  get closedChunksTotal(): number {
    return this.#closedChunks
  }

  /** Adds a number; the value is the halves of a double. */
  append(ref: number, time: number, high: number, low: number): Verdict {
    if (ref >= this.#slots.length) this.#grow(ref)
    const last = this.#lastTimes[ref]!
    if (time <= last || time < this.cutTime) return this.#appendLate(ref, time, high, low)
    const slot = this.#slots[ref]!
    if (slot < 0 || time >= this.#ends[ref]! || !this.#open.append(slot, time, high, low)) {
      this.#begin(ref, time)
      this.#open.append(this.#slots[ref]!, time, high, low)
    }
    this.#lastTimes[ref] = time
    this.#samples++
    this.#noteTime(time)
    return 'stored'
  }

  /** Adds a number that a log says: what is there, or in a block, is left out. */
  replay(ref: number, time: number, high: number, low: number): void {
    if (time > this.lastTime(ref) && time >= this.cutTime) this.append(ref, time, high, low)
  }

  /** Adds a native histogram. Late ones are not taken. */
  appendHistogram(ref: number, time: number, histogram: FloatHistogram): Verdict {
    if (ref >= this.#slots.length) this.#grow(ref)
    const last = this.#lastTimes[ref]!
    if (time === last) return 'known'
    if (time < last) return 'out-of-order'
    if (time < this.cutTime) return 'too-old'
    let chunk = this.#histograms.get(ref)
    const before = chunk?.bytes ?? 0
    if (chunk === undefined || time >= this.#ends[ref]! || !chunk.append(time, histogram)) {
      this.close(ref)
      chunk = new HistogramChunk(histogram)
      chunk.append(time, histogram)
      this.#histograms.set(ref, chunk)
      this.#ends[ref] = endOfRange(time)
    }
    this.#histogramBytes += chunk.bytes - before
    this.#lastTimes[ref] = time
    this.#samples++
    this.#noteTime(time)
    return 'stored'
  }

  lastTime(ref: number): number {
    return this.#lastTimes[ref] ?? NONE
  }

  /** Moves the open chunk of a series to the files. */
  close(ref: number): void {
    const slot = this.#slots[ref] ?? -1
    if (slot >= 0) {
      this.#file(
        ref,
        this.#open.firstTime(slot),
        this.#open.lastTime(slot),
        CHUNK_ENCODING.floats,
        this.#open.chunk(slot),
      )
      this.#open.release(slot)
      this.#slots[ref] = -1
    }
    const chunk = this.#histograms.get(ref)
    if (chunk === undefined) return
    this.#file(ref, chunk.firstTime, chunk.lastTime, CHUNK_ENCODING.histograms, chunk.chunk())
    this.#histogramBytes -= chunk.bytes
    this.#histograms.delete(ref)
  }

  /** Moves to the files what a series has before a time, late samples too. */
  closeBefore(ref: number, time: number): void {
    if (this.#lastTimes[ref]! < time || (this.#ends[ref]! <= time && this.#hasOpen(ref))) {
      this.close(ref)
    }
    const late = this.#late.get(ref)
    if (late !== undefined && late.times[0]! < time) this.#fileLate(ref, late)
  }

  /** Forgets the closed chunks of a series that end before a time and stand before a place. */
  dropBefore(ref: number, time: number, place: number): void {
    this.#lists.dropBefore(ref, time, place)
  }

  /** Whether nothing of a series is here, and nothing was added since a time. */
  isGone(ref: number, time: number): boolean {
    return (
      !this.#hasOpen(ref) &&
      !this.#lists.has(ref) &&
      !this.#late.has(ref) &&
      this.#lastTimes[ref]! < time
    )
  }

  /** Makes the number free for another series. */
  forget(ref: number): void {
    this.#lastTimes[ref] = NONE
    this.#lists.dropBefore(ref, Infinity, Infinity)
  }

  /** The chunks of a series in memory that have something from `from` to `to`, both included. */
  openChunks(ref: number, from: number, to: number): readonly OpenChunk[] {
    const found: OpenChunk[] = []
    const slot = this.#slots[ref] ?? -1
    if (slot >= 0) {
      const minTime = this.#open.firstTime(slot)
      const maxTime = this.#open.lastTime(slot)
      if (minTime <= to && maxTime >= from) {
        const framed = { encoding: CHUNK_ENCODING.floats, chunk: this.#open.chunk(slot) }
        found.push({ minTime, maxTime, framed })
      }
    }
    if (this.#histograms.size > 0) this.#addHistogram(ref, from, to, found)
    if (this.#late.size > 0) this.#addLate(ref, from, to, found)
    return found
  }

  /** Its closed chunks. */
  get lists(): ChunkLists {
    return this.#lists
  }

  /** What a checkpoint says of a series. */
  parts(ref: number): HeadParts {
    return {
      lastTime: this.#lastTimes[ref] ?? NONE,
      slot: this.#slots[ref] ?? -1,
      histogram: this.#histograms.get(ref),
      late: this.#late.get(ref),
    }
  }

  get open(): OpenChunks {
    return this.#open
  }

  /** Takes over what a checkpoint had of a series. */
  restore(ref: number, lastTime: number, slot: number): void {
    if (ref >= this.#slots.length) this.#grow(ref)
    this.#lastTimes[ref] = lastTime
    this.#slots[ref] = slot
    if (slot >= 0) this.#ends[ref] = endOfRange(this.#open.firstTime(slot))
    if (lastTime > NONE) this.#noteTime(lastTime)
    if (slot >= 0) this.#noteTime(this.#open.firstTime(slot))
  }

  /** Takes over a late sample that a checkpoint or a log had. */
  restoreLate(ref: number, time: number, high: number, low: number): void {
    let late = this.#late.get(ref)
    if (late === undefined) this.#late.set(ref, (late = new LateSamples()))
    late.add(time, high, low)
    if (late.count >= LATE_SAMPLES_MAX) this.#fileLate(ref, late)
    if (this.lastTime(ref) === NONE) this.restore(ref, time, -1)
  }

  /** Takes over a closed chunk that a checkpoint had. */
  restoreChunk(ref: number, chunk: ClosedChunk): void {
    this.#lists.add(ref, chunk)
    this.#noteTime(chunk.minTime)
  }

  #noteTime(time: number): void {
    if (time > this.maxTime) this.maxTime = time
    if (time < this.minTime && time >= this.cutTime) this.minTime = time
  }

  #hasOpen(ref: number): boolean {
    return this.#slots[ref]! >= 0 || this.#histograms.has(ref)
  }

  #begin(ref: number, time: number): void {
    this.close(ref)
    this.#slots[ref] = this.#open.open()
    this.#ends[ref] = endOfRange(time)
  }

  #appendLate(ref: number, time: number, high: number, low: number): Verdict {
    const last = this.#lastTimes[ref]!
    const slot = this.#slots[ref]!
    if (time === last) {
      const isSame =
        slot < 0 || (this.#open.lastHigh(slot) === high && this.#open.lastLow(slot) === low)
      return isSame ? 'known' : 'conflict'
    }
    if (time < this.maxTime - this.#lateWindowMs || this.#lateWindowMs === 0) {
      return time < last ? 'out-of-order' : 'too-old'
    }
    let late = this.#late.get(ref)
    if (late === undefined) this.#late.set(ref, (late = new LateSamples()))
    if (!late.add(time, high, low)) return 'known'
    this.#samples++
    if (last === NONE) this.#lastTimes[ref] = time
    if (late.count >= LATE_SAMPLES_MAX) this.#fileLate(ref, late)
    return 'late'
  }

  #fileLate(ref: number, late: LateSamples): void {
    this.#late.delete(ref)
    for (const { minTime, maxTime, chunk } of late.chunks(BLOCK_RANGE_MS)) {
      this.#file(ref, minTime, maxTime, CHUNK_ENCODING.floats, chunk)
    }
  }

  #file(ref: number, minTime: number, maxTime: number, encoding: number, chunk: Uint8Array): void {
    this.#closedChunks++
    this.#lists.add(ref, { minTime, maxTime, ...this.#files.append(encoding, chunk) })
  }

  #addHistogram(ref: number, from: number, to: number, found: OpenChunk[]): void {
    const chunk = this.#histograms.get(ref)
    if (chunk === undefined || chunk.firstTime > to || chunk.lastTime < from) return
    const framed = { encoding: CHUNK_ENCODING.histograms, chunk: chunk.chunk() }
    found.push({ minTime: chunk.firstTime, maxTime: chunk.lastTime, framed })
  }

  #addLate(ref: number, from: number, to: number, found: OpenChunk[]): void {
    for (const { minTime, maxTime, chunk } of this.#late.get(ref)?.chunks(BLOCK_RANGE_MS) ?? []) {
      if (minTime > to || maxTime < from) continue
      found.push({ minTime, maxTime, framed: { encoding: CHUNK_ENCODING.floats, chunk } })
    }
  }

  #grow(ref: number): void {
    const before = this.#slots.length
    const length = Math.max(ref + 1, before * 2)
    this.#slots = copied(new Int32Array(length), this.#slots)
    this.#slots.fill(-1, before)
    this.#lastTimes = copied(new Float64Array(length), this.#lastTimes)
    this.#lastTimes.fill(NONE, before)
    this.#ends = copied(new Float64Array(length), this.#ends)
  }
}

/** What a checkpoint says of a series. */
export interface HeadParts {
  readonly lastTime: number
  /** -1: no open chunk of numbers. */
  readonly slot: number
  readonly histogram: HistogramChunk | undefined
  readonly late: LateSamples | undefined
}

/** The multiple of the range behind a time. */
function endOfRange(time: number): number {
  return (Math.floor(time / BLOCK_RANGE_MS) + 1) * BLOCK_RANGE_MS
}
