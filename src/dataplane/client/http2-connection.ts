import { randomBytes } from 'node:crypto'
import type { HpackDecoder } from '../../mechanisms/hpack/decoder.ts'
import { headError } from '../../mechanisms/http1/errors.ts'
import { parseRequestHead } from '../../mechanisms/http1/request-head.ts'
import { fieldsError, H2_FIELDS } from '../../mechanisms/http2/field-errors.ts'
import { H2_ERROR, h2ErrorName } from '../../mechanisms/http2/frames.ts'
import type { Http2FailureKind, Http2Mistake } from '../../mechanisms/http2/session-state.ts'
import { Http2Session } from '../../mechanisms/http2/session.ts'
import type { Http2Stream } from '../../mechanisms/http2/stream.ts'
import { FrameBuffer } from '../io/frame-buffers.ts'
import type { Outlet } from '../io/outlet.ts'
import type { Wire } from '../io/wire.ts'
import type { ClientListener } from '../listeners/client-listener.ts'
import type { ClientConnection } from './client-connection.ts'
import type { ClientEvents } from './client-stream.ts'
import type { ClientGround } from './ground.ts'
import { Http2Answers } from './http2-answer.ts'
import { Http2ClientStream, type Http2StreamHost } from './http2-stream.ts'
import { OrderlyClose } from './orderly-close.ts'
import type { ClientPeer } from './peer.ts'

/** What a WebSocket's opening says to a server of HTTP/1.1 (RFC 6455 section 4.1). */
const makeKey = (): string => randomBytes(16).toString('base64')

/** What a mistake on a stream is called. */
const MISTAKES: Readonly<Record<Http2Mistake, number>> = {
  'content-length': H2_FIELDS.contentLength,
  trailers: H2_FIELDS.trailers,
  windows: H2_FIELDS.stream,
  closed: H2_FIELDS.stream,
  frame: H2_FIELDS.stream,
}

/** The end of an answer waits so long for the rest of its request. */
const HOLD_MS = 100

/** What is malformed is an error of its stream (RFC 9113 section 8.1.1); what is beyond a limit is only answered. */
function errorOf(status: number): number {
  return status === 400 ? H2_ERROR.protocol : H2_ERROR.noError
}

/** One HTTP/2 connection of a client: many requests at once, each a stream. */
export class Http2Connection<E> implements ClientConnection, Http2StreamHost<E> {
  readonly ground: ClientGround
  readonly listener: ClientListener
  readonly wire: Wire
  readonly outlet: Outlet
  readonly peer: ClientPeer
  readonly events: ClientEvents<E>
  readonly session: Http2Session<Http2ClientStream<E>>
  readonly answers: Http2Answers<Http2ClientStream<E>>
  /** When an unused, half-read or closing connection is given up; Infinity while requests have their own deadlines. */
  deadlineMs: number
  readonly #output: FrameBuffer
  /** Requests that are over, whose last bytes a slow reader has not taken yet. */
  readonly #lingering = new Set<Http2ClientStream<E>>()
  #lingeringBytes = Infinity
  /** Those whose answer is over before their request. */
  readonly #held = new Set<Http2ClientStream<E>>()
  #cancelHold: () => void = () => {}
  #isMidway = false
  #isAnnounced = false
  #isClosing = false
  #close: OrderlyClose | null = null

