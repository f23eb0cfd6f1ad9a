import { CR, LF, SP, COLON, copyBytes } from '../http1/bytes.ts'
import { DynamicTable } from './dynamic-table.ts'
import { decodeHuffman, huffmanRoom } from './huffman.ts'
import { STATIC_BYTES, STATIC_COUNT, STATIC_OFFSETS } from './static-table.ts'

/** What `next` returns besides a position. */
export const HPACK = {
  /** The block has come to its end. */
  end: 0,
  /** The block is no HPACK: the tables of both sides differ from here on, and the connection cannot go on (RFC 7541 section 2.2). */
  error: -1,
  /** The field has no room in `out`. It was read all the same, so that the tables stay equal. */
  tooLarge: -2,
} as const

/** No whole number in a block needs more; RFC 7541 section 5.1 leaves the bound to the reader. */
const INTEGER_MAX = 0x0fff_ffff
/** ": " and CR LF. */
const LINE_BYTES = 4
/** Changes of the table's size at the beginning of one block (section 4.2). */
const RESIZES_MAX = 2

/**
 * Reads the header blocks of one connection, field by field, and writes each as a line of HTTP/1, `name: value` and CR LF, without judging what is in it. One
 * decoder a connection; a block must be read to its end.
 */
export class HpackDecoder {
  /** Of the field that was read last, in `out`. */
  nameEnd = 0
  valueStart = 0
  valueEnd = 0
  readonly #table: DynamicTable
  readonly #tableBytesMax: number
  #bytes: Uint8Array = STATIC_BYTES
  #at = 0
  #end = 0
  #resizes = 0
  #isAtStart = true
  /** What has no room in `out` is decoded into this, if the table needs it. */
  #spill: Buffer | null = null

  /** `tableBytesMax`: what we have announced as SETTINGS_HEADER_TABLE_SIZE. */
  constructor(tableBytesMax: number) {
    this.#table = new DynamicTable(tableBytesMax)
    this.#tableBytesMax = tableBytesMax
  }

  /** Begins a block, [start, end). */
  begin(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
    this.#resizes = 0
    this.#isAtStart = true
  }

  /**
   * Writes the next field to `outStart` of `out`, if it ends before `outEnd`. Returns the position behind its line, or one of HPACK.
   */
  next(out: Buffer, outStart: number, outEnd: number): number {
    while (this.#at < this.#end) {
      const byte = this.#bytes[this.#at]!
      if (byte >= 128) return this.#readIndexed(out, outStart, outEnd)
      if (byte >= 64) return this.#readLiteral(out, outStart, outEnd, 6, true)
      if (byte < 32) return this.#readLiteral(out, outStart, outEnd, 4, false)
      if (!this.#resize()) return HPACK.error
    }
    return HPACK.end
  }

  #resize(): boolean {
    if (!this.#isAtStart || ++this.#resizes > RESIZES_MAX) return false
    const size = this.#readInteger(5)
    if (size < 0 || size > this.#tableBytesMax) return false
    this.#table.resize(size)
    return true
  }

  #readIndexed(out: Buffer, outStart: number, outEnd: number): number {
    this.#isAtStart = false
    const index = this.#readInteger(7)
    if (index <= 0) return HPACK.error
    if (index <= STATIC_COUNT) {
      const at = index * 3
      return this.#writeEntry(STATIC_BYTES, STATIC_OFFSETS, at, out, outStart, outEnd)
    }
    const age = index - STATIC_COUNT - 1
    if (age >= this.#table.count) return HPACK.error
    const { bytes, offsets } = this.#table
    return this.#writeEntry(bytes, offsets, this.#table.placeOf(age), out, outStart, outEnd)
  }

  #writeEntry(
    bytes: Uint8Array,
    offsets: Int32Array,
    at: number,
    out: Buffer,
    outStart: number,
    outEnd: number,
  ): number {
    const start = offsets[at]!
    const middle = offsets[at + 1]!
    const end = offsets[at + 2]!
    if (outEnd - outStart < end - start + LINE_BYTES) return HPACK.tooLarge
    this.nameEnd = copyBytes(bytes, start, middle, out, outStart)
    this.valueStart = writeColon(out, this.nameEnd)
    this.valueEnd = copyBytes(bytes, middle, end, out, this.valueStart)
    return writeEnd(out, this.valueEnd)
  }

  /** With a name by its index or in full, and a value. */
  #readLiteral(
    out: Buffer,
    outStart: number,
    outEnd: number,
    prefixBits: 4 | 6,
    isIndexed: boolean,
  ): number {
    this.#isAtStart = false
    const index = this.#readInteger(prefixBits)
    if (index < 0 || index > STATIC_COUNT + this.#table.count) return HPACK.error
    const hasRoom = this.#hasRoom(index, outEnd - outStart)
    const into = hasRoom ? out : this.#spillFor()
    const from = hasRoom ? outStart : 0
    this.nameEnd = index > 0 ? this.#copyName(index, into, from) : this.#readString(into, from)
    if (this.nameEnd < 0) return HPACK.error
    this.valueStart = writeColon(into, this.nameEnd)
    this.valueEnd = this.#readString(into, this.valueStart)
    if (this.valueEnd < 0) return HPACK.error
    if (isIndexed) {
      this.#table.insert(into, from, this.nameEnd, this.valueStart, this.valueEnd)
    }
    if (hasRoom) return writeEnd(into, this.valueEnd)
    return this.#takeFromSpill(into, out, outStart, outEnd)
  }

  /** The room was a guess from above: the field itself may fit. */
  #takeFromSpill(spill: Buffer, out: Buffer, outStart: number, outEnd: number): number {
    const end = writeEnd(spill, this.valueEnd)
    if (end > outEnd - outStart) return HPACK.tooLarge
    spill.copy(out, outStart, 0, end)
    this.nameEnd += outStart
    this.valueStart += outStart
    this.valueEnd += outStart
    return outStart + end
  }

