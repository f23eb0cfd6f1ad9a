import { statusLineAndHead } from '../../mechanisms/http1/answer.ts'
import {
  type BodyReader,
  forwardBody,
  forwardRoom,
  LAST_CHUNK,
} from '../../mechanisms/http1/body.ts'
import { HEAD_ERROR } from '../../mechanisms/http1/errors.ts'
import type { RequestHead } from '../../mechanisms/http1/request-head.ts'
import { FRAMING, type ResponseHead } from '../../mechanisms/http1/response-head.ts'
import {
  outgoingFraming,
  responseHeadRoom,
  type ResponseRewrite,
  writeResponseHead,
} from '../../mechanisms/http1/write-head.ts'
import type { Outlet } from '../io/outlet.ts'
import type { Scratch } from '../io/scratch.ts'
import type { LocalAnswer } from './client-stream.ts'

/** Frames the answers of one HTTP/1.x connection, one after the other. */
export class Http1Answer {
  isHttp10 = false
  /** The connection may carry another request after this answer. */
  keepsAlive = true
  /** The end of the answer is told by its framing; else by the end of the connection. */
  isDelimited = true
  readonly #scratch: Scratch
  readonly #outlet: Outlet
  #isChunked = false

  constructor(scratch: Scratch, outlet: Outlet) {
    this.#scratch = scratch
    this.#outlet = outlet
  }

  /** The answer to this request is next. */
  begin(head: RequestHead): void {
    this.isHttp10 = head.minorVersion === 0
    this.keepsAlive = head.keepAlive
    this.#isChunked = false
    this.isDelimited = true
  }

  /** What is next is the answer to bytes that are no request: nothing comes behind it. */
  beginRefusal(): void {
    this.isHttp10 = false
    this.keepsAlive = false
  }

  sendInterim(head: ResponseHead, bytes: Buffer, rewrite: ResponseRewrite): void {
    const out = this.#scratch.take(responseHeadRoom(head, rewrite))
    const end = writeResponseHead(head, bytes, out, 0, rewrite)
    if (end > 0) this.#scratch.write(this.#outlet, out, end)
  }

  /** Final head and first bytes of the body, in one write; a negative HEAD_ERROR, and nothing was sent, for a body that is none. */
  sendHead(
    head: ResponseHead,
    bytes: Buffer,
    start: number,
    end: number,
    body: BodyReader,
    rewrite: ResponseRewrite,
  ): number {
    const framing = outgoingFraming(head, this.isHttp10 ? 0 : 1)
    this.isDelimited = framing !== FRAMING.untilClose
    if (!this.isDelimited) this.keepsAlive = false
    this.#isChunked = framing === FRAMING.chunked
    rewrite.clientMinorVersion = this.isHttp10 ? 0 : 1
    rewrite.keepsAlive = this.keepsAlive
    const out = this.#scratch.take(responseHeadRoom(head, rewrite) + forwardRoom(body, end - start))
    let at = writeResponseHead(head, bytes, out, 0, rewrite)
    if (at < 0) return HEAD_ERROR.headTooLarge
    if (!body.isDone && end > start) {
      at = forwardBody(body, bytes, start, end, out, at, this.#isChunked)
      if (at < 0) return at
    }
    this.#scratch.write(this.#outlet, out, at)
    return 0
  }

  sendBody(body: BodyReader, bytes: Buffer, start: number, end: number): number {
    const out = this.#scratch.take(forwardRoom(body, end - start))
    const at = forwardBody(body, bytes, start, end, out, 0, this.#isChunked)
    if (at > 0) this.#scratch.write(this.#outlet, out, at)
    return Math.min(at, 0)
  }

  endBody(): void {
    if (this.#isChunked) this.#outlet.write(Buffer.from(LAST_CHUNK, 'latin1'))
  }

  sendLocal(answer: LocalAnswer): void {
    const length = Buffer.byteLength(answer.body)
    const head = statusLineAndHead({
      status: answer.status,
      lines: answer.lines,
      contentLength: answer.status === 204 || answer.status === 304 ? -1 : length,
      keepsAlive: this.keepsAlive,
      clientMinorVersion: this.isHttp10 ? 0 : 1,
    })
    const out = Buffer.allocUnsafeSlow(head.length + (answer.isHead ? 0 : length))
    out.write(head, 0, 'latin1')
    if (!answer.isHead) {
      if (typeof answer.body === 'string') out.write(answer.body, head.length, 'utf8')
      else answer.body.copy(out, head.length)
    }
    this.#outlet.write(out)
  }

  /** Head of a 101, and the first bytes behind it. */
  sendSwitch(
    head: ResponseHead,
    bytes: Buffer,
    start: number,
    end: number,
    rewrite: ResponseRewrite,
  ): void {
    const out = this.#scratch.take(responseHeadRoom(head, rewrite) + end - start)
    const at = writeResponseHead(head, bytes, out, 0, rewrite)
    if (at < 0) throw new RangeError('no room for the head of a 101')
    bytes.copy(out, at, start, end)
    this.#scratch.write(this.#outlet, out, at + end - start)
  }
}