  /**
   * Speaks over the wire from now on. `closed` is called once, last of all.
   */
  constructor(
    ground: ClientGround,
    listener: ClientListener,
    wire: Wire,
    peer: ClientPeer,
    events: ClientEvents<E>,
    closed: (connection: Http2Connection<E>) => void,
  ) {
    this.ground = ground
    this.listener = listener
    this.wire = wire
    this.outlet = wire.outlet
    this.peer = peer
    this.events = events
    peer.version = '2.0'
    this.deadlineMs = ground.clock.monotonicMs() + ground.limits.headTimeoutMs
    this.#output = new FrameBuffer(ground.http2.frames, wire.outlet)
    this.session = this.#openSession()
    this.answers = new Http2Answers(this.session, this.#output, ground.scratch)
    wire.handOver({
      received: (length) => this.receive(ground.readBuffer, 0, length),
      flushed: () => this.guarded(null, () => this.#flushed()),
      ended: () => this.guarded(null, () => this.#ended()),
      closed: () => {
        closed(this)
        this.guarded(null, () => this.#closed())
      },
    })
    this.session.start()
  }

  get streamCount(): number {
    return this.session.streamCount
  }

  get isIdle(): boolean {
    return this.session.streamCount === 0 && !this.#isClosing
  }

  get isBusy(): boolean {
    return this.session.streamCount > 0 || this.#close?.isLingering === false
  }

  /** Bytes that have come. */
  receive(bytes: Buffer, start: number, end: number): void {
    this.guarded(null, () => {
      const nowMs = this.ground.clock.monotonicMs()
      if (this.#isClosing) return this.#linger(nowMs)
      this.session.receive(bytes, start, end, nowMs)
      this.#renewDeadline(nowMs)
    })
  }

  announceEnd(): void {
    if (this.#isClosing) return
    // First everybody is told, and what is on its way is still taken; then no more is.
    this.session.goAway(!this.#isAnnounced)
    this.#isAnnounced = true
  }

  closeGently(): void {
    if (this.#isClosing) return
    this.#isClosing = true
    if (!this.session.isFailed) this.session.goAway(false)
    this.#output.flush()
    this.#output.close()
    this.#close = new OrderlyClose(this.outlet, this.ground.limits, this.ground.clock.monotonicMs())
    this.deadlineMs = this.#close.deadlineMs
  }

  destroy(): void {
    this.#isClosing = true
    this.wire.destroy()
  }

  timeOut(): void {
    this.guarded(null, () => {
      if (this.#close !== null) return this.#closeOn(this.#close)
      if (this.#lingering.size > 0) this.#giveUpSlow()
      else if (this.#isMidway) this.#endUnfinished()
      else this.closeGently()
      this.#renewDeadline(this.ground.clock.monotonicMs())
    })
  }

  /** The request of a stream is over; with `isGone` so is the stream. */
  released(stream: Http2ClientStream<E>, isGone: boolean, nowMs: number): void {
    if (!isGone) this.#lingering.add(stream)
    this.#renewDeadline(nowMs)
  }

  hold(stream: Http2ClientStream<E>): void {
    if (this.#held.size === 0) {
      this.#cancelHold = this.ground.clock.after(HOLD_MS, () =>
        this.guarded(null, () => this.#releaseEnds()),
      )
    }
    this.#held.add(stream)
  }

  ended(stream: Http2ClientStream<E>, isGone: boolean): void {
    if (this.#held.delete(stream) && this.#held.size === 0) this.#cancelHold()
    if (isGone) this.#lingering.delete(stream)
  }

  #releaseEnds(): void {
    for (const stream of this.#held) stream.releaseEnd()
  }

  /** A defect costs the request at hand, not the worker. */
  guarded(client: Http2ClientStream<E> | null, step: () => void): void {
    try {
      step()
    } catch (error) {
      if (client === null) this.#crashed(error)
      else this.events.failed(client, error)
    }
    this.ground.turns.run()
  }

  /** Of no one request: how far the bytes were understood is not known, so the connection ends. */
  #crashed(error: unknown): void {
    const [stream] = this.session.streams()
    if (stream?.owner != null) this.events.failed(stream.owner, error)
    this.wire.destroy()
  }

  #openSession(): Http2Session<Http2ClientStream<E>> {
    const { limits } = this.ground
    const options = {
      role: 'server',
      streamsMax: limits.streamsMax,
      streamWindow: limits.streamWindowBytes,
      connectionWindow: limits.connectionWindowBytes,
      opensOnReceipt: false,
      headBytesMax: limits.headBytesMax,
    } as const
    return new Http2Session<Http2ClientStream<E>>(options, this.#output, {
      head: (stream, decoder, isEnd) => this.#begin(stream, decoder, isEnd),
      trailers: (stream, decoder) => stream.owner?.receiveTrailers(decoder) ?? 0,
      data: (stream, bytes, start, end, isEnd) => stream.owner?.receive(bytes, start, end, isEnd),
      reset: (stream) => this.#gone(stream),
      mistaken: (stream, code, mistake) => this.#mistaken(stream, code, mistake),
      refused: () => {},
      writable: (stream) => this.#writable(stream),
      settled: () => {},
      goingAway: () => {},
      failed: (kind) => this.#failed(kind),
    })
  }

  /** A new stream: its block becomes a head, and that a request. */
  #begin(stream: Http2Stream<Http2ClientStream<E>>, decoder: HpackDecoder, isEnd: boolean): number {
    const { ground } = this
    const { requestText: text } = ground.http2
    const error = text.read(decoder, ground.limits, isEnd, makeKey)
    if (error === H2_FIELDS.compression) return error
    const client = new Http2ClientStream(this, stream)
    stream.owner = client
    this.peer.renew()
    if (error < 0) this.#refuse(client, error)
    else this.#beginRequest(client, stream, isEnd)
    return 0
  }

  #refuse(client: Http2ClientStream<E>, error: number): void {
    const { code, title, status } = fieldsError(error)
    client.refuse(code, title, errorOf(status))
  }

  #beginRequest(
    client: Http2ClientStream<E>,
    stream: Http2Stream<Http2ClientStream<E>>,
    isEnd: boolean,
  ): void {
    const { requestHead: head, headLimits } = this.ground
    const { requestText: text } = this.ground.http2
    const next = parseRequestHead(text.bytes, 0, text.end, headLimits, head)
    if (next !== text.end) {
      head.stage = 0
      if (next >= 0) return this.#refuse(client, H2_FIELDS.tooLarge)
      const { code, title, status } = headError(next)
      return client.refuse(code, title, errorOf(status))
    }
    client.isUpgrade = text.isTunnel
    const isWrongLength = isEnd && head.contentLength > 0
    if (isWrongLength || (text.isTunnel && head.upgrade === '')) {
      return this.#refuse(client, H2_FIELDS.contentLength)
    }
    if (!isEnd) stream.contentLeft = head.contentLength
    this.events.begin(client, head, text.bytes, next, next)
  }

  /** The client has given a stream up. */
  #gone(stream: Http2Stream<Http2ClientStream<E>>): void {
    const client = stream.owner
    if (client === null) return
    this.#lingering.delete(client)
    this.#held.delete(client)
    if (client.owner !== null) this.events.gone(client.owner, true)
  }

  /** The client broke a rule of a stream: it is answered if that may still be, and the session resets it behind the answer. */
  #mistaken(
    stream: Http2Stream<Http2ClientStream<E>>,
    errorCode: number,
    mistake: Http2Mistake,
  ): void {
    const client = stream.owner
    if (client === null) return
    this.#lingering.delete(client)
    if (client.owner === null) return
    const { code, title } = fieldsError(MISTAKES[mistake])
    client.refuse(code, `${title} (${h2ErrorName(errorCode)})`, errorCode)
    // What is not with the kernel now does not get there any more.
    if (client.owner !== null) this.events.gone(client.owner, true)
  }

  #writable(stream: Http2Stream<Http2ClientStream<E>>): void {
    const client = stream.owner
    if (client === null) return
    if (client.owner !== null) this.events.writable(client.owner)
    else if (!stream.isWaiting) {
      client.settle()
      if (stream.isGone) this.#lingering.delete(client)
    }
  }

  #failed(kind: Http2FailureKind): void {
    this.ground.countLimited(kind === 'flood' ? 'http2-flood' : 'http2-protocol')
    this.#endAll()
    this.closeGently()
  }

  #endAll(): void {
    for (const { owner: client } of this.session.streams()) {
      if (client?.owner != null) this.events.gone(client.owner, true)
    }
    this.#lingering.clear()
  }

  /** All that was written is with the kernel: whoever waits for that goes on. */
  #flushed(): void {
    if (this.#close !== null) return this.#closeOn(this.#close)
    this.session.resume()
    for (const stream of this.session.streams()) {
      if (!stream.isWaiting) this.#writable(stream)
    }
    this.#renewDeadline(this.ground.clock.monotonicMs())
  }

  /** The client sends nothing more, and so takes no answers either: nobody keeps half a connection of HTTP/2. */
  #ended(): void {
    if (this.#close?.isLingering === true) return this.destroy()
    this.#endAll()
    this.closeGently()
  }

  #closed(): void {
    this.#isClosing = true
    this.#cancelHold()
    this.outlet.close()
    this.#output.close()
    this.#endAll()
  }