  /** Whether the field at hand fits, whatever it stands for; asked exactly only where the whole rest of the block may not. */
  #hasRoom(index: number, room: number): boolean {
    const left = this.#end - this.#at
    if (huffmanRoom(left) + this.#tableBytesMax + LINE_BYTES <= room) return true
    const start = this.#at
    const name = index === 0 ? this.#measureString() : this.#nameLength(index)
    const value = this.#measureString()
    this.#at = start
    return name + value + LINE_BYTES <= room
  }

  /** Room for all that the rest of the block may stand for. */
  #spillFor(): Buffer {
    const room = huffmanRoom(this.#end - this.#at) + this.#tableBytesMax + LINE_BYTES
    if (this.#spill === null || this.#spill.length < room) this.#spill = Buffer.allocUnsafe(room)
    return this.#spill
  }

  #nameLength(index: number): number {
    const offsets = index <= STATIC_COUNT ? STATIC_OFFSETS : this.#table.offsets
    const at = index <= STATIC_COUNT ? index * 3 : this.#table.placeOf(index - STATIC_COUNT - 1)
    return offsets[at + 1]! - offsets[at]!
  }

  #copyName(index: number, out: Buffer, outStart: number): number {
    const isStatic = index <= STATIC_COUNT
    const bytes = isStatic ? STATIC_BYTES : this.#table.bytes
    const offsets = isStatic ? STATIC_OFFSETS : this.#table.offsets
    const at = isStatic ? index * 3 : this.#table.placeOf(index - STATIC_COUNT - 1)
    return copyBytes(bytes, offsets[at]!, offsets[at + 1]!, out, outStart)
  }

  /** The most bytes that the string at hand may stand for; moves over it. */
  #measureString(): number {
    if (this.#at >= this.#end) return 0
    const isHuffman = this.#bytes[this.#at]! >= 128
    const length = this.#readInteger(7)
    if (length < 0) return 0
    this.#at += length
    return isHuffman ? huffmanRoom(length) : length
  }

  /** Writes the string at hand. Returns the position behind it, or -1 where it is none. */
  #readString(out: Buffer, outStart: number): number {
    if (this.#at >= this.#end) return -1
    const isHuffman = this.#bytes[this.#at]! >= 128
    const length = this.#readInteger(7)
    const start = this.#at
    if (length < 0 || length > this.#end - start) return -1
    this.#at = start + length
    if (isHuffman) return decodeHuffman(this.#bytes, start, this.#at, out, outStart)
    return copyBytes(this.#bytes, start, this.#at, out, outStart)
  }

  /** RFC 7541 section 5.1. -1: it does not end in the block, or is too large. */
  #readInteger(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1
    let value = this.#bytes[this.#at++]! & mask
    if (value < mask) return value
    for (let shift = 0; shift <= 28 && this.#at < this.#end; shift += 7) {
      const byte = this.#bytes[this.#at++]!
      value += (byte & 127) * 2 ** shift
      if (value > INTEGER_MAX) return -1
      if (byte < 128) return value
    }
    return -1
  }
}

function writeColon(out: Buffer, at: number): number {
  out[at] = COLON
  out[at + 1] = SP
  return at + 2
}

function writeEnd(out: Buffer, at: number): number {
  out[at] = CR
  out[at + 1] = LF
  return at + 2
}
