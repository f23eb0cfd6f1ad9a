import { HPACK, type HpackDecoder } from '../hpack/decoder.ts'
import { isText, writeText } from '../http1/bytes.ts'
import { reasonOf } from '../http1/answer.ts'
import { addField } from '../http1/fields.ts'
import { beginWrittenHead, endWrittenHead, type ResponseHead } from '../http1/response-head.ts'
import { FieldCheck } from './field-check.ts'
import { H2_FIELDS } from './field-errors.ts'

/** The first line and the end, and room for a longer first line. */
const OWN_BYTES_MAX = 128

/** What `read` returns for a head whose fields contradict each other. */
export const NOT_A_HEAD = -100

const STATUS_LINE_200 = `HTTP/1.1 200 ${reasonOf(200)}\r\n`

function statusLine(status: number): string {
  return status === 200 ? STATUS_LINE_200 : `HTTP/1.1 ${status} ${reasonOf(status)}\r\n`
}

/** Turns the block of an answer into the head of the same answer in HTTP/1.1, and a block of trailers into lines. As `RequestText`. */
export class ResponseText {
  bytes: Buffer = Buffer.alloc(0)
  end = 0
  status = 0
  /** Of a block that is valid by itself, and no head of HTTP/1.1. */
  headError = 0
  #head: ResponseHead | null = null
  readonly #check = new FieldCheck()

  /**
   * Reads a whole block into `head`. Returns the position behind the head in `bytes`, or one of H2_FIELDS, or `NOT_A_HEAD` and the HEAD_ERROR in `headError`;
   * the block is read to its end in any case.
   */
  read(
    decoder: HpackDecoder,
    headBytesMax: number,
    head: ResponseHead,
    requestMethod: string,
  ): number {
    this.#begin(headBytesMax)
    this.#head = head
    const error = this.#readFields(decoder, headBytesMax, true)
    this.#head = null
    if (error < 0) return error
    const end = endWrittenHead(this.bytes, head, this.end, requestMethod)
    if (end > 0) return end
    this.headError = end
    return NOT_A_HEAD
  }

  /** Trailers: lines, and an empty one. */
  readTrailers(decoder: HpackDecoder, bytesMax: number): number {
    this.#begin(bytesMax)
    this.status = -1
    return this.#readFields(decoder, bytesMax, false)
  }

  /** `bytes` with room for so many more behind `end`: what is in front stays. */
  roomBehind(end: number, count: number): Buffer {
    if (this.bytes.length - end >= count) return this.bytes
    const larger = Buffer.allocUnsafeSlow(end + count)
    this.bytes.copy(larger, 0, 0, end)
    this.bytes = larger
    return larger
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
    if (error < 0) return error
    this.end = next
    if (this.#head === null) return 0
    const { fields } = this.#head
    const added = addField(bytes, start, nameEnd, valueStart, valueEnd, next, fields)
    return added < 0 ? H2_FIELDS.tooLarge : 0
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
    this.end = writeText(bytes, start, statusLine(status))
    if (this.#head !== null) beginWrittenHead(this.#head, start, status, this.end)
    return 0
  }
}
