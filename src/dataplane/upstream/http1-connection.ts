import type { Socket } from 'node:net'
import {
  beginBody,
  type BodyReader,
  createBodyReader,
  forwardBody,
  forwardRoom,
} from '../../mechanisms/http1/body.ts'
import { HEAD_ERROR, headError } from '../../mechanisms/http1/errors.ts'
import {
  createResponseHead,
  parseResponseHead,
  type ResponseHead,
} from '../../mechanisms/http1/response-head.ts'
import { Outlet } from '../io/outlet.ts'
import { resetSocket } from '../io/sockets.ts'
import { InstanceSocket } from './connect.ts'
import type { UpstreamGround } from './ground.ts'
import type { Instance } from './instance.ts'
import type { InstanceEvents, InstanceOf, StreamFailure } from './instance-stream.ts'
import { forgetConnection, restConnection } from './pool.ts'

/** Fields of a response head; nobody sends more on purpose. */
export const RESPONSE_FIELDS_MAX = 256
/** Interim answers (1xx) to one request; an instance that sends more is broken. */
const INTERIM_MAX = 64
/** The last bytes for an instance may take this long, from one to the next, after a tunnel. */
const FLUSH_MS = 5_000

/** What is offered where TLS is spoken. */
const PROTOCOLS = ['http/1.1'] as const

/** What comes from the instance is. */
const READS = { nothing: 0, head: 1, body: 2, raw: 3 } as const

/** One connection to one instance, of one worker: the stream of one request after the other. */
export class Http1InstanceConnection<A> implements InstanceOf<A> {
  owner: A | null = null
  readonly instance: Instance
  readonly socket: Socket
  readonly body: BodyReader = createBodyReader()
  isOpen = false
  hasAnswered = false
  idleSinceMs = 0

  readonly #ground: UpstreamGround
  readonly #events: InstanceEvents<A>
  readonly #opening: InstanceSocket
  readonly #outlet: Outlet
  #reads: (typeof READS)[keyof typeof READS] = READS.nothing
  #method = ''
  /** Carried at least one whole exchange. */
  #isReused = false
  #keepsAlive = false
  #interimCount = 0
  /** What was read last: of the answer's body, and what follows it. */
  #chunkStart = 0
  #chunkEnd = 0
  /** Beginning of a head that is not complete, and its parsed part. */
  #partial: Buffer | null = null
  #head: ResponseHead | null = null
  #errorCode = ''
  #isReleased = false
  #cancelFlush: () => void = () => {}

