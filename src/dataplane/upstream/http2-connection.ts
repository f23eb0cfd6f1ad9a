import type { Socket } from 'node:net'
import { h2ErrorName } from '../../mechanisms/http2/frames.ts'
import { Http2Session } from '../../mechanisms/http2/session.ts'
import { FrameBuffer } from '../io/frame-buffers.ts'
import { Outlet } from '../io/outlet.ts'
import { InstanceSocket } from './connect.ts'
import type { UpstreamGround } from './ground.ts'
import { Http2InstanceStream, type Http2InstanceHost } from './http2-stream.ts'
import type { Instance, SharedConnection } from './instance.ts'
import type { InstanceEvents, StreamFailure } from './instance-stream.ts'
import { dropShared, forgetConnection, restShared } from './pool.ts'

/** One that rests is kept longer than one of HTTP/1.1: who closes it says so, and what was not looked at may be sent again. */
const IDLE_MS_MAX = 60_000
/** Streams on a connection whose instance has not said yet how many it takes (RFC 9113 section 6.5.2 recommends no less). */
const STREAMS_FIRST_MAX = 100
/** What an instance may send before its client has read it. */
const STREAM_WINDOW_BYTES = 256 * 1024
const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024
/** A connection on which an attempt was given up, and that says nothing for so long, takes no more. */
const SILENT_MS_MAX = 1_000

/** Of a connection that was busy once. */
const SPARE_STREAMS_MAX = 64
const NO_BYTES = Buffer.alloc(0)
/** What is offered where TLS is spoken. */
const PROTOCOLS = ['h2'] as const

/** One HTTP/2 connection to one instance, of one worker: the streams of many requests at once. */
export class Http2InstanceConnection<A> implements SharedConnection, Http2InstanceHost<A> {
  readonly ground: UpstreamGround
  readonly instance: Instance
  readonly events: InstanceEvents<A>
  readonly outlet: Outlet
  readonly output: FrameBuffer
  readonly session: Http2Session<Http2InstanceStream<A>>
  readonly idleMsMax = IDLE_MS_MAX
  idleSinceMs = 0
  isOpen = false
  isReused = false
  readCount = 0
  readonly #opening: InstanceSocket
  readonly #socket: Socket
  readonly #streams = new Set<Http2InstanceStream<A>>()
  /** Of requests that are over, for the next ones. */
  readonly #spare: Http2InstanceStream<A>[] = []
  #isSettled = false
  /** Since when it is asked whether it still is there; Infinity: it is. */
  #askedAtMs = Infinity
  #errorCode = ''
  #isGone = false
  #held: Http2InstanceStream<A> | null = null

