import { FLAG, H2_ERROR, readUint31 } from './frames.ts'

/** Frames of one block: a block is at most a few frames of 16 KiB, and more of them carry nothing (CVE-2024-27316 and its like). */
const CONTINUATIONS_MIN = 16
const BYTES_PER_CONTINUATION = 2_048

/** A header block that is whole. */
export interface HeaderBlock {
  streamId: number
  isEnd: boolean
  bytes: Buffer
  start: number
  end: number
  /** The stream that it depends on by the old priorities, -1 for none; only looked at for being itself. */
  dependsOn: number
}

/** Puts together the blocks of HEADERS and CONTINUATION frames of one connection, up to a size. */
export class HeaderBlocks {
  readonly block: HeaderBlock = {
    streamId: 0,
    isEnd: false,
    bytes: EMPTY,
    start: 0,
    end: 0,
    dependsOn: -1,
  }
  readonly #bytesMax: number
  #parts: Buffer | null = null
  #length = 0
  #continuations = 0

  /** `bytesMax`: compressed bytes of one block. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** A block has begun: nothing but its CONTINUATION may follow. */
  get isOpen(): boolean {
    return this.#parts !== null
  }

  /** HEADERS. Returns 0 (`isOpen` tells whether the block is whole), or an H2_ERROR. */
  begin(streamId: number, flags: number, bytes: Buffer, start: number, end: number): number {
    const { block } = this
    let at = start
    let last = end
    if ((flags & FLAG.padded) !== 0) {
      if (at >= last) return H2_ERROR.frameSize
      last -= bytes[at++]!
    }
    block.dependsOn = -1
    if ((flags & FLAG.priority) !== 0) {
      if (end - at < PRIORITY_BYTES) return H2_ERROR.frameSize
      block.dependsOn = readUint31(bytes, at)
      at += PRIORITY_BYTES
    }
    if (last < at) return H2_ERROR.protocol
    block.streamId = streamId
    block.isEnd = (flags & FLAG.endStream) !== 0
    if (last - at > this.#bytesMax) return H2_ERROR.enhanceYourCalm
    if ((flags & FLAG.endHeaders) !== 0) {
      this.#set(bytes, at, last)
      return 0
    }
    this.#parts = Buffer.from(bytes.subarray(at, last))
    this.#length = last - at
    this.#continuations = 0
    return 0
  }

  /** CONTINUATION of the block that has begun. As `begin`. */
  add(flags: number, bytes: Buffer, start: number, end: number): number {
    const parts = this.#parts!
    const length = this.#length + end - start
    const countMax = Math.max(CONTINUATIONS_MIN, this.#bytesMax / BYTES_PER_CONTINUATION)
    if (++this.#continuations > countMax || length > this.#bytesMax) return H2_ERROR.enhanceYourCalm
    const whole =
      parts.length >= length ? parts : Buffer.allocUnsafeSlow(Math.max(length, 2 * parts.length))
    if (whole !== parts) parts.copy(whole, 0, 0, this.#length)
    bytes.copy(whole, this.#length, start, end)
    this.#length = length
    this.#parts = whole
    if ((flags & FLAG.endHeaders) !== 0) {
      this.#parts = null
      this.#set(whole, 0, length)
    }
    return 0
  }

  #set(bytes: Buffer, start: number, end: number): void {
    this.block.bytes = bytes
    this.block.start = start
    this.block.end = end
  }
}

/** Of the old priorities (RFC 7540 section 6.3): a stream and a weight. */
export const PRIORITY_BYTES = 5
const EMPTY = Buffer.alloc(0)