  /** Begins to connect. The caller has taken a place of the instance for it. */
  constructor(ground: UpstreamGround, instance: Instance, events: InstanceEvents<A>) {
    this.#ground = ground
    this.instance = instance
    this.#events = events
    this.#opening = new InstanceSocket(ground, instance, PROTOCOLS, {
      received: (length) => this.#received(length),
      opened: () => this.#guarded(() => this.#connected()),
    })
    this.socket = this.#opening.socket
    this.#outlet = new Outlet(this.socket, {
      flushed: () => this.#guarded(() => this.#flushed()),
      // In a turn of its own: it may be told in the middle of a write, which is in the middle of somebody's step.
      failed: () => queueMicrotask(() => this.#guarded(() => this.#unwritable())),
    })
    this.socket.on('end', () => this.#guarded(() => this.#ended()))
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#errorCode = error.code ?? 'ERROR'
      // 'close' comes only when the loop has gone round: until then a request would take it from the pool.
      if (this.owner === null) this.#guarded(() => this.cancel())
    })
    this.socket.on('close', () => this.#guarded(() => this.#closed()))
  }

  get isClogged(): boolean {
    return this.#outlet.isClogged
  }

  /** Bytes that wait in our memory for the instance. */
  get unsentBytes(): number {
    return this.#outlet.unsentBytes
  }

  sendRequest(method: string, bytes: Uint8Array): boolean {
    this.#method = method
    this.#reads = READS.head
    this.#interimCount = 0
    this.hasAnswered = false
    return this.#outlet.write(bytes)
  }

  sendMore(bytes: Buffer, start: number, end: number): boolean {
    return this.#outlet.write(bytes.subarray(start, end))
  }

  sendBody(
    body: BodyReader,
    bytes: Buffer,
    start: number,
    end: number,
    isChunked: boolean,
  ): number {
    const { scratch } = this.#ground
    const out = scratch.take(forwardRoom(body, end - start))
    const at = forwardBody(body, bytes, start, end, out, 0, isChunked)
    if (at > 0) scratch.write(this.#outlet, out, at)
    return Math.min(at, 0)
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  openTunnel(): void {
    this.#reads = READS.raw
    this.#keepsAlive = false
  }

  sendRaw(bytes: Buffer, start: number, end: number): void {
    const { scratch } = this.#ground
    const out = scratch.take(end - start)
    bytes.copy(out, 0, start, end)
    scratch.write(this.#outlet, out, end - start)
  }

  endRaw(): void {
    this.#outlet.end()
  }

  release(mayRest: boolean, nowMs: number): void {
    this.owner = null
    if (this.#reads === READS.raw) return this.#flushAndClose()
    const isWhole = this.#reads === READS.body && this.body.isDone && this.#hasNoRest
    this.#reads = READS.nothing
    const isUsable = mayRest && isWhole && this.#keepsAlive && this.#outlet.isFlushed
    if (!isUsable || this.#outlet.hasFailed || !restConnection(this.#ground, this, nowMs)) {
      return this.cancel()
    }
    this.#isReused = true
    this.idleSinceMs = nowMs
    // Its last answer may have been held back for a slow reader: the next one must not be.
    if (this.socket.isPaused()) this.socket.resume()
  }

  get wasReset(): boolean {
    return this.#errorCode !== ''
  }

  reset(): void {
    resetSocket(this.socket)
  }

  cancel(): void {
    this.owner = null
    this.#reads = READS.nothing
    // First closed, then given up: whoever gets the place must not be one too many at the instance.
    this.socket.destroy()
    this.#giveUp()
  }

  /** Bytes behind the end of an answer belong to nobody: the next request must not get them. */
  get #hasNoRest(): boolean {
    const { consumed } = this.body
    return consumed === 0 ? this.#chunkStart === this.#chunkEnd : consumed === this.#chunkEnd
  }

  /** A tunnel is over: the last bytes still go out. */
  #flushAndClose(): void {
    this.#giveUp()
    if (this.#outlet.isFlushed || this.#outlet.hasFailed) return void this.socket.destroy()
    this.#outlet.end()
    this.socket.resume()
    this.#awaitFlush(Infinity)
  }

  #awaitFlush(unsentBefore: number): void {
    const unsent = this.#outlet.unsentBytes
    if (unsent >= unsentBefore) return void this.socket.destroy()
    this.#cancelFlush = this.#ground.clock.after(FLUSH_MS, () => this.#awaitFlush(unsent))
  }

  /** Its place is free, whatever the socket still does. */
  #giveUp(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#partial = null
    forgetConnection(this.#ground, this)
  }

  #guarded(step: () => void): void {
    const { owner } = this
    try {
      step()
    } catch (error) {
      this.#events.crashed(owner, error)
    }
    this.#ground.turns.run()
  }

  #received(length: number): void {
    const { owner } = this
    try {
      this.#receive(owner, length)
    } catch (error) {
      this.#events.crashed(owner, error)
    }
    this.#ground.turns.run()
  }

  #receive(owner: A | null, length: number): void {
    const bytes = this.#ground.readBuffer
    switch (this.#reads) {
      case READS.nothing:
        // Bytes that nobody asked for: whatever they are, the next request must not get them as its answer.
        return this.#isReleased ? undefined : this.cancel()
      case READS.head:
        return owner === null ? this.cancel() : this.#readHead(owner, bytes, length)
      case READS.body:
        return owner === null ? this.cancel() : this.#readBody(owner, bytes, 0, length)
      case READS.raw:
        if (owner !== null) this.#events.raw(owner, bytes, 0, length)
        return
      default:
        return this.#reads satisfies never
    }
  }

  #readHead(owner: A, received: Buffer, length: number): void {
    const kept = this.#partial
    const bytes = kept === null ? received : Buffer.concat([kept, received.subarray(0, length)])
    const end = kept === null ? length : bytes.length
    const ground = this.#ground
    let start = 0
    this.hasAnswered = true
    while (start < end) {
      const head = this.#head ?? ground.responseHead
      const next = parseResponseHead(bytes, start, end, ground.responseLimits, head, this.#method)
      if (next < 0) return this.#refuse(owner, next)
      if (next === 0) return this.#keepPartial(bytes, start, end)
      this.#partial = null
      this.#head = null
      if (head.status >= 200 || head.status === 101) {
        return this.#beginAnswer(owner, head, bytes, next, end)
      }
      if (++this.#interimCount > INTERIM_MAX) {
        return this.#fail(owner, 'bad-response', `more than ${INTERIM_MAX} interim answers (1xx)`)
      }
      this.#events.interim(owner, head, bytes)
      if (this.owner !== owner) return
      start = next
    }
  }

  /** The head record goes with the connection, so that no byte is looked at twice. */
  #keepPartial(bytes: Buffer, start: number, end: number): void {
    this.#partial = Buffer.from(bytes.subarray(start, end))
    if (this.#head !== null) return
    this.#head = this.#ground.responseHead
    this.#ground.responseHead = createResponseHead(RESPONSE_FIELDS_MAX)
  }

  #beginAnswer(owner: A, head: ResponseHead, bytes: Buffer, start: number, end: number): void {
    this.#reads = READS.body
    this.#keepsAlive = head.keepAlive
    beginBody(this.body, head.framing, head.contentLength, 0)
    this.#chunkStart = start
    this.#chunkEnd = end
    this.#events.head(owner, head, bytes, start, end)
  }

  #readBody(owner: A, bytes: Buffer, start: number, end: number): void {
    this.#chunkStart = start
    this.#chunkEnd = end
    this.#events.data(owner, bytes, start, end)
  }

  #refuse(owner: A, error: number): void {
    const isTooLarge = error === HEAD_ERROR.headTooLarge || error === HEAD_ERROR.tooManyFields
    const { code, title } = headError(error)
    this.#fail(owner, isTooLarge ? 'head-too-large' : 'bad-response', `${title} (${code})`)
  }

  #fail(owner: A, failure: StreamFailure, detail: string): void {
    this.#events.failed(owner, failure, detail)
  }

  #connected(): void {
    this.isOpen = true
    this.#outlet.connected()
    if (this.owner !== null) this.#events.connected(this.owner)
    else if (!this.#isReleased) this.cancel()
  }

  #flushed(): void {
    if (this.owner !== null) this.#events.writable(this.owner)
  }

  #unwritable(): void {
    const { owner } = this
    if (owner === null) return
    if (this.#reads !== READS.raw || !this.socket.readableEnded)
      return this.#events.unwritable(owner)
    // It had closed its side in order, and now it is gone: nothing will tell but this.
    this.#errorCode = 'EPIPE'
    this.#break(owner, this.#errorCode)
  }

  #ended(): void {
    const { owner } = this
    if (owner === null) return this.cancel()
    if (this.#reads === READS.head) return this.#break(owner, '')
    this.#events.ended(owner)
  }

  #closed(): void {
    this.#cancelFlush()
    this.#outlet.close()
    const { owner } = this
    if (owner !== null) this.#break(owner, this.#errorCode)
    this.#giveUp()
  }

  #break(owner: A, error: string): void {
    const detail = error === '' ? 'closed the connection' : `closed the connection (${error})`
    if (!this.isOpen) {
      return this.#fail(owner, this.#opening.failureOf(error), error || 'closed')
    }
    const isStale = this.#isReused && !this.hasAnswered
    this.#fail(owner, isStale ? 'stale' : 'reset', detail)
  }
}
