import {
  beginBody,
  createBodyReader,
  readBody,
  requestFraming,
  type BodyReader,
} from '../../../mechanisms/http1/body.ts'
import type { RequestHead } from '../../../mechanisms/http1/request-head.ts'

const NO_BYTES = Buffer.alloc(0)

/** A body on its way in: what has come of it, within its limit. */
export class IncomingBody {
  readonly #reader: BodyReader = createBodyReader()
  readonly #parts: Buffer[] = []
  /** 0, or the negative HEAD_ERROR of a length that is known to be too much. */
  readonly error: number
  /** What is kept of it. */
  bytes = 0

  constructor(head: RequestHead, bytesMax: number) {
    // 0 is no limit for the codec; a body of one byte is too much where none is allowed.
    const max = Math.max(bytesMax, 1)
    this.error = beginBody(this.#reader, requestFraming(head), head.contentLength, max)
  }

  get isDone(): boolean {
    return this.#reader.isDone
  }

  /** Takes what belongs to it and returns the position behind, or a negative HEAD_ERROR. */
  take(bytes: Buffer, start: number, end: number): number {
    const reader = this.#reader
    let at = start
    while (at < end && !reader.isDone) {
      at = readBody(reader, bytes, at, end)
      if (at < 0) return at
      if (reader.payloadEnd === reader.payloadStart) continue
      this.#parts.push(Buffer.from(bytes.subarray(reader.payloadStart, reader.payloadEnd)))
      this.bytes += reader.payloadEnd - reader.payloadStart
    }
    return at
  }

  /** All of it. */
  whole(): Buffer {
    const [first = NO_BYTES, ...more] = this.#parts
    return more.length === 0 ? first : Buffer.concat(this.#parts)
  }
}
