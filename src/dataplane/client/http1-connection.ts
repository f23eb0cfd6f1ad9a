import type { Socket } from 'node:net'
import { statusLineAndHead } from '../../mechanisms/http1/answer.ts'
import {
  type BodyReader,
  createBodyReader,
  forwardBody,
  forwardRoom,
  LAST_CHUNK,
} from '../../mechanisms/http1/body.ts'
import type { Drops } from '../../mechanisms/http1/drops.ts'
import { HEAD_ERROR, headError } from '../../mechanisms/http1/errors.ts'
import {
  createRequestHead,
  parseRequestHead,
  type RequestHead,
} from '../../mechanisms/http1/request-head.ts'
import { FRAMING, type ResponseHead } from '../../mechanisms/http1/response-head.ts'
import {
  outgoingFraming,
  responseHeadRoom,
  type ResponseRewrite,
  writeResponseHead,
} from '../../mechanisms/http1/write-head.ts'
import { adoptSocket, plainAddress } from '../io/sockets.ts'
import { Outlet } from '../io/outlet.ts'
import type { Turn } from '../io/turns.ts'
import type { ClientListener } from '../listeners/client-listener.ts'
import type { ClientEvents, ClientOf, ClientProtocol, LocalAnswer } from './client-stream.ts'
import { discardBody, mayDiscard } from './discard.ts'
import { EarlyBytes } from './early-bytes.ts'
import type { ClientGround } from './ground.ts'
import { ClientPeer } from './peer.ts'
import { readProxyHeader } from './proxy-header.ts'

/** When our last word is with the kernel, the client may be silent for this long before we close; what it sends is thrown away. */
const LINGER_MS = 2_000
/** Altogether, for a client that sends on and on. */
const LINGER_MAX_MS = 30_000
/** What may be read ahead of a request that is being answered: enough to see a pipelining client leave. */
const EARLY_BYTES_MAX = 64 * 1024

/** Why a connection is not read. */
const HOLD = {
  /** Its exchange cannot take more of the body. */
  exchange: 1,
  /** As much as may be kept of what cannot be used yet is kept. */
  early: 2,
} as const

/** Where a connection is in its own life; the request on it has its own. */
const LIFE = { open: 0, flushing: 1, lingering: 2, over: 3 } as const

/** One HTTP/1.x connection of a client: keep-alive and pipelining, one request at a time, so that it is the stream of each. */
export class Http1Connection<E> implements ClientOf<E>, Turn {
  owner: E | null = null
  isScheduled = false
  readonly listener: ClientListener
  readonly socket: Socket
  readonly body: BodyReader = createBodyReader()
  isHttp10 = false
  /** When an unused, half-read or closing connection is given up; Infinity while an exchange has its own deadlines. */
  deadlineMs: number

  readonly #ground: ClientGround
  readonly #events: ClientEvents<E>
  readonly #outlet: Outlet
  readonly #peer: ClientPeer
  readonly #early = new EarlyBytes()
  #awaitsProxyHeader: boolean
  #head: RequestHead | null = null
  #holds = 0
  #life: (typeof LIFE)[keyof typeof LIFE] = LIFE.open
  #keepsAlive = true
  #isAnswerChunked = false
  #isTunnel = false
  #unsentBefore = 0
  #lingerEndMs = 0
  #wasReset = false

