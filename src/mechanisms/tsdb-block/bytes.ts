/** A file of a block is not what it should be: the disk, or somebody else, has changed it. */
export class BlockCorruptError extends Error {
  readonly code = 'ERR_METRICS_BLOCK_CORRUPT'

  constructor(what: string) {
    super(`A block of metrics is corrupt: ${what}.`)
    this.name = 'BlockCorruptError'
  }
}

const encoder = new TextEncoder()

/** Bytes that grow, big-endian, as the files of a block are written. */
export class ByteWriter {
  #bytes: Uint8Array
  #length = 0

  /** With room for so many bytes to begin with. */
  constructor(bytes = 64) {
    this.#bytes = new Uint8Array(bytes)
  }

  get length(): number {
    return this.#length
  }

  /** What was written: a view until something else is written. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  clear(): void {
    this.#length = 0
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  uint32(value: number): void {
    this.#reserve(4)
    for (let shift = 24; shift >= 0; shift -= 8) this.#bytes[this.#length++] = value >>> shift
  }

  uint64(value: number): void {
    this.uint32(Math.floor(value / 2 ** 32))
    this.uint32(value)
  }

  uvarint(value: number): void {
    this.#reserve(10)
    let rest = value
    while (rest > 127) {
      this.#bytes[this.#length++] = (rest % 128) + 128
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.#length++] = rest
  }

  /** The sign in the lowest bit. The number may have 52 bits. */
  varint(value: number): void {
    this.uvarint(value >= 0 ? value * 2 : -value * 2 - 1)
  }

  text(text: string): void {
    const bytes = encoder.encode(text)
    this.uvarint(bytes.length)
    this.bytes(bytes)
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return
    const more = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + bytes))
    more.set(this.view())
    this.#bytes = more
  }
}

/** Reads what a `ByteWriter` has written. Each method throws `BlockCorruptError` where the bytes do not suffice. */
export class ByteReader {
  readonly bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  byte(): number {
    const value = this.bytes[this.at++]
    if (value === undefined) throw new BlockCorruptError('it ends too early')
    return value
  }

  uint32(): number {
    const { bytes, at } = this
    if (at + 4 > bytes.length) throw new BlockCorruptError('it ends too early')
    this.at += 4
    return (
      ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
    )
  }

  uint64(): number {
    const high = this.uint32()
    return high * 2 ** 32 + this.uint32()
  }

  uvarint(): number {
    let value = 0
    let factor = 1
    for (let count = 0; count < 10; count++) {
      const byte = this.byte()
      value += (byte & 127) * factor
      if (byte < 128) return value
      factor *= 128
    }
    throw new BlockCorruptError('a number is too large')
  }

  varint(): number {
    const value = this.uvarint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  /** A view of so many bytes. */
  view(length: number): Uint8Array {
    if (this.at + length > this.bytes.length) throw new BlockCorruptError('it ends too early')
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }
}
