/** The bytes are no snappy block, or would become too large. */
export class SnappyError extends Error {
  readonly code: 'ERR_SNAPPY_CORRUPT' | 'ERR_SNAPPY_TOO_LARGE'

  constructor(code: SnappyError['code'], message: string) {
    super(message)
    this.name = 'SnappyError'
    this.code = code
  }
}

const corrupt = (): SnappyError => new SnappyError('ERR_SNAPPY_CORRUPT', 'snappy: corrupt input')

/**
 * Decompresses one block (not the framing format; format_description.txt of google/snappy). A block says in front how large it becomes:
 * more than `bytesMax` is refused before anything is allocated. Throws `SnappyError`.
 */
export function decompressSnappy(block: Uint8Array, bytesMax: number): Uint8Array {
  const { length, at: begin } = readLength(block)
  if (length > bytesMax) {
    throw new SnappyError(
      'ERR_SNAPPY_TOO_LARGE',
      `snappy: decoded block is too large: ${length} bytes, at most ${bytesMax} are allowed`,
    )
  }
  // Each byte of a block makes at most 22 (a copy of 64 bytes takes three): what promises more is a lie, and costs no memory.
  if (length > block.length * 22) throw corrupt()
  const into = new Uint8Array(length)
  let at = begin
  let to = 0
  while (at < block.length) {
    const tag = block[at++]!
    const kind = tag & 3
    if (kind === 0) {
      let size = (tag >> 2) + 1
      if (size > 60) {
        const bytes = size - 60
        size = readLittle(block, at, bytes) + 1
        at += bytes
      }
      if (at + size > block.length || to + size > length) throw corrupt()
      if (size > 32) into.set(block.subarray(at, at + size), to)
      else for (let index = 0; index < size; index++) into[to + index] = block[at + index]!
      at += size
      to += size
      continue
    }
    const bytes = kind === 3 ? 4 : kind
    const size = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1
    const near = readLittle(block, at, bytes)
    const offset = kind === 1 ? ((tag >> 5) << 8) | near : near
    at += bytes
    if (offset === 0 || offset > to || to + size > length) throw corrupt()
    // What is copied may be written by the same copy: byte by byte, in this order.
    for (let index = 0; index < size; index++) into[to + index] = into[to + index - offset]!
    to += size
  }
  if (to !== length) throw corrupt()
  return into
}

function readLength(block: Uint8Array): { readonly length: number; readonly at: number } {
  let length = 0
  let factor = 1
  for (let at = 0; at < 5; at++) {
    const byte = block[at]
    if (byte === undefined) break
    length += (byte & 127) * factor
    if (byte < 128) {
      if (length > 0xffffffff) break
      return { length, at: at + 1 }
    }
    factor *= 128
  }
  throw corrupt()
}

function readLittle(block: Uint8Array, at: number, bytes: number): number {
  if (at + bytes > block.length) throw corrupt()
  let value = 0
  for (let index = bytes - 1; index >= 0; index--) value = value * 256 + block[at + index]!
  return value
}

const HASH_BITS = 14
/** Copies reach back so far: an offset has two bytes. */
const WINDOW_BYTES = 65_535

/** Compresses into one block: greedy, with a small table, as the original does at its usual level. */
export function compressSnappy(bytes: Uint8Array): Uint8Array {
  const into = new Uint8Array(32 + bytes.length + Math.ceil(bytes.length / 6))
  const table = new Int32Array(2 ** HASH_BITS).fill(-1)
  let to = putLength(into, bytes.length)
  let from = 0
  let at = 0
  while (at + 4 <= bytes.length) {
    const word =
      bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    const slot = Math.imul(word, 0x1e35a7bd) >>> (32 - HASH_BITS)
    const candidate = table[slot]!
    table[slot] = at
    if (candidate < 0 || at - candidate > WINDOW_BYTES || !isSame(bytes, candidate, at)) {
      at++
      continue
    }
    to = putLiteral(into, to, bytes, from, at)
    let end = at + 4
    while (end < bytes.length && bytes[end] === bytes[candidate + end - at]) end++
    to = putCopies(into, to, at - candidate, end - at)
    at = from = end
  }
  return into.subarray(0, putLiteral(into, to, bytes, from, bytes.length))
}

function isSame(bytes: Uint8Array, one: number, other: number): boolean {
  return (
    bytes[one] === bytes[other] &&
    bytes[one + 1] === bytes[other + 1] &&
    bytes[one + 2] === bytes[other + 2] &&
    bytes[one + 3] === bytes[other + 3]
  )
}

function putLength(into: Uint8Array, length: number): number {
  let rest = length
  let to = 0
  while (rest > 127) {
    into[to++] = (rest % 128) + 128
    rest = Math.floor(rest / 128)
  }
  into[to] = rest
  return to + 1
}

function putLiteral(
  into: Uint8Array,
  to: number,
  bytes: Uint8Array,
  from: number,
  end: number,
): number {
  const size = end - from
  if (size === 0) return to
  let at = to
  if (size <= 60) into[at++] = (size - 1) << 2
  else {
    const sizeBytes = size <= 256 ? 1 : size <= 65_536 ? 2 : size <= 2 ** 24 ? 3 : 4
    into[at++] = (59 + sizeBytes) << 2
    for (let index = 0; index < sizeBytes; index++) into[at++] = ((size - 1) / 256 ** index) & 255
  }
  into.set(bytes.subarray(from, end), at)
  return at + size
}

/** A copy has at most 64 bytes. */
function putCopies(into: Uint8Array, to: number, offset: number, size: number): number {
  let at = to
  for (let left = size; left > 0;) {
    const taken = Math.min(left, 64)
    into[at++] = ((taken - 1) << 2) | 2
    into[at++] = offset & 255
    into[at++] = offset >> 8
    left -= taken
  }
  return at
}