  /** Takes over an accepted connection. `closed` is called once, last of all. */
  constructor(
    ground: ClientGround,
    listener: ClientListener,
    accepted: Socket,
    events: ClientEvents<E>,
    closed: (connection: Http1Connection<E>) => void,
  ) {
    this.#ground = ground
    this.#events = events
    this.listener = listener
    this.#awaitsProxyHeader = listener.proxyProtocol
    this.#peer = new ClientPeer(ground, listener, plainAddress(accepted.remoteAddress ?? ''))
    this.deadlineMs = ground.clock.monotonicMs() + ground.limits.idleTimeoutMs
    this.socket = adoptSocket(accepted, ground.readBuffer, (length) => this.#received(length))
    this.#outlet = new Outlet(this.socket, {
      flushed: () => this.#guarded(this.#flushed),
      failed: () => this.socket.destroy(),
    })
    this.socket.on('end', () => this.#guarded(this.#ended))
    this.socket.on('error', () => (this.#wasReset = true))
    this.socket.on('close', () => {
      closed(this)
      this.#guarded(this.#closed)
    })
  }

  get protocol(): ClientProtocol {
    return this.isHttp10 ? 'http/1.0' : 'http/1.1'
  }

  get address(): string {
    return this.#peer.address
  }

  get isTrusted(): boolean {
    return this.#peer.isTrusted
  }

  get drops(): Drops {
    return this.#peer.drops
  }

  get isClogged(): boolean {
    return this.#outlet.isClogged
  }

  get isFlushed(): boolean {
    return this.#outlet.isFlushed
  }

  get unsentBytes(): number {
    return this.#outlet.unsentBytes
  }

  forwardedLines(head: RequestHead, bytes: Buffer): Uint8Array {
    return this.#peer.forwardedLines(head, bytes, this.socket.localPort ?? 0)
  }

  pause(): void {
    this.#hold(HOLD.exchange)
  }

  resume(): void {
    if ((this.#holds & HOLD.exchange) === 0) return
    this.#letFlow(HOLD.exchange)
    if (this.#early.length > 0) this.#ground.turns.schedule(this)
  }

  closeAfterwards(): void {
    this.#keepsAlive = false
  }

  sendInterim(head: ResponseHead, bytes: Buffer, rewrite: ResponseRewrite): void {
    const out = this.#ground.scratch.take(responseHeadRoom(head, rewrite))
    const end = writeResponseHead(head, bytes, out, 0, rewrite)
    if (end > 0) this.#ground.scratch.write(this.#outlet, out, end)
  }

  sendHead(
    head: ResponseHead,
    bytes: Buffer,
    start: number,
    end: number,
    body: BodyReader,
    rewrite: ResponseRewrite,
  ): number {
    const framing = outgoingFraming(head, this.isHttp10 ? 0 : 1)
    if (framing === FRAMING.untilClose || !this.body.isDone || this.#mustClose) {
      this.#keepsAlive = false
    }
    this.#isAnswerChunked = framing === FRAMING.chunked
    rewrite.clientMinorVersion = this.isHttp10 ? 0 : 1
    rewrite.keepsAlive = this.#keepsAlive
    const room = responseHeadRoom(head, rewrite) + forwardRoom(body, end - start)
    const out = this.#ground.scratch.take(room)
    let at = writeResponseHead(head, bytes, out, 0, rewrite)
    if (at < 0) return HEAD_ERROR.headTooLarge
    if (!body.isDone && end > start) {
      at = forwardBody(body, bytes, start, end, out, at, this.#isAnswerChunked)
      if (at < 0) return at
    }
    this.#ground.scratch.write(this.#outlet, out, at)
    return 0
  }

  sendBody(body: BodyReader, bytes: Buffer, start: number, end: number): number {
    const out = this.#ground.scratch.take(forwardRoom(body, end - start))
    const at = forwardBody(body, bytes, start, end, out, 0, this.#isAnswerChunked)
    if (at > 0) this.#ground.scratch.write(this.#outlet, out, at)
    return Math.min(at, 0)
  }

  endBody(): void {
    if (this.#isAnswerChunked) this.#outlet.write(Buffer.from(LAST_CHUNK, 'latin1'))
  }

  sendLocal(answer: LocalAnswer): void {
    // A small rest of the body is read and thrown away; a large one is not waited for.
    if (!mayDiscard(this.body) || this.#mustClose) this.#keepsAlive = false
    const length = Buffer.byteLength(answer.body)
    const head = statusLineAndHead({
      status: answer.status,
      lines: answer.lines,
      contentLength: answer.status === 204 || answer.status === 304 ? -1 : length,
      keepsAlive: this.#keepsAlive,
      clientMinorVersion: this.isHttp10 ? 0 : 1,
    })
    const headLength = head.length
    const out = Buffer.allocUnsafeSlow(headLength + (answer.isHead ? 0 : length))
    out.write(head, 0, 'latin1')
    if (!answer.isHead) out.write(answer.body, headLength, 'utf8')
    this.#outlet.write(out)
  }

  openTunnel(
    head: ResponseHead | null,
    bytes: Buffer,
    start: number,
    end: number,
    rewrite: ResponseRewrite | null,
  ): void {
    this.#isTunnel = true
    this.#keepsAlive = false
    if (head !== null && rewrite !== null) {
      const out = this.#ground.scratch.take(responseHeadRoom(head, rewrite) + end - start)
      const at = writeResponseHead(head, bytes, out, 0, rewrite)
      if (at < 0) throw new RangeError('no room for the head of a 101')
      bytes.copy(out, at, start, end)
      this.#ground.scratch.write(this.#outlet, out, at + end - start)
    }
    if (this.#early.length > 0) this.#ground.turns.schedule(this)
    this.#letFlow(HOLD.exchange)
  }

  sendRaw(bytes: Buffer, start: number, end: number): void {
    const out = this.#ground.scratch.take(end - start)
    bytes.copy(out, 0, start, end)
    this.#ground.scratch.write(this.#outlet, out, end - start)
  }

  endRaw(): void {
    this.#outlet.end()
  }

  release(nowMs: number): void {
    this.owner = null
    if (this.#life !== LIFE.open) return
    if (!this.#keepsAlive || this.#mustClose) return this.closeGently()
    this.deadlineMs = nowMs + this.#ground.limits.idleTimeoutMs
    if (this.#early.length > 0) this.#ground.turns.schedule(this)
    if (this.#holds !== 0) this.#letFlow(HOLD.exchange | HOLD.early)
  }

  reset(): void {
    if (this.#life === LIFE.over) return
    this.#life = LIFE.over
    this.socket.resetAndDestroy()
  }

  /** At once, without a word. */
  destroy(): void {
    this.#life = LIFE.over
    this.socket.destroy()
  }

  /** Says goodbye behind what is queued, and reads on for a while: closing with unread bytes would reset the connection and destroy our last answer. */
  closeGently(): void {
    if (this.#life !== LIFE.open) return
    this.#life = LIFE.flushing
    this.#early.clear()
    this.#outlet.end()
    this.#letFlow(HOLD.exchange | HOLD.early)
    this.#unsentBefore = Infinity
    this.#awaitFlush()
  }

  /** Nobody waits for anything on it. */
  get isIdle(): boolean {
    return this.owner === null && this.#life === LIFE.open && this.#early.length === 0
  }

  /** A request is being answered, or an answer is not with the kernel yet. */
  get isBusy(): boolean {
    return this.owner !== null || this.#life === LIFE.flushing
  }

  /** `deadlineMs` has passed. */
  timeOut(): void {
    this.#guarded(this.#timeOut)
  }

  /** In its turn: what was held back. */
  runTurn(): void {
    this.#guarded(this.#useEarly)
  }

  get #mustClose(): boolean {
    return this.#ground.isDraining && this.listener.isPublic
  }

  /** A defect costs the request at hand, not the worker. */
  #guarded(step: () => void): void {
    try {
      step.call(this)
    } catch (error) {
      this.#events.failed(this, error)
    }
    this.#ground.turns.run()
  }

  #received(length: number): void {
    try {
      this.#receive(length)
    } catch (error) {
      this.#events.failed(this, error)
    }
    this.#ground.turns.run()
  }

  #receive(length: number): void {
    if (this.#life !== LIFE.open) return this.#linger()
    const bytes = this.#ground.readBuffer
    if (this.#early.length > 0) {
      this.#early.add(bytes, 0, length)
      if (this.owner === null || this.#isTunnel) this.#useEarly()
      else if (this.#early.length >= EARLY_BYTES_MAX) this.#hold(HOLD.early)
      return
    }
    const used = this.#use(bytes, 0, length)
    if (used < length && this.#life === LIFE.open) this.#keep(bytes, used, length)
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    this.#early.add(bytes, start, end)
    if (this.owner !== null && this.#early.length >= EARLY_BYTES_MAX) this.#hold(HOLD.early)
  }

  #useEarly(): void {
    const length = this.#early.length
    if (length === 0 || this.#life !== LIFE.open || this.socket.destroyed) return
    const used = this.#use(this.#early.bytes, 0, length)
    if (used > 0) this.#early.dropUntil(used)
    const isFull = this.owner !== null && this.#early.length >= EARLY_BYTES_MAX
    if (!isFull) this.#letFlow(HOLD.early)
  }

  /** Requests one after the other, as long as they are answered at once. Returns the position behind what was used. */
  #use(bytes: Buffer, start: number, end: number): number {
    let at = start
    while (at < end && this.#life === LIFE.open) {
      const next = this.#useOne(bytes, at, end)
      if (next === at) return at
      at = next
    }
    return at
  }

  #useOne(bytes: Buffer, start: number, end: number): number {
    const { owner } = this
    if (owner !== null) {
      if (this.#isTunnel) {
        this.#events.raw(owner, bytes, start, end)
        return end
      }
      if (this.body.isDone || (this.#holds & HOLD.exchange) !== 0) return start
      return this.#events.body(owner, bytes, start, end)
    }
    if (!this.body.isDone) return this.#discard(bytes, start, end)
    if (this.#outlet.isClogged) return start
    return this.#awaitsProxyHeader
      ? this.#readProxyHeader(bytes, start, end)
      : this.#readHead(bytes, start, end)
  }

  #discard(bytes: Buffer, start: number, end: number): number {
    const next = discardBody(this.body, bytes, start, end)
    if (next >= 0) return next
    this.closeGently()
    return end
  }

  /** Returns `start` where the head is not complete: its bytes stay where they are. */
  #readHead(bytes: Buffer, start: number, end: number): number {
    const ground = this.#ground
    const head = this.#head ?? ground.requestHead
    const next = parseRequestHead(bytes, start, end, ground.headLimits, head)
    if (next > 0) {
      this.#head = null
      this.deadlineMs = Infinity
      this.isHttp10 = head.minorVersion === 0
      this.#keepsAlive = head.keepAlive
      this.#isAnswerChunked = false
      this.#peer.renew()
      return this.#events.begin(this, head, bytes, next, end)
    }
    if (next < 0) {
      this.#refuse(headError(next).code, headError(next).title)
      return end
    }
    if (this.#head === null) {
      this.#head = head
      ground.requestHead = createRequestHead(ground.limits.headersMax)
      this.deadlineMs = ground.clock.monotonicMs() + ground.limits.headTimeoutMs
    }
    return start
  }

  #readProxyHeader(bytes: Buffer, start: number, end: number): number {
    const parsed = readProxyHeader(this.isTrusted, bytes.subarray(start, end))
    switch (parsed.kind) {
      case 'more': {
        const { clock, limits } = this.#ground
        this.deadlineMs = Math.min(this.deadlineMs, clock.monotonicMs() + limits.headTimeoutMs)
        return start
      }
      case 'error':
        this.#refuse('ERR_GATEWAY_PROXY_PROTOCOL', parsed.message)
        return end
      case 'header':
        this.#awaitsProxyHeader = false
        // Who speaks through the proxy is not the proxy: it must be trusted by its own address.
        if (parsed.source !== undefined) this.#peer.become(parsed.source.address)
        return start + parsed.consumed
      default:
        return parsed satisfies never
    }
  }

  #refuse(code: string, detail: string): void {
    this.#head = null
    this.#early.clear()
    this.#keepsAlive = false
    this.isHttp10 = false
    this.#events.refused(this, code, detail)
  }

  #timeOut(): void {
    switch (this.#life) {
      case LIFE.flushing:
        return this.#awaitFlush()
      case LIFE.lingering:
      case LIFE.over:
        return this.destroy()
      case LIFE.open:
        break
      default:
        return this.#life satisfies never
    }
    if (this.owner !== null || this.#early.length === 0) return this.destroy()
    const { headTimeoutMs } = this.#ground.limits
    this.#refuse('ERR_GATEWAY_HEAD_TIMEOUT', `the head was not complete after ${headTimeoutMs} ms`)
  }

  /** A slow reader gets everything as long as it moves on; one that does not is reset, so that it sees that something is missing. */
  #awaitFlush(): void {
    const { clock, limits } = this.#ground
    const unsent = this.#outlet.unsentBytes
    if (unsent > 0 && unsent >= this.#unsentBefore) return this.reset()
    this.#unsentBefore = unsent
    this.deadlineMs = clock.monotonicMs() + (unsent === 0 ? LINGER_MS : limits.bodyTimeoutMs)
    if (unsent > 0) return
    this.#life = LIFE.lingering
    this.#lingerEndMs = clock.monotonicMs() + LINGER_MAX_MS
  }

  #linger(): void {
    if (this.#life !== LIFE.lingering) return
    const nowMs = this.#ground.clock.monotonicMs()
    this.deadlineMs = Math.min(this.#lingerEndMs, nowMs + LINGER_MS)
  }

  #flushed(): void {
    if (this.#life === LIFE.flushing) this.#awaitFlush()
    else if (this.owner !== null) this.#events.writable(this.owner)
    else if (this.#early.length > 0) this.#useEarly()
  }

  #ended(): void {
    const { owner } = this
    if (owner !== null) this.#events.ended(owner)
    else if (this.#life === LIFE.lingering) this.destroy()
    else if (this.#life === LIFE.open) this.closeGently()
  }

  #closed(): void {
    this.#life = LIFE.over
    this.#outlet.close()
    this.#early.clear()
    if (this.owner !== null) this.#events.gone(this.owner, this.#wasReset)
  }

  #hold(reason: number): void {
    if (this.#holds === 0) this.socket.pause()
    this.#holds |= reason
  }

  #letFlow(reasons: number): void {
    if (this.#holds === 0) return
    this.#holds &= ~reasons
    if (this.#holds === 0) this.socket.resume()
  }
}
