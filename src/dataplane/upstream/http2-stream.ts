import {
  beginBody,
  type BodyReader,
  createBodyReader,
  forwardBody,
  forwardRoom,
  readBody,
  requestFraming,
} from '../../mechanisms/http1/body.ts'
import { headError } from '../../mechanisms/http1/errors.ts'
import { FRAMING, type ResponseHead } from '../../mechanisms/http1/response-head.ts'
import { readTrailer, TRAILER_BYTES_MAX } from '../../mechanisms/http1/trailers.ts'
import { fieldsError, H2_FIELDS } from '../../mechanisms/http2/field-errors.ts'
import { H2_ERROR } from '../../mechanisms/http2/frames.ts'
import { composedRoom, writeComposedRequest } from '../../mechanisms/http2/composed-request.ts'
import { trailerBlock } from '../../mechanisms/http2/head-block.ts'
import { NOT_A_HEAD } from '../../mechanisms/http2/response-text.ts'
import type { Http2Session } from '../../mechanisms/http2/session.ts'
import type { Http2Stream } from '../../mechanisms/http2/stream.ts'
import type { HpackDecoder } from '../../mechanisms/hpack/decoder.ts'
import type { FrameBuffer } from '../io/frame-buffers.ts'
import { OUTLET_BYTES_MAX, type Outlet } from '../io/outlet.ts'
import type { Turn } from '../io/turns.ts'
import { EarlyBytes } from '../client/early-bytes.ts'
import type { UpstreamGround } from './ground.ts'
import type { Instance } from './instance.ts'
import type { InstanceEvents, InstanceOf, StreamFailure } from './instance-stream.ts'

/** Interim answers (1xx) to one request; an instance that sends more is broken. */
const INTERIM_MAX = 64

/** The connection, as far as its streams need it. */
export interface Http2InstanceHost<A> {
  readonly ground: UpstreamGround
  readonly instance: Instance
  readonly events: InstanceEvents<A>
  readonly outlet: Outlet
  readonly output: FrameBuffer
  readonly session: Http2Session<Http2InstanceStream<A>>
  readonly isOpen: boolean
  /** Reads of the connection so far. */
  readonly readCount: number
  /** It had carried requests before this one. */
  readonly isReused: boolean
  /** A head of this stream waits for the payload that may be in the same read. */
  hold(stream: Http2InstanceStream<A>): void
  guarded(owner: A | null, step: () => void): void
  /** The request is over. `isHanging`: it was given up without a byte of an answer. */
  released(stream: Http2InstanceStream<A>, isHanging: boolean, nowMs: number): void
}

/** One request on a shared HTTP/2 connection to an instance. */
export class Http2InstanceStream<A> implements InstanceOf<A>, Turn {
  owner: A | null = null
  isScheduled = false
  readonly body: BodyReader = createBodyReader()
  hasAnswered = false
  wasReset = false
  readonly #host: Http2InstanceHost<A>
  /** Null until the request is sent. */
  #stream: Http2Stream<Http2InstanceStream<A>> | null = null
  /** Reads the request as it was composed, to frame it anew. */
  readonly #sent: BodyReader = createBodyReader()
  readonly #early = new EarlyBytes()
  #method = ''
  #isPaused = false
  #hasEnd = false
  /** End of the head that waits for its first payload, in the text of answers; 0: none does. */
  #heldEnd = 0
  #isReleased = false
  #interimCount = 0
  #readCount = 0
  #wasReused = false

  constructor(host: Http2InstanceHost<A>) {
    this.#host = host
  }

  /** Ready for another request, as it was made. Only where no turn of it is to come. */
  renew(): this {
    this.hasAnswered = false
    this.wasReset = false
    this.#stream = null
    this.#isPaused = false
    this.#hasEnd = false
    this.#heldEnd = 0
    this.#isReleased = false
    return this
  }

  get instance(): Instance {
    return this.#host.instance
  }

  get isOpen(): boolean {
    return this.#host.isOpen
  }

  get isClogged(): boolean {
    const queued = this.#stream?.queuedBytes ?? 0
    return queued >= OUTLET_BYTES_MAX || this.#host.outlet.isClogged
  }

  get unsentBytes(): number {
    const queued = this.#stream?.queuedBytes ?? 0
    return queued > 0 ? queued : this.#host.outlet.unsentBytes
  }

