/** Reading and writing of bits, the highest bit of a byte first. Buffers are somebody else's; writing needs zeros where it writes. */

/** Writes the lowest `count` (1 to 32) bits of `value` from bit `bit` on. Returns the end. */
export function putBits(bytes: Uint8Array, bit: number, value: number, count: number): number {
  let left = count
  let at = bit
  while (left > 0) {
    const room = 8 - (at & 7)
    const taken = left < room ? left : room
    const piece = (value >>> (left - taken)) & ((1 << taken) - 1)
    bytes[at >> 3]! |= piece << (room - taken)
    at += taken
    left -= taken
  }
  return at
}

/** Writes a whole number of up to 64 bits in two's complement. Returns the end. */
export function putWhole64(bytes: Uint8Array, bit: number, value: number): number {
  const end = putBits(bytes, bit, Math.floor(value / 2 ** 32), 32)
  return putBits(bytes, end, value, 32)
}

/** Writes LEB128 of a whole number from 0 on, at any bit. Returns the end. */
export function putUvarint(bytes: Uint8Array, bit: number, value: number): number {
  let rest = value
  let end = bit
  while (rest > 127) {
    end = putBits(bytes, end, (rest % 128) + 128, 8)
    rest = Math.floor(rest / 128)
  }
  return putBits(bytes, end, rest, 8)
}

/** Writes LEB128 of a whole number with its sign in the lowest bit. The number may have 52 bits. Returns the end. */
export function putVarint(bytes: Uint8Array, bit: number, value: number): number {
  return putUvarint(bytes, bit, value >= 0 ? value * 2 : -value * 2 - 1)
}

/** The bytes of a chunk are not what they should be. */
export class ChunkCorruptError extends Error {
  readonly code = 'ERR_METRICS_CHUNK_CORRUPT'

  constructor(what: string) {
    super(`A chunk of samples is corrupt: ${what}.`)
    this.name = 'ChunkCorruptError'
  }
}

/** Reads what the functions above have written. Each method throws `ChunkCorruptError` where the bits do not suffice. */
export class BitReader {
  readonly #bytes: Uint8Array
  readonly #bitCount: number
  #at: number

  /** Begins at byte `at`. */
  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.#bitCount = bytes.length * 8
    this.#at = at * 8
  }

  bit(): number {
    const at = this.#at
    if (at >= this.#bitCount) throw new ChunkCorruptError('it ends too early')
    this.#at = at + 1
    return (this.#bytes[at >> 3]! >> (7 - (at & 7))) & 1
  }

  /** `count` (1 to 32) bits, as an unsigned number. */
  bits(count: number): number {
    const at = this.#at
    const end = at + count
    if (end > this.#bitCount) throw new ChunkCorruptError('it ends too early')
    this.#at = end
    const first = at >> 3
    const last = (end - 1) >> 3
    let value = this.#bytes[first]! & (0xff >> (at & 7))
    for (let index = first + 1; index < last; index++) value = (value << 8) | this.#bytes[index]!
    if (last === first) return value >> (7 - ((end - 1) & 7))
    const kept = ((end - 1) & 7) + 1
    return ((value << kept) | (this.#bytes[last]! >> (8 - kept))) >>> 0
  }

  whole64(): number {
    const high = this.bits(32) | 0
    return high * 2 ** 32 + this.bits(32)
  }

  uvarint(): number {
    let value = 0
    let factor = 1
    for (let count = 0; count < 10; count++) {
      const byte = this.bits(8)
      value += (byte & 127) * factor
      if (byte < 128) return value
      factor *= 128
    }
    throw new ChunkCorruptError('a number is too large')
  }

  varint(): number {
    const value = this.uvarint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
}
