import { HPACK, type HpackDecoder } from '../hpack/decoder.ts'
import { isText, writeText } from '../http1/bytes.ts'
import { reasonOf } from '../http1/answer.ts'
import { FieldCheck } from './field-check.ts'
import { H2_FIELDS } from './field-errors.ts'

/** The first line and the end, and room for a longer first line. */
const OWN_BYTES_MAX = 128

/** Turns the block of an answer into the head of the same answer in HTTP/1.1, and a block of trailers into lines. As `RequestText`. */
export class ResponseText {
  bytes: Buffer = Buffer.alloc(0)
  end = 0
  status = 0
  readonly #check = new FieldCheck()

  /** Reads a whole block. Returns 0, or one of H2_FIELDS; the block is read to its end in any case. */
  read(decoder: HpackDecoder, headBytesMax: number): number {
    this.#begin(headBytesMax)
    return this.#readFields(decoder, headBytesMax, true)
  }

  /** Trailers: lines, and an empty one. */
  readTrailers(decoder: HpackDecoder, bytesMax: number): number {
    this.#begin(bytesMax)
    this.status = -1
    return this.#readFields(decoder, bytesMax, false)
  }

  #begin(bytesMax: number): void {
    if (this.bytes.length < bytesMax + OWN_BYTES_MAX) {
      this.bytes = Buffer.allocUnsafeSlow(bytesMax + OWN_BYTES_MAX)
    }
    this.end = 0
    this.status = 0
  }

  #readFields(decoder: HpackDecoder, bytesMax: number, hasStatus: boolean): number {
    let error = 0
    for (;;) {
      const next = decoder.next(this.bytes, this.end, error === 0 ? bytesMax : 0)
      if (next === HPACK.end) break
      if (next === HPACK.error) return H2_FIELDS.compression
      if (error !== 0) continue
      if (next === HPACK.tooLarge) error = H2_FIELDS.tooLarge
      else error = this.#take(decoder, next)
    }
    if (error !== 0) return error
    if (hasStatus && this.status === 0) return H2_FIELDS.pseudo
    this.end = writeText(this.bytes, this.end, '\r\n')
    return 0
  }

  #take({ nameEnd, valueStart, valueEnd }: HpackDecoder, next: number): number {
    const { bytes, end: start } = this
    if (this.status === 0) return this.#takeStatus(start, nameEnd, valueStart, valueEnd)
    const error = this.#check.judge(bytes, start, nameEnd, valueStart, valueEnd)
    if (error === 0) this.end = next
    return error
  }

  #takeStatus(start: number, nameEnd: number, valueStart: number, valueEnd: number): number {
    const { bytes } = this
    if (!isText(bytes, start, nameEnd, ':status')) return H2_FIELDS.pseudo
    if (valueEnd - valueStart !== 3) return H2_FIELDS.status
    let status = 0
    for (let at = valueStart; at < valueEnd; at++) {
      const digit = bytes[at]! - 48
      if (digit < 0 || digit > 9) return H2_FIELDS.status
      status = status * 10 + digit
    }
    // RFC 9113 section 8.6: 101 has no meaning here.
    if (status < 100 || status > 599 || status === 101) return H2_FIELDS.status
    this.status = status
    this.end = writeText(bytes, start, `HTTP/1.1 ${status} ${reasonOf(status)}\r\n`)
    return 0
  }
}
