import { type BodyReader, createBodyReader } from '../../mechanisms/http1/body.ts'
import { HEAD_ERROR } from '../../mechanisms/http1/errors.ts'
import type { ResponseHead } from '../../mechanisms/http1/response-head.ts'
import type { ResponseRewrite } from '../../mechanisms/http1/write-head.ts'
import { H2_ERROR } from '../../mechanisms/http2/frames.ts'
import type { Http2Session } from '../../mechanisms/http2/session.ts'
import type { Http2Stream } from '../../mechanisms/http2/stream.ts'
import type { HpackDecoder } from '../../mechanisms/hpack/decoder.ts'
import { readTrailer, TRAILER_BYTES_MAX } from '../../mechanisms/http1/trailers.ts'
import { fieldsError, H2_FIELDS } from '../../mechanisms/http2/field-errors.ts'
import type { Turn } from '../io/turns.ts'
import type { ClientListener } from '../listeners/client-listener.ts'
import type { ClientEvents, ClientOf, LocalAnswer, Peer, Waiting } from './client-stream.ts'
import { DISCARD_BYTES_MAX } from './discard.ts'
import { EarlyBytes } from './early-bytes.ts'
import type { ClientGround } from './ground.ts'
import type { Http2Answers } from './http2-answer.ts'
import { OUTLET_BYTES_MAX } from '../io/outlet.ts'

/** The connection, as far as its streams need it. */
export interface Http2StreamHost<E> {
  readonly ground: ClientGround
  readonly listener: ClientListener
  readonly peer: Peer
  readonly events: ClientEvents<E>
  readonly outlet: Waiting
  readonly session: Http2Session<Http2ClientStream<E>>
  readonly answers: Http2Answers<Http2ClientStream<E>>
  /** A defect costs the request at hand, not the worker. */
  guarded(client: Http2ClientStream<E>, step: () => void): void
  /** The request of a stream is over; with `isGone` so is the stream. */
  released(stream: Http2ClientStream<E>, isGone: boolean, nowMs: number): void
  /** The end of its answer waits for that of its request. */
  hold(stream: Http2ClientStream<E>): void
  /** It has left; with `isGone` so has the stream. */
  ended(stream: Http2ClientStream<E>, isGone: boolean): void
}

/** One request on an HTTP/2 connection of a client. */
export class Http2ClientStream<E> implements ClientOf<E>, Turn, Waiting {
  owner: E | null = null
  isScheduled = false
  readonly protocol = 'http/2'
  readonly isHttp10 = false
  readonly isFramedBelow = true
  readonly body: BodyReader = createBodyReader()
  /** A WebSocket: its head asks for an upgrade. */
  isUpgrade = false
  readonly #connection: Http2StreamHost<E>
  readonly #stream: Http2Stream<Http2ClientStream<E>>
  readonly #early = new EarlyBytes()
  #isPaused = false
  #isTunnel = false
  /** The client has said all; what of it is early is not used yet. */
  #hasEnd = false
  /** Its request was no request: with this H2_ERROR the stream is reset behind our answer. */
  #refusal: number = H2_ERROR.noError
  #isReleased = false
  #discardedBytes = 0
  /** The last block of an answer whose end waits, or null for none; undefined: no end waits. */
  #heldEnd: Uint8Array | null | undefined = undefined

  constructor(connection: Http2StreamHost<E>, stream: Http2Stream<Http2ClientStream<E>>) {
    this.#connection = connection
    this.#stream = stream
  }

  get listener(): ClientListener {
    return this.#connection.listener
  }

  get peer(): Peer {
    return this.#connection.peer
  }

  get outlet(): Waiting {
    return this
  }

  get isClogged(): boolean {
    return this.#stream.queuedBytes >= OUTLET_BYTES_MAX || this.#connection.outlet.isClogged
  }

