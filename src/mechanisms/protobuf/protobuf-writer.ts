/** Writes a message field by field (protobuf.dev, "Encoding"). Values that are the default of their type are written all the same: whoever leaves out decides. */
export class ProtobufWriter {
  #bytes: Uint8Array<ArrayBuffer>
  #at = 0

  constructor(bytes = 256) {
    this.#bytes = new Uint8Array(bytes)
  }

  /** A whole number from 0 to 2^53. */
  uint(field: number, value: number): this {
    this.#tag(field, 0)
    this.#varint(value)
    return this
  }

  /** A whole number with its sign in the lowest bit. */
  sint(field: number, value: number): this {
    return this.uint(field, value < 0 ? -value * 2 - 1 : value * 2)
  }

  /** Eight bytes in the two's complement of a 64-bit number, or any other. */
  bigint(field: number, value: bigint): this {
    this.#tag(field, 0)
    this.#room(10)
    let rest = BigInt.asUintN(64, value)
    while (rest > 127n) {
      this.#bytes[this.#at++] = Number(rest & 127n) | 128
      rest >>= 7n
    }
    this.#bytes[this.#at++] = Number(rest)
    return this
  }

  bool(field: number, value: boolean): this {
    return this.uint(field, value ? 1 : 0)
  }

  bytes(field: number, bytes: Uint8Array): this {
    this.#tag(field, 2)
    this.#varint(bytes.length)
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
    return this
  }

  text(field: number, text: string): this {
    this.#tag(field, 2)
    const isShort = text.length < 43
    // At most three bytes a character: the length of a short text takes one byte.
    if (!isShort) return this.#rawBytes(new TextEncoder().encode(text))
    this.#room(1 + text.length * 3)
    const { written } = new TextEncoder().encodeInto(text, this.#bytes.subarray(this.#at + 1))
    this.#bytes[this.#at] = written
    this.#at += 1 + written
    return this
  }

  /** A message within; `build` writes its fields. */
  message(field: number, build?: (writer: this) => void): this {
    this.#tag(field, 2)
    this.#room(1)
    const start = ++this.#at
    build?.(this)
    const length = this.#at - start
    if (length < 128) {
      this.#bytes[start - 1] = length
      return this
    }
    // The length takes more than the byte that was left for it.
    const more = lengthOfVarint(length) - 1
    this.#room(more)
    this.#bytes.copyWithin(start + more, start, this.#at)
    const end = this.#at + more
    this.#at = start - 1
    this.#varint(length)
    this.#at = end
    return this
  }

  /** Everything that was written; the writer is not used any more. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#at)
  }

  #rawBytes(bytes: Uint8Array): this {
    this.#varint(bytes.length)
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
    return this
  }

  #tag(field: number, wire: number): void {
    this.#varint(field * 8 + wire)
  }

  #varint(value: number): void {
    this.#room(10)
    let rest = value
    while (rest > 127) {
      this.#bytes[this.#at++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.#at++] = rest
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(this.#at + bytes, this.#bytes.length * 2))
    larger.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = larger
  }
}

function lengthOfVarint(value: number): number {
  let length = 1
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) length++
  return length
}
