import { TIME_BITS_MAX, TimeColumns, VALUE_BITS_MAX, ValueColumns } from './columns.ts'
import { COUNT_BYTES } from './float-chunk.ts'

/** A chunk that grows has so many bytes; when the next sample might not fit it is full. */
export const CHUNK_BYTES_MAX = 256
/** Samples of one chunk. */
export const CHUNK_SAMPLES_MAX = 240

const CHUNKS_PER_PAGE = 1_024
const SAMPLE_BITS_MAX = TIME_BITS_MAX + VALUE_BITS_MAX

/** What a chunk that goes on after a restart must remember besides its bytes. */
export interface OpenChunkState {
  readonly firstTime: number
  readonly lastTime: number
  readonly lastDelta: number
  readonly bits: number
  readonly count: number
  readonly value: readonly [high: number, low: number, leading: number, trailing: number]
  /** The chunk as it is now. */
  readonly chunk: Uint8Array
}

/**
 * The chunks of floats that still grow, many of them: their bytes in pages, and what their encoders remember in columns, so that a
 * hundred thousand of them are a few large arrays and no objects. A slot is the number of one.
 */
export class OpenChunks {
  readonly #pages: Uint8Array[] = []
  #times = new TimeColumns(CHUNKS_PER_PAGE)
  #values = new ValueColumns(CHUNKS_PER_PAGE)
  #firstTimes = new Float64Array(CHUNKS_PER_PAGE)
  #bits = new Uint16Array(CHUNKS_PER_PAGE)
  #counts = new Uint16Array(CHUNKS_PER_PAGE)
  #capacity = 0
  #used = 0
  readonly #free: number[] = []

  /** Bytes of all arrays. */
  get bytes(): number {
    return this.#pages.length * CHUNKS_PER_PAGE * CHUNK_BYTES_MAX + this.#firstTimes.length * 38
  }

  /** A slot with an empty chunk. */
  open(): number {
    const slot = this.#free.pop() ?? this.#used++
    if (slot >= this.#capacity) this.#grow()
    const at = (slot % CHUNKS_PER_PAGE) * CHUNK_BYTES_MAX
    this.#pageOf(slot).fill(0, at, at + CHUNK_BYTES_MAX)
    this.#bits[slot] = COUNT_BYTES * 8
    this.#counts[slot] = 0
    return slot
  }

  /** Adds a sample behind all others of the chunk; the value is the halves of a double. False where the chunk is full: nothing was added. */
  append(slot: number, time: number, high: number, low: number): boolean {
    const count = this.#counts[slot]!
    const bit = this.#bits[slot]!
    if (count >= CHUNK_SAMPLES_MAX || bit + SAMPLE_BITS_MAX > CHUNK_BYTES_MAX * 8) return false
    const page = this.#pageOf(slot)
    // Bits count from the page's beginning while they are written.
    const base = (slot % CHUNKS_PER_PAGE) * CHUNK_BYTES_MAX * 8
    const behindTime = this.#times.put(page, base + bit, slot, count, time)
    const end =
      count === 0
        ? this.#values.putFirst(page, behindTime, slot, high, low)
        : this.#values.put(page, behindTime, slot, high, low)
    if (count === 0) this.#firstTimes[slot] = time
    this.#bits[slot] = end - base
    this.#counts[slot] = count + 1
    return true
  }

  count(slot: number): number {
    return this.#counts[slot]!
  }

  firstTime(slot: number): number {
    return this.#firstTimes[slot]!
  }

  lastTime(slot: number): number {
    return this.#times.last[slot]!
  }

  /** The high half of the last value. */
  lastHigh(slot: number): number {
    return this.#values.high[slot]!
  }

  /** The low half of the last value. */
  lastLow(slot: number): number {
    return this.#values.low[slot]!
  }

  /** Bytes of the chunk as it is now. */
  chunkBytes(slot: number): number {
    return (this.#bits[slot]! + 7) >> 3
  }

  /** Copies the chunk as it is now to `into`. Returns the end. */
  copyChunk(slot: number, into: Uint8Array, at: number): number {
    const page = this.#pageOf(slot)
    const start = (slot % CHUNKS_PER_PAGE) * CHUNK_BYTES_MAX
    const bytes = this.chunkBytes(slot)
    into.set(page.subarray(start, start + bytes), at)
    const count = this.#counts[slot]!
    into[at] = count >> 8
    into[at + 1] = count & 255
    return at + bytes
  }

  /** A copy of the chunk as it is now. */
  chunk(slot: number): Uint8Array {
    const copy = new Uint8Array(this.chunkBytes(slot))
    this.copyChunk(slot, copy, 0)
    return copy
  }

  /** Gives the slot back. */
  release(slot: number): void {
    this.#free.push(slot)
  }

  save(slot: number): OpenChunkState {
    const { last, delta } = this.#times.save(slot)
    return {
      firstTime: this.#firstTimes[slot]!,
      lastTime: last,
      lastDelta: delta,
      bits: this.#bits[slot]!,
      count: this.#counts[slot]!,
      value: this.#values.save(slot),
      chunk: this.chunk(slot),
    }
  }

  /** A slot with a chunk that was saved. */
  restore(state: OpenChunkState): number {
    const slot = this.open()
    const [high, low, leading, trailing] = state.value
    this.#times.restore(slot, state.lastTime, state.lastDelta)
    this.#values.restore(slot, high, low, leading, trailing)
    this.#firstTimes[slot] = state.firstTime
    this.#bits[slot] = state.bits
    this.#counts[slot] = state.count
    const start = (slot % CHUNKS_PER_PAGE) * CHUNK_BYTES_MAX
    this.#pageOf(slot).set(state.chunk.subarray(0, CHUNK_BYTES_MAX), start)
    return slot
  }

  #pageOf(slot: number): Uint8Array {
    return this.#pages[Math.floor(slot / CHUNKS_PER_PAGE)]!
  }

  #grow(): void {
    this.#pages.push(new Uint8Array(CHUNKS_PER_PAGE * CHUNK_BYTES_MAX))
    this.#capacity += CHUNKS_PER_PAGE
    if (this.#capacity <= this.#firstTimes.length) return
    const columns = this.#firstTimes.length * 2
    this.#times = this.#times.grown(columns)
    this.#values = this.#values.grown(columns)
    this.#firstTimes = copied(new Float64Array(columns), this.#firstTimes)
    this.#bits = copied(new Uint16Array(columns), this.#bits)
    this.#counts = copied(new Uint16Array(columns), this.#counts)
  }
}

function copied<Columns extends Float64Array | Uint16Array>(into: Columns, from: Columns): Columns {
  into.set(from)
  return into
}
