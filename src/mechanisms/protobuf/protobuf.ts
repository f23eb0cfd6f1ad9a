/** The bytes are no message. */
export class ProtobufError extends Error {
  readonly code = 'ERR_PROTOBUF_INVALID'

  constructor(what: string, at: number) {
    super(`invalid protobuf: ${what} at byte ${at}`)
    this.name = 'ProtobufError'
  }
}

/** How a field is written (protobuf.dev, "Encoding"). */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

/**
 * Walks over the fields of a message without making objects of them. `next` says whether there is another field; then exactly one of the
 * reading methods or `skip` is called. Each throws `ProtobufError` where the bytes do not suffice or are of another kind.
 */
export class ProtobufReader {
  readonly bytes: Uint8Array
  /** Made when the first double is read: most readers read none. */
  #view: DataView | undefined
  at: number
  end: number
  /** Number of the field that `next` has found. */
  field = 0
  #wire = 0

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes
    this.at = start
    this.end = end
  }

  /** Goes on in another part of the same bytes. */
  reset(start: number, end: number): void {
    this.at = start
    this.end = end
  }

  next(): boolean {
    if (this.at >= this.end) return false
    const tag = this.#varint()
    this.field = tag >>> 3
    this.#wire = tag & 7
    if (this.field === 0) throw this.#error('a field without a number')
    return true
  }

  /** Whether the field is a run of bytes: a message, a text, or packed numbers. */
  get isBytes(): boolean {
    return this.#wire === WIRE.bytes
  }

  /** A whole number; one of more than 53 bits is near to what it was. */
  uint64(): number {
    this.#expect(WIRE.varint)
    return this.#varint()
  }

  /** A whole number in two's complement. */
  int64(): number {
    this.#expect(WIRE.varint)
    return this.rawInt64()
  }

  /** A whole number with its sign in the lowest bit. */
  sint64(): number {
    this.#expect(WIRE.varint)
    return this.rawSint64()
  }

  /** The same of packed numbers: without a tag in front. */
  rawSint64(): number {
    const value = this.#varint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  rawUint64(): number {
    return this.#varint()
  }

  rawInt64(): number {
    const start = this.at
    const value = this.#varint()
    // A negative number has ten bytes: its upper bits are all ones.
    return this.at - start === 10 ? this.#negative(start) : value
  }

  double(): number {
    this.#expect(WIRE.fixed64)
    return this.rawDouble()
  }

  rawDouble(): number {
    this.#need(8)
    this.at += 8
    return this.#doubles().getFloat64(this.at - 8, true)
  }

  /** Halves of a double: the low one stands at `at - 8`, the high one at `at - 4` afterwards. */
  skipDouble(): void {
    this.#expect(WIRE.fixed64)
    this.#need(8)
    this.at += 8
  }

  int32At(at: number): number {
    return this.#doubles().getInt32(at, true)
  }

  /** Goes behind a run of bytes and returns its length: it begins at `at - length`. */
  length(): number {
    this.#expect(WIRE.bytes)
    return this.rawLength()
  }

  /** The same where messages follow each other without a tag. */
  rawLength(): number {
    const length = this.#varint()
    this.#need(length)
    this.at += length
    return length
  }

  /** A reader of its own for a message within. */
  message(): ProtobufReader {
    const length = this.length()
    return new ProtobufReader(this.bytes, this.at - length, this.at)
  }

  /** UTF-8; what is none is replaced by marks. */
  text(): string {
    const length = this.length()
    return textOf(this.bytes, this.at - length, this.at)
  }

  skip(): void {
    switch (this.#wire) {
      case WIRE.varint:
        this.#varint()
        return
      case WIRE.fixed64:
        this.#need(8)
        this.at += 8
        return
      case WIRE.bytes:
        this.length()
        return
      case WIRE.fixed32:
        this.#need(4)
        this.at += 4
        return
      default:
        throw this.#error('a group or an unknown kind of field')
    }
  }

  #doubles(): DataView {
    const { buffer, byteOffset, byteLength } = this.bytes
    return (this.#view ??= new DataView(buffer, byteOffset, byteLength))
  }

  #varint(): number {
    const { bytes } = this
    let value = 0
    let factor = 1
    for (let count = 0; count < 10; count++) {
      if (this.at >= this.end) throw this.#error('it ends too early')
      const byte = bytes[this.at++]!
      value += (byte & 127) * factor
      if (byte < 128) return value
      factor *= 128
    }
    throw this.#error('a number is too long')
  }

  /** From the lower 53 bits of the complement, which the magnitude of a time or a count fits into. */
  #negative(start: number): number {
    let value = 0
    let factor = 1
    for (let index = 0; index < 10; index++) {
      const part = index === 9 ? ~this.bytes[start + index]! & 1 : ~this.bytes[start + index]! & 127
      value += part * factor
      factor *= 128
    }
    return -value - 1
  }

  #expect(wire: number): void {
    if (this.#wire !== wire) throw this.#error(`field ${this.field} is of another kind`)
  }

  #need(bytes: number): void {
    if (this.at + bytes > this.end) throw this.#error('it ends too early')
  }

  #error(what: string): ProtobufError {
    return new ProtobufError(what, this.at)
  }
}

/** Text of some bytes. Short ASCII, as names and values are, is quickest by hand. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > 24) return decode(bytes.subarray(start, end))
  let text = ''
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!
    if (byte > 127) return decode(bytes.subarray(start, end))
    text += String.fromCharCode(byte)
  }
  return text
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}
