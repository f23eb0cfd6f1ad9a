import { TIME_BITS_MAX, TimeColumns, VALUE_BITS_MAX, ValueColumns } from './columns.ts'
import { COUNT_BYTES } from './float-chunk.ts'

/** One chunk of floats of any size: what `OpenChunks` makes, when only one is made at a time. */
export class FloatChunkWriter {
  readonly #times = new TimeColumns(1)
  readonly #values = new ValueColumns(1)
  #buffer = new Uint8Array(1_024)
  #bit = COUNT_BYTES * 8
  count = 0
  firstTime = 0

  get lastTime(): number {
    return this.#times.last[0]!
  }

  /** Bytes of the chunk as it is now. */
  get bytes(): number {
    return (this.#bit + 7) >> 3
  }

  /** Adds a sample behind all others; the value is the halves of a double. */
  append(time: number, high: number, low: number): void {
    const needed = (this.#bit + TIME_BITS_MAX + VALUE_BITS_MAX + 7) >> 3
    if (needed > this.#buffer.length) {
      const more = new Uint8Array(this.#buffer.length * 2)
      more.set(this.#buffer)
      this.#buffer = more
    }
    const bit = this.#times.put(this.#buffer, this.#bit, 0, this.count, time)
    this.#bit =
      this.count === 0
        ? this.#values.putFirst(this.#buffer, bit, 0, high, low)
        : this.#values.put(this.#buffer, bit, 0, high, low)
    if (this.count === 0) this.firstTime = time
    this.count++
  }

  /** A copy of the chunk; the writer begins anew. */
  take(): Uint8Array {
    const chunk = this.#buffer.slice(0, this.bytes)
    chunk[0] = this.count >> 8
    chunk[1] = this.count & 255
    this.#buffer.fill(0, 0, this.bytes)
    this.#bit = COUNT_BYTES * 8
    this.count = 0
    return chunk
  }
}
