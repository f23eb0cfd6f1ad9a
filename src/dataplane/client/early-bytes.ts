/** First size of the buffer: half a head of a browser. */
const ROOM_BYTES = 1024

/**
 * Bytes of a client that came and cannot be used yet: half a head, the rest of a body that the instance does not take, the next requests. Grows by
 * doubling, so that a head in packets of one byte costs a copy of each byte or two.
 */
export class EarlyBytes {
  #buffer: Buffer | null = null
  #length = 0

  get length(): number {
    return this.#length
  }

  add(bytes: Buffer, start: number, end: number): void {
    const needed = this.#length + end - start
    if (this.#buffer === null || this.#buffer.length < needed) {
      const room = Math.max(ROOM_BYTES, needed, 2 * (this.#buffer?.length ?? 0))
      const larger = Buffer.allocUnsafeSlow(room)
      this.#buffer?.copy(larger, 0, 0, this.#length)
      this.#buffer = larger
    }
    bytes.copy(this.#buffer, this.#length, start, end)
    this.#length = needed
  }

  /** All of it; the buffer stays valid until the next `add`. */
  get bytes(): Buffer {
    return this.#buffer ?? EMPTY
  }

  /** Forgets what was used: [0, end). */
  dropUntil(end: number): void {
    if (end >= this.#length) return this.clear()
    this.#buffer!.copyWithin(0, end, this.#length)
    this.#length -= end
  }

  clear(): void {
    this.#buffer = null
    this.#length = 0
  }
}

const EMPTY = Buffer.alloc(0)