  /** Half a frame, or half a header block, for too long. */
  #endUnfinished(): void {
    this.ground.countLimited('http2-head-timeout')
    this.session.fail(H2_ERROR.enhanceYourCalm, 'a head was not complete in time')
  }

  #giveUpSlow(): void {
    const unsent = this.outlet.unsentBytes + this.#queuedBytes()
    if (unsent < this.#lingeringBytes) {
      this.#lingeringBytes = unsent
      return
    }
    for (const client of this.#lingering) client.giveUp()
    this.#lingering.clear()
    this.#lingeringBytes = Infinity
  }

  #queuedBytes(): number {
    let sum = 0
    for (const { queuedBytes } of this.session.streams()) sum += queuedBytes
    return sum
  }

  #closeOn(close: OrderlyClose): void {
    const step = close.look(this.ground.clock.monotonicMs())
    this.deadlineMs = close.deadlineMs
    if (step === 'reset') this.wire.reset()
    else if (step === 'close') this.destroy()
  }

  #linger(nowMs: number): void {
    if (this.#close === null) return
    this.#close.received(nowMs)
    this.deadlineMs = this.#close.deadlineMs
  }

  #renewDeadline(nowMs: number): void {
    if (this.#isClosing) return
    const { limits } = this.ground
    const { isMidway, streamCount } = this.session
    if (isMidway) {
      if (this.#isMidway) return
      this.deadlineMs = nowMs + limits.headTimeoutMs
    } else if (this.#lingering.size > 0) this.deadlineMs = nowMs + limits.bodyTimeoutMs
    else this.deadlineMs = streamCount > 0 ? Infinity : nowMs + limits.idleTimeoutMs
    this.#isMidway = isMidway
  }
}
