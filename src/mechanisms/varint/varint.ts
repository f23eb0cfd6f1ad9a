/** LEB128 varints of whole numbers up to 2^53 - 1, strings and floats, in a buffer that somebody else owns. */

/** Bytes of the largest whole number. */
export const VARINT_BYTES_MAX = 8
const FLOAT_BYTES = 8
/** Above it, bit operations lose bits. */
const INT31_MAX = 0x7fffffff

/** More than a string of so many UTF-16 units takes. */
export function stringBytesMax(units: number): number {
  return units * 3 + VARINT_BYTES_MAX
}

/** Writes a whole number; what is negative or no number is 0, what is too large is 2^53 - 1. Returns the end. */
export function writeVarint(into: Uint8Array, at: number, value: number): number {
  if (value >= 0 && value <= INT31_MAX) {
    let rest = value | 0
    let end = at
    while (rest > 127) {
      into[end++] = (rest & 127) | 128
      rest >>>= 7
    }
    into[end] = rest
    return end + 1
  }
  return writeLarge(into, at, value)
}

function writeLarge(into: Uint8Array, at: number, value: number): number {
  let rest = value > 0 ? Math.min(Number.MAX_SAFE_INTEGER, Math.floor(value)) : 0
  let end = at
  while (rest > 127) {
    into[end++] = (rest % 128) + 128
    rest = Math.floor(rest / 128)
  }
  into[end] = rest
  return end + 1
}

/** Writes eight bytes. Returns the end. */
export function writeFloat(into: Buffer, at: number, value: number): number {
  return into.writeDoubleLE(value, at)
}

/** Writes length and UTF-8 of at most `unitsMax` units of a string. Returns the end. */
export function writeString(into: Buffer, at: number, text: string, unitsMax: number): number {
  const length = Math.min(text.length, unitsMax)
  // One byte for the length suffices for most: where it does not, the bytes are moved.
  let end = at + 1
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return writeWide(into, at, text.slice(0, length))
    into[end++] = code
  }
  if (length < 128) {
    into[at] = length
    return end
  }
  return writeWide(into, at, text.slice(0, length))
}

function writeWide(into: Buffer, at: number, text: string): number {
  const start = writeVarint(into, at, Buffer.byteLength(text))
  return start + into.write(text, start, 'utf8')
}

/** Copies `from[start, end)`. A few bytes are copied by a loop: that is quicker than a call into the runtime. Returns the end. */
export function copyBytes(
  into: Buffer,
  at: number,
  from: Buffer,
  start: number,
  end: number,
): number {
  const length = end - start
  if (length > 48) {
    from.copy(into, at, start, end)
    return at + length
  }
  for (let i = 0; i < length; i++) into[at + i] = from[start + i]!
  return at + length
}

/** The bytes are not what they should be. */
export class VarintError extends Error {
  readonly code = 'ERR_VARINT_INVALID'

  constructor(what: string, at: number) {
    super(`Byte ${at} of ${what}: it ends too early, or a number is too large.`)
    this.name = 'VarintError'
  }
}

/** Reads what the functions above have written. Each method throws `VarintError` where the bytes do not suffice. */
export class VarintReader {
  readonly #bytes: Buffer
  readonly #what: string
  at: number

  constructor(bytes: Buffer, at: number, what: string) {
    this.#bytes = bytes
    this.at = at
    this.#what = what
  }

  get hasMore(): boolean {
    return this.at < this.#bytes.length
  }

  byte(): number {
    if (this.at >= this.#bytes.length) throw this.error()
    return this.#bytes[this.at++]!
  }

  varint(): number {
    let value = 0
    let factor = 1
    for (let count = 0; count < VARINT_BYTES_MAX; count++) {
      const byte = this.byte()
      value += (byte & 127) * factor
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) throw this.error()
        return value
      }
      factor *= 128
    }
    throw this.error()
  }

  float(): number {
    if (this.at + FLOAT_BYTES > this.#bytes.length) throw this.error()
    this.at += FLOAT_BYTES
    return this.#bytes.readDoubleLE(this.at - FLOAT_BYTES)
  }

  /** A view of so many bytes, not a copy. */
  bytes(length: number): Buffer {
    if (this.at + length > this.#bytes.length) throw this.error()
    this.at += length
    return this.#bytes.subarray(this.at - length, this.at)
  }

  string(): string {
    return this.bytes(this.varint()).toString('utf8')
  }

  error(): VarintError {
    return new VarintError(this.#what, this.at)
  }
}