  /** Begins to connect. The caller has taken a place of the instance for it. */
  constructor(ground: UpstreamGround, instance: Instance, events: InstanceEvents<A>) {
    this.ground = ground
    this.instance = instance
    this.events = events
    instance.shared.push(this)
    this.#opening = new InstanceSocket(ground, instance, PROTOCOLS, {
      received: (length) => this.guarded(null, () => this.#received(length)),
      opened: () => this.guarded(null, () => this.#connected()),
    })
    this.#socket = this.#opening.socket
    this.outlet = new Outlet(this.#socket, {
      flushed: () => this.guarded(null, () => this.#flushed()),
      failed: () => queueMicrotask(() => this.#socket.destroy()),
    })
    this.output = new FrameBuffer(ground.http2Upstream.frames, this.outlet)
    this.session = this.#openSession()
    this.#socket.on('end', () => this.guarded(null, () => this.#end()))
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#errorCode = error.code ?? 'ERROR'
      // 'close' comes only when the loop has gone round: until then a request would take it.
      this.#leavePool()
    })
    this.#socket.on('close', () => this.guarded(null, () => this.#end()))
  }

  get streamCount(): number {
    return this.#streams.size
  }

  get hasRoom(): boolean {
    const { isFailed, isGoingAway, peer } = this.session
    if (this.#isGone || isFailed || isGoingAway) return false
    if (this.#askedAtMs !== Infinity && this.#isSilent) return false
    const most = this.#isSettled ? peer.streamsMax : STREAMS_FIRST_MAX
    return this.#streams.size < most
  }

  /** A stream for one request; `hasRoom` was true. */
  openStream(): Http2InstanceStream<A> {
    const stream = this.#spare.pop()?.renew() ?? new Http2InstanceStream<A>(this)
    this.#streams.add(stream)
    return stream
  }

  released(stream: Http2InstanceStream<A>, isHanging: boolean, nowMs: number): void {
    this.#streams.delete(stream)
    if (!stream.isScheduled && this.#spare.length < SPARE_STREAMS_MAX) this.#spare.push(stream)
    if (isHanging && this.#askedAtMs === Infinity && this.isOpen) {
      this.#askedAtMs = nowMs
      this.session.ping()
    }
    if (this.#streams.size > 0 || this.#isGone) return
    this.isReused = true
    const mayRest = this.isOpen && !this.session.isGoingAway && !this.#isSilent
    if (!mayRest || !restShared(this.ground, this, nowMs)) this.cancel()
  }

  cancel(): void {
    if (this.isOpen && !this.session.isFailed) {
      this.session.goAway(false)
      this.output.flush()
    }
    this.#giveUp()
    this.#socket.destroy()
  }

  /** A defect costs the request at hand, not the worker. */
  guarded(owner: A | null, step: () => void): void {
    try {
      step()
    } catch (error) {
      this.events.crashed(owner, error)
      if (owner === null) this.#breakAll('reset', 'met a defect of the gateway')
    }
    this.ground.turns.run()
  }

  get #isSilent(): boolean {
    return this.ground.clock.monotonicMs() - this.#askedAtMs > SILENT_MS_MAX
  }

  #openSession(): Http2Session<Http2InstanceStream<A>> {
    const options = {
      role: 'client',
      streamsMax: 0,
      streamWindow: STREAM_WINDOW_BYTES,
      connectionWindow: CONNECTION_WINDOW_BYTES,
      opensOnReceipt: true,
      headBytesMax: this.ground.responseLimits.headBytesMax,
    } as const
    return new Http2Session<Http2InstanceStream<A>>(options, this.output, {
      head: ({ owner }, decoder, isEnd) => this.#settled(owner).receiveHead(decoder, isEnd),
      trailers: ({ owner }, decoder) => this.#settled(owner).receiveTrailers(decoder),
      data: ({ owner }, bytes, start, end, isEnd) => this.#data(owner!, bytes, start, end, isEnd),
      reset: ({ owner }, code) =>
        this.#settled(owner).fail('reset', `reset the stream (${h2ErrorName(code)})`),
      mistaken: ({ owner }, code) =>
        this.#settled(owner).fail('bad-response', `broke a rule (${h2ErrorName(code)})`),
      refused: ({ owner }) => this.#settled(owner).fail('not-taken', 'did not take the stream'),
      writable: ({ owner }) => this.#writable(owner!),
      settled: () => (this.#isSettled = true),
      goingAway: () => this.#goAway(),
      failed: (_kind, _code, detail) => this.#breakAll('bad-response', `sent: ${detail}`),
    })
  }

  hold(stream: Http2InstanceStream<A>): void {
    this.#held = stream
  }

  #data(
    stream: Http2InstanceStream<A>,
    bytes: Buffer,
    start: number,
    end: number,
    isEnd: boolean,
  ): void {
    if (this.#held === stream) this.#held = null
    stream.receive(bytes, start, end, isEnd)
  }

  /** A head that waits for its payload waits no longer: another block takes its place. */
  #settled(stream: Http2InstanceStream<A> | null): Http2InstanceStream<A> {
    const held = this.#held
    this.#held = null
    held?.releaseHead(NO_BYTES, 0, 0)
    return stream!
  }

  #writable(stream: Http2InstanceStream<A>): void {
    if (stream.owner !== null) this.events.writable(stream.owner)
  }

  #connected(): void {
    this.isOpen = true
    this.outlet.connected()
    this.session.start()
    if (this.#streams.size === 0) return this.cancel()
    for (const { owner } of this.#streams) if (owner !== null) this.events.connected(owner)
  }

  #received(length: number): void {
    this.readCount++
    this.#askedAtMs = Infinity
    this.session.receive(this.ground.readBuffer, 0, length, this.ground.clock.monotonicMs())
    if (this.#held !== null) this.#settled(null)
  }

  #flushed(): void {
    this.session.resume()
    for (const { owner } of this.session.streams()) if (owner !== null) this.#writable(owner)
  }

  /** It takes no more; what it does not answer any more, the session tells. */
  #goAway(): void {
    this.#leavePool()
    if (this.#streams.size === 0) this.cancel()
  }

  #leavePool(): void {
    dropShared(this.instance, this)
    const at = this.instance.idle.indexOf(this)
    if (at >= 0) this.instance.idle.splice(at, 1)
  }

  #breakAll(failure: StreamFailure, detail: string): void {
    this.#leavePool()
    for (const stream of this.#streams) stream.fail(failure, detail)
    this.cancel()
  }

  /** The instance has closed, in order or not: what was under way is lost. */
  #end(): void {
    if (this.#isGone) return
    this.#leavePool()
    const error = this.#errorCode
    const detail = error === '' ? 'closed the connection' : `closed the connection (${error})`
    for (const stream of this.#streams) {
      if (this.isOpen) {
        stream.wasReset = error !== ''
        stream.fail(stream.brokenBy, detail)
      } else stream.fail(this.#opening.failureOf(error), error || 'closed')
    }
    this.cancel()
  }

  /** Its place is free, whatever the socket still does. */
  #giveUp(): void {
    if (this.#isGone) return
    this.#isGone = true
    this.output.close()
    dropShared(this.instance, this)
    forgetConnection(this.ground, this)
  }
}
