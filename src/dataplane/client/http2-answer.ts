import { type BodyReader, forwardBody, forwardRoom, readBody } from '../../mechanisms/http1/body.ts'
import type { Drops } from '../../mechanisms/http1/drops.ts'
import { FRAMING, type ResponseHead } from '../../mechanisms/http1/response-head.ts'
import type { ResponseRewrite } from '../../mechanisms/http1/write-head.ts'
import {
  localBlock,
  responseBlockRoom,
  trailerBlock,
  writeResponseBlock,
} from '../../mechanisms/http2/head-block.ts'
import type { Http2Session } from '../../mechanisms/http2/session.ts'
import type { Http2Stream } from '../../mechanisms/http2/stream.ts'
import type { FrameBuffer } from '../io/frame-buffers.ts'
import type { Scratch } from '../io/scratch.ts'
import type { LocalAnswer } from './client-stream.ts'

/** A key of a WebSocket's opening has no answer in HTTP/2 (RFC 8441 section 5). */
const ACCEPT_FIELD = 'sec-websocket-accept'

/** Whose answers may be over before their requests. */
export interface HoldingEnds {
  /** The last block of it: its trailers, or its head where that is all; null where it has none. */
  holdEnd(block: Uint8Array | null): void
}

/** Frames the answers of one HTTP/2 connection. `S` is whose streams they are. */
export class Http2Answers<S extends HoldingEnds> {
  readonly #session: Http2Session<S>
  readonly #output: FrameBuffer
  readonly #scratch: Scratch
  /** The payload that was decoded last. */
  #payload: Buffer = NO_BYTES
  #payloadStart = 0
  #payloadEnd = 0

  constructor(session: Http2Session<S>, output: FrameBuffer, scratch: Scratch) {
    this.#session = session
    this.#output = output
    this.#scratch = scratch
  }

  sendInterim(
    stream: Http2Stream<S>,
    head: ResponseHead,
    bytes: Buffer,
    rewrite: ResponseRewrite,
  ): void {
    this.#writeHead(stream, head, bytes, rewrite, head.status, false)
  }

  /** Final head and first bytes of the body; a negative HEAD_ERROR, and nothing was sent, for a body that is none. */
  sendHead(
    stream: Http2Stream<S>,
    head: ResponseHead,
    bytes: Buffer,
    start: number,
    end: number,
    body: BodyReader,
    rewrite: ResponseRewrite,
  ): number {
    const error = this.#decode(body, bytes, start, end)
    if (error < 0) return error
    const hasPayload = this.#payloadEnd > this.#payloadStart
    const isEnd = body.isDone && !hasPayload && !hasTrailers(body)
    stream.hasAnswered = true
    if (isEnd && !stream.isRemoteEnded) {
      const block = Buffer.allocUnsafe(responseBlockRoom(head, rewrite))
      const length = writeResponseBlock(head, bytes, block, 0, rewrite, head.status)
      stream.owner?.holdEnd(block.subarray(0, length))
      return 0
    }
    this.#writeHead(stream, head, bytes, rewrite, head.status, isEnd)
    if (!isEnd) this.#sendPayload(stream, body)
    return 0
  }

  sendBody(
    stream: Http2Stream<S>,
    body: BodyReader,
    bytes: Buffer,
    start: number,
    end: number,
  ): number {
    const error = this.#decode(body, bytes, start, end)
    if (error < 0) return error
    this.#sendPayload(stream, body)
    return 0
  }

  /** `isWhole`: nothing more is said on the stream. */
  sendLocal(stream: Http2Stream<S>, answer: LocalAnswer, isWhole: boolean): void {
    if (stream.isGone) return
    const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body
    const hasLength = answer.status !== 204 && answer.status !== 304 && body.length > 0
    const block = localBlock(answer.status, answer.lines, hasLength ? body.length : -1)
    const hasBody = !answer.isHead && body.length > 0
    stream.hasAnswered = true
    if (isWhole && !hasBody && !stream.isRemoteEnded) {
      stream.owner?.holdEnd(block)
      return
    }
    const { sender } = this.#session
    const at = sender.beginBlock(block.length)
    this.#output.bytes.set(block, at)
    sender.endBlock(stream, at + block.length, isWhole && !hasBody)
    if (!hasBody) return
    sender.send(stream, body, 0, body.length, isWhole && stream.isRemoteEnded)
    if (isWhole && !stream.isRemoteEnded) stream.owner?.holdEnd(null)
  }

  /** The answer to CONNECT that opens a tunnel (RFC 8441 section 5). */
  openTunnel(
    stream: Http2Stream<S>,
    head: ResponseHead,
    bytes: Buffer,
    start: number,
    end: number,
    rewrite: ResponseRewrite,
  ): void {
    const drops: Drops = { ...rewrite.drops, names: [...rewrite.drops.names, ACCEPT_FIELD] }
    stream.hasAnswered = true
    this.#writeHead(stream, head, bytes, { ...rewrite, drops }, 200, false)
    if (start < end) this.#session.sender.send(stream, bytes, start, end, false)
  }

  #writeHead(
    stream: Http2Stream<S>,
    head: ResponseHead,
    bytes: Buffer,
    rewrite: ResponseRewrite,
    status: number,
    isEnd: boolean,
  ): void {
    if (stream.isGone) return
    const { sender } = this.#session
    const at = sender.beginBlock(responseBlockRoom(head, rewrite))
    const end = writeResponseBlock(head, bytes, this.#output.bytes, at, rewrite, status)
    sender.endBlock(stream, end, isEnd)
  }

  /** Payload of [start, end), without its framing; a negative HEAD_ERROR. A body that is not chunked is not copied. */
  #decode(body: BodyReader, bytes: Buffer, start: number, end: number): number {
    this.#payloadStart = 0
    this.#payloadEnd = 0
    if (body.isDone || (start === end && !body.isLast)) return 0
    if (body.framing !== FRAMING.chunked) {
      const at = readBody(body, bytes, start, end)
      if (at < 0) return at
      body.consumed = at
      this.#payload = bytes
      this.#payloadStart = body.payloadStart
      this.#payloadEnd = body.payloadEnd
      return 0
    }
    const out = this.#scratch.take(forwardRoom(body, end - start))
    const at = forwardBody(body, bytes, start, end, out, 0, false)
    if (at < 0) return at
    this.#payload = out
    this.#payloadEnd = at
    return 0
  }

  #sendPayload(stream: Http2Stream<S>, body: BodyReader): void {
    const { sender } = this.#session
    const isLast = body.isDone && !hasTrailers(body) && stream.isRemoteEnded
    if (this.#payloadEnd > this.#payloadStart) {
      sender.send(stream, this.#payload, this.#payloadStart, this.#payloadEnd, isLast)
    } else if (isLast) sender.end(stream, null)
    if (!body.isDone || isLast) return
    const trailers = trailerBlock(body.chunks.trailer, body.dropNames)
    if (stream.isRemoteEnded) sender.end(stream, trailers)
    else stream.owner?.holdEnd(trailers)
  }
}

const NO_BYTES = Buffer.alloc(0)

function hasTrailers({ chunks: { trailer } }: BodyReader): boolean {
  return trailer.fields !== null && trailer.fields.count > 0
}