  get isFlushed(): boolean {
    const { isWaiting, isGone } = this.#stream
    return isGone || (!isWaiting && this.#connection.outlet.isFlushed)
  }

  get unsentBytes(): number {
    const { queuedBytes } = this.#stream
    return queuedBytes > 0 ? queuedBytes : this.#connection.outlet.unsentBytes
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    if (this.#hasWaiting) this.#connection.ground.turns.schedule(this)
  }

  closeAfterwards(): void {}

  sendInterim(head: ResponseHead, bytes: Buffer, rewrite: ResponseRewrite): void {
    this.#connection.answers.sendInterim(this.#stream, head, bytes, rewrite)
  }

  sendHead(
    head: ResponseHead,
    bytes: Buffer,
    start: number,
    end: number,
    body: BodyReader,
    rewrite: ResponseRewrite,
  ): number {
    // Any success would open the tunnel that was asked for (RFC 8441 section 5).
    if (this.isUpgrade && head.status < 300) return HEAD_ERROR.notSwitched
    return this.#connection.answers.sendHead(this.#stream, head, bytes, start, end, body, rewrite)
  }

  sendBody(body: BodyReader, bytes: Buffer, start: number, end: number): number {
    return this.#connection.answers.sendBody(this.#stream, body, bytes, start, end)
  }

  endBody(): void {
    if (this.#stream.isRemoteEnded) this.#connection.session.sender.end(this.#stream, null)
    else this.holdEnd(null)
  }

  sendLocal(answer: LocalAnswer): void {
    this.#connection.answers.sendLocal(this.#stream, answer, this.#refusal === H2_ERROR.noError)
  }

  openTunnel(
    head: ResponseHead | null,
    bytes: Buffer,
    start: number,
    end: number,
    rewrite: ResponseRewrite | null,
  ): void {
    this.#isTunnel = true
    this.#isPaused = false
    if (head !== null && rewrite !== null) {
      this.#connection.answers.openTunnel(this.#stream, head, bytes, start, end, rewrite)
    }
    if (this.#hasWaiting) this.#connection.ground.turns.schedule(this)
  }

  sendRaw(bytes: Buffer, start: number, end: number): void {
    this.#connection.session.sender.send(this.#stream, bytes, start, end, false)
  }

  endRaw(): void {
    this.#connection.session.sender.end(this.#stream, null)
  }

  release(nowMs: number): void {
    this.owner = null
    this.#isReleased = true
    this.#useUp()
    const { session } = this.#connection
    if (this.#isTunnel) session.sender.end(this.#stream, null)
    this.settle()
    this.#connection.released(this, this.#stream.isGone, nowMs)
  }

  reset(): void {
    this.#connection.session.reset(this.#stream, this.#refusal || H2_ERROR.internal)
  }

  /** Nobody reads what is left of a slow reader's stream any more. */
  giveUp(): void {
    this.#connection.session.reset(this.#stream, H2_ERROR.cancel)
  }

  /** Over, and what was queued has left: the client may stop sending (RFC 9113 section 8.1). */
  settle(): void {
    const stream = this.#stream
    const isOver = this.#isReleased && this.#heldEnd === undefined && !stream.isWaiting
    if (isOver) this.#connection.session.reset(stream, this.#refusal)
  }

  /**
   * The end of the answer, before the request is whole. It waits for a small rest of that, and not for long: a reset behind the end makes some clients lose the
   * answer (curl 7), and no reset makes them wait for ever.
   */
  holdEnd(block: Uint8Array | null): void {
    this.#heldEnd = block
    const isSmall = this.#stream.contentLeft <= DISCARD_BYTES_MAX
    if (isSmall) this.#connection.hold(this)
    else this.releaseEnd()
  }

  /** The end of the answer leaves; what is still to come of the request is refused. */
  releaseEnd(): void {
    const block = this.#heldEnd
    if (block === undefined) return
    this.#heldEnd = undefined
    this.#connection.session.sender.end(this.#stream, block)
    this.settle()
    this.#connection.ended(this, this.#stream.isGone)
  }

  #discard(count: number): void {
    this.#consumed(count)
    this.#discardedBytes += count
    if (this.#hasEnd || this.#discardedBytes > DISCARD_BYTES_MAX) this.releaseEnd()
  }

  /** A list of fields, or a body, that may not be: it is answered, and behind that the stream is reset with this H2_ERROR, if it is one. */
  refuse(code: string, title: string, h2Error: number): void {
    this.#refusal = h2Error
    this.#connection.events.refused(this, code, title)
  }

  /** Payload of the request. */
  receive(bytes: Buffer, start: number, end: number, isEnd: boolean): void {
    if (isEnd) this.#hasEnd = true
    if (this.owner === null) return this.#discard(end - start)
    if (this.#isPaused || this.#early.length > 0) return this.#early.add(bytes, start, end)
    const next = this.#offer(this.owner, bytes, start, end)
    if (next === end) return
    // What is left of a request that has ended is of no use.
    if (this.#isReleased) this.#discard(end - next)
    else this.#early.add(bytes, next, end)
  }

  /** The block behind the body. A negative number: it is no HPACK. */
  receiveTrailers(decoder: HpackDecoder): number {
    const { http2 } = this.#connection.ground
    const error = http2.trailerText.readTrailers(decoder, TRAILER_BYTES_MAX)
    if (error === H2_FIELDS.compression) return error
    const { bytes, end } = http2.trailerText
    const isWrong = error < 0 || readTrailer(this.body.chunks.trailer, bytes, 0, end) < 0
    if (!isWrong) this.receive(bytes, end, end, true)
    else if (this.owner !== null) {
      const { code, title } = fieldsError(H2_FIELDS.trailers)
      this.refuse(code, title, H2_ERROR.protocol)
    }
    return 0
  }

  /** In its turn: what was held back. */
  runTurn(): void {
    this.#connection.guarded(this, () => {
      const { owner } = this
      if (owner === null || this.#isPaused) return
      const { length, bytes } = this.#early
      const next = this.#offer(owner, bytes, 0, length)
      if (next > 0) this.#early.dropUntil(next)
    })
  }

  get #hasWaiting(): boolean {
    return this.#early.length > 0 || (this.#hasEnd && !this.body.isDone)
  }

  #offer(owner: E, bytes: Buffer, start: number, end: number): number {
    const { events } = this.#connection
    if (this.#isTunnel) {
      if (end > start) events.raw(owner, bytes, start, end)
      this.#consumed(end - start)
      if (this.#hasEnd && this.owner === owner) events.ended(owner)
      return end
    }
    if (this.body.isDone) {
      this.#consumed(end - start)
      return end
    }
    this.body.isLast = this.#hasEnd
    const next = events.body(owner, bytes, start, end)
    this.#consumed(next - start)
    return next
  }

  #consumed(count: number): void {
    this.#connection.session.consumed(this.#stream, count)
  }

  #useUp(): void {
    this.#consumed(this.#early.length)
    this.#early.clear()
  }
}