  /** How it ended where the connection did: one that was idle and is closed just when it is used says nothing about the instance. */
  get brokenBy(): StreamFailure {
    const isStale = this.#wasReused && !this.hasAnswered && this.#readCount === this.#host.readCount
    return isStale ? 'stale' : 'reset'
  }

  sendRequest(method: string, bytes: Uint8Array): boolean {
    const { session, output, ground, readCount, isReused } = this.#host
    this.#readCount = readCount
    this.#wasReused = isReused && session.streamCount === 0
    this.#method = method
    this.#interimCount = 0
    if (!session.mayOpen) {
      // It was taken while the connection was being opened, and the instance takes fewer.
      ground.turns.schedule(this)
      return true
    }
    const all = asBuffer(bytes)
    const { request } = ground.http2Upstream
    const stream = session.open(this)
    this.#stream = stream
    const at = session.sender.beginBlock(composedRoom(all.length))
    const blockEnd = writeComposedRequest(all, output.bytes, at, false, request)
    const { end, contentLength } = request
    beginBody(this.#sent, requestFraming(request), contentLength, 0)
    session.sender.endBlock(stream, blockEnd, this.#sent.isDone)
    if (end < all.length) this.#forward(all, end, all.length)
    return true
  }

  sendMore(bytes: Buffer, start: number, end: number): boolean {
    this.#forward(bytes, start, end)
    return true
  }

  /** Bytes as they were composed for HTTP/1.1: what is chunked there is payload here. */
  #forward(bytes: Buffer, start: number, end: number): void {
    const stream = this.#stream
    const { sender } = this.#host.session
    let at = start
    while (at < end && !this.#sent.isDone) {
      at = readBody(this.#sent, bytes, at, end)
      if (at < 0) throw new TypeError('a body that was composed is none')
      const { payloadStart, payloadEnd, isDone } = this.#sent
      if (stream === null) continue
      const isLast = isDone && this.#sent.framing === FRAMING.length
      if (payloadEnd > payloadStart || isLast) {
        sender.send(stream, bytes, payloadStart, payloadEnd, isLast)
      }
    }
    if (this.#sent.isDone && stream !== null)
      sender.end(stream, trailerBlock(this.#sent.chunks.trailer, NO_NAMES))
  }

  sendBody(body: BodyReader, bytes: Buffer, start: number, end: number): number {
    const stream = this.#stream
    const { session, ground } = this.#host
    const { scratch } = ground
    if (stream === null) return 0
    const out = scratch.take(forwardRoom(body, end - start))
    const at = forwardBody(body, bytes, start, end, out, 0, false)
    if (at < 0) return at
    const isLast = body.isDone
    const trailers = isLast ? trailerBlock(body.chunks.trailer, body.dropNames) : null
    if (at > 0) session.sender.send(stream, out, 0, at, isLast && trailers === null)
    if (isLast) session.sender.end(stream, trailers)
    return 0
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    if (this.#early.length > 0 || this.#hasEnd) this.#host.ground.turns.schedule(this)
  }

  openTunnel(): void {
    throw new TypeError('an upgrade takes a connection of HTTP/1.1')
  }

  sendRaw(): void {}

  endRaw(): void {}

  release(_mayRest: boolean, nowMs: number): void {
    this.#giveUp(false, nowMs)
  }

  reset(): void {
    this.cancel()
  }

  cancel(): void {
    this.#giveUp(!this.hasAnswered && this.#stream !== null, this.#host.ground.clock.monotonicMs())
  }

  #giveUp(isHanging: boolean, nowMs: number): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.owner = null
    const stream = this.#stream
    if (stream !== null) {
      this.#host.session.consumed(stream, this.#early.length)
      this.#host.session.reset(stream, H2_ERROR.cancel)
    }
    this.#early.clear()
    this.#host.released(this, isHanging, nowMs)
  }

  /** In its turn: what was held back, or that the request could not be sent. */
  runTurn(): void {
    const { owner } = this
    if (owner === null) return
    this.#host.guarded(owner, () => {
      if (this.#stream === null) return this.fail('not-taken', 'takes no more streams')
      if (this.#isPaused) return
      const { length, bytes } = this.#early
      if (length === 0 && !this.#hasEnd) return
      this.#early.clear()
      this.#deliver(owner, bytes, 0, length)
    })
  }

  /** The stream, or all of the connection, is gone. */
  fail(failure: StreamFailure, detail: string): void {
    if (this.owner !== null) this.#host.events.failed(this.owner, failure, detail)
  }

  /** A block: an interim answer (1), or the answer (0). */
  receiveHead(decoder: HpackDecoder, isEnd: boolean): number {
    const { ground, events } = this.#host
    const { responseText: text } = ground.http2Upstream
    const { headBytesMax } = ground.responseLimits
    const head = ground.responseHead
    const end = text.read(decoder, headBytesMax, head, this.#method)
    if (end === H2_FIELDS.compression) return end
    const { owner } = this
    this.hasAnswered = true
    if (owner === null) return 0
    if (end < 0) {
      const { code, title } = end === NOT_A_HEAD ? headError(text.headError) : fieldsError(end)
      this.#refuse(end === H2_FIELDS.tooLarge, `${title} (${code})`)
      return 0
    }
    if (head.status < 200) {
      if (++this.#interimCount > INTERIM_MAX) {
        this.#refuse(false, `more than ${INTERIM_MAX} interim answers (1xx)`)
        return 0
      }
      events.interim(owner, head, text.bytes)
      return 1
    }
    this.#begin(owner, head, text.bytes, end, isEnd)
    return 0
  }

  /** The stream's end says where the body ends, whatever else does. */
  #begin(owner: A, head: ResponseHead, bytes: Buffer, end: number, isEnd: boolean): void {
    if (isEnd && head.framing === FRAMING.length && head.contentLength > 0) {
      return this.#refuse(false, 'the answer has a content-length and no body')
    }
    if (head.framing === FRAMING.untilClose) {
      head.framing = isEnd ? FRAMING.length : FRAMING.frames
      if (isEnd) head.contentLength = 0
    }
    const stream = this.#stream!
    if (!isEnd && head.framing === FRAMING.length) stream.contentLeft = head.contentLength
    beginBody(this.body, head.framing, head.contentLength, 0)
    if (isEnd) return this.#host.events.head(owner, head, bytes, end, end)
    // Head and first payload mostly come in one read, and then leave in one write.
    this.#heldEnd = end
    this.#host.hold(this)
  }

  /** The head that was held leaves, with payload where some has come. */
  releaseHead(bytes: Buffer, start: number, end: number): void {
    const { owner } = this
    const { responseHead: head, http2Upstream } = this.#host.ground
    const { responseText: text } = http2Upstream
    const headEnd = this.#heldEnd
    this.#heldEnd = 0
    if (owner === null) return this.#consumed(end - start)
    const length = end - start
    // What comes with a head lies behind it.
    if (length > 0) bytes.copy(text.roomBehind(headEnd, length), headEnd, start, end)
    this.body.isLast = this.#hasEnd
    const stream = this.#stream!
    this.#host.events.head(owner, head, text.bytes, headEnd, headEnd + length)
    this.#host.session.consumed(stream, length)
  }

  #refuse(isTooLarge: boolean, detail: string): void {
    this.fail(isTooLarge ? 'head-too-large' : 'bad-response', detail)
  }

  /** Payload of the answer. */
  receive(bytes: Buffer, start: number, end: number, isEnd: boolean): void {
    if (isEnd) this.#hasEnd = true
    if (this.#heldEnd > 0) return this.releaseHead(bytes, start, end)
    const { owner } = this
    if (owner === null) return this.#consumed(end - start)
    if (this.#isPaused || this.#early.length > 0) return this.#early.add(bytes, start, end)
    this.#deliver(owner, bytes, start, end)
  }

  #deliver(owner: A, bytes: Buffer, start: number, end: number): void {
    // The event may be the last one of this request, and another one may have the stream behind it.
    const stream = this.#stream
    if (!this.body.isDone) {
      this.body.isLast = this.#hasEnd
      this.#host.events.data(owner, bytes, start, end)
    }
    if (stream !== null) this.#host.session.consumed(stream, end - start)
  }

  /** The block behind the body. */
  receiveTrailers(decoder: HpackDecoder): number {
    const { responseText: text } = this.#host.ground.http2Upstream
    const error = text.readTrailers(decoder, TRAILER_BYTES_MAX)
    if (error === H2_FIELDS.compression) return error
    const { trailer } = this.body.chunks
    if (error < 0 || readTrailer(trailer, text.bytes, 0, text.end) < 0) {
      this.#refuse(false, 'the trailers are not valid')
    } else this.receive(text.bytes, text.end, text.end, true)
    return 0
  }

  #consumed(count: number): void {
    if (this.#stream !== null) this.#host.session.consumed(this.#stream, count)
  }
}

const NO_NAMES: readonly string[] = []

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
