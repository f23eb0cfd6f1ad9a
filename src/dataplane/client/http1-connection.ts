import { type BodyReader, createBodyReader } from '../../mechanisms/http1/body.ts'
import { headError } from '../../mechanisms/http1/errors.ts'
import { matchPreface, PREFACE } from '../../mechanisms/http2/frames.ts'
import type { ResponseHead } from '../../mechanisms/http1/response-head.ts'
import type { ResponseRewrite } from '../../mechanisms/http1/write-head.ts'
import type { Accepted } from '../io/accepted.ts'
import type { Outlet } from '../io/outlet.ts'
import type { ReadGate } from '../io/read-gate.ts'
import type { Turn } from '../io/turns.ts'
import { Wire } from '../io/wire.ts'
import type { ClientListener } from '../listeners/client-listener.ts'
import type { ClientConnection } from './client-connection.ts'
import type { ClientEvents, ClientOf, ClientProtocol, LocalAnswer } from './client-stream.ts'
import { discardBody, mayDiscard } from './discard.ts'
import type { ClientGround } from './ground.ts'
import { HeadReader } from './head-reader.ts'
import { HOLD, Intake } from './intake.ts'
import { OrderlyClose } from './orderly-close.ts'
import { ClientPeer } from './peer.ts'
import { Http1Answer } from './http1-answer.ts'

/** One HTTP/1.x connection of a client: keep-alive and pipelining, one request at a time, so that it is the stream of each. */
export class Http1Connection<E> implements ClientOf<E>, ClientConnection, Turn {
  owner: E | null = null
  isScheduled = false
  readonly listener: ClientListener
  readonly wire: Wire
  readonly body: BodyReader = createBodyReader()
  /** When an unused, half-read or closing connection is given up; Infinity while an exchange has its own deadlines. */
  deadlineMs: number

  readonly #ground: ClientGround
  readonly #events: ClientEvents<E>
  readonly outlet: Outlet
  readonly #gate: ReadGate
  readonly #answer: Http1Answer
  readonly peer: ClientPeer
  readonly #intake: Intake
  readonly #heads: HeadReader
  readonly #isHttp2: (
    connection: Http1Connection<E>,
    bytes: Buffer,
    start: number,
    end: number,
  ) => void
  /** Nothing of a request has come yet: it may be HTTP/2. */
  #mayBeHttp2 = true
  #awaitsProxyHeader: boolean
  /** It takes no further request. */
  #isClosing = false
  #close: OrderlyClose | null = null
  #isTunnel = false
  #hasEnded = false

  /**
   * Takes over an accepted connection. `closed` is called once, last of all, unless the first bytes are those of HTTP/2: then `isHttp2` takes the wire, the peer
   * and the bytes from [start, end) on.
   */
  constructor(
    ground: ClientGround,
    listener: ClientListener,
    accepted: Accepted,
    events: ClientEvents<E>,
    closed: (connection: Http1Connection<E>) => void,
    isHttp2: (connection: Http1Connection<E>, bytes: Buffer, start: number, end: number) => void,
  ) {
    this.#isHttp2 = isHttp2
    this.#ground = ground
    this.#events = events
    this.listener = listener
    this.#awaitsProxyHeader = listener.proxyProtocol && !accepted.isIntroduced
    this.peer = new ClientPeer(ground, listener, accepted)
    this.deadlineMs = ground.clock.monotonicMs() + ground.limits.idleTimeoutMs
    this.#heads = new HeadReader(ground)
    this.wire = new Wire(accepted, ground.readBuffer, {
      received: (length) => this.#received(length),
      flushed: () => this.#guarded(() => this.#flushed()),
      ended: () => this.#guarded(() => this.#ended()),
      closed: () => {
        closed(this)
        this.#guarded(() => this.#closed())
      },
    })
    this.outlet = this.wire.outlet
    this.#gate = this.wire.gate
    this.#answer = new Http1Answer(ground.scratch, this.outlet)
    this.#intake = new Intake(this.#gate, {
      use: (bytes, start, end) => this.#use(bytes, start, end),
      mustWait: () => this.owner !== null || this.outlet.isClogged,
    })
  }

  get protocol(): ClientProtocol {
    return this.#answer.isHttp10 ? 'http/1.0' : 'http/1.1'
  }

  get isHttp10(): boolean {
    return this.#answer.isHttp10
  }

  pause(): void {
    this.#gate.hold(HOLD.exchange)
  }

  resume(): void {
    if (!this.#gate.isHeldFor(HOLD.exchange)) return
    this.#gate.open(HOLD.exchange)
    if (this.#intake.length > 0) this.#ground.turns.schedule(this)
  }

  closeAfterwards(): void {
    this.#answer.keepsAlive = false
  }

  sendInterim(head: ResponseHead, bytes: Buffer, rewrite: ResponseRewrite): void {
    this.#answer.sendInterim(head, bytes, rewrite)
  }

  sendHead(
    head: ResponseHead,
    bytes: Buffer,
    start: number,
    end: number,
    body: BodyReader,
    rewrite: ResponseRewrite,
  ): number {
    if (!this.body.isDone || this.#mustClose) this.#answer.keepsAlive = false
    return this.#answer.sendHead(head, bytes, start, end, body, rewrite)
  }

  sendBody(body: BodyReader, bytes: Buffer, start: number, end: number): number {
    return this.#answer.sendBody(body, bytes, start, end)
  }

  endBody(): void {
    this.#answer.endBody()
  }

  sendLocal(answer: LocalAnswer): void {
    // A small rest of the body is read and thrown away; a large one is not waited for.
    if (!mayDiscard(this.body) || this.#mustClose) this.#answer.keepsAlive = false
    this.#answer.sendLocal(answer)
  }

  openTunnel(
    head: ResponseHead | null,
    bytes: Buffer,
    start: number,
    end: number,
    rewrite: ResponseRewrite | null,
  ): void {
    this.#isTunnel = true
    this.#answer.keepsAlive = false
    if (head !== null && rewrite !== null) {
      this.#answer.sendSwitch(head, bytes, start, end, rewrite)
    }
    if (this.#intake.length > 0) this.#ground.turns.schedule(this)
    this.#gate.open(HOLD.exchange)
  }

  sendRaw(bytes: Buffer, start: number, end: number): void {
    const out = this.#ground.scratch.take(end - start)
    bytes.copy(out, 0, start, end)
    this.#ground.scratch.write(this.outlet, out, end - start)
  }

  endRaw(): void {
    this.outlet.end()
  }

  release(nowMs: number): void {
    this.owner = null
    if (this.#isClosing) return
    if (!this.#answer.keepsAlive || this.#mustClose || this.#hasEnded) return this.closeGently()
    this.deadlineMs = nowMs + this.#ground.limits.idleTimeoutMs
    this.#gate.open(HOLD.exchange)
    if (this.#intake.length === 0) return this.#gate.open(HOLD.early)
    this.#ground.turns.schedule(this) // It opens when there is room: a read for each answer would let a pipelining client fill the memory.
  }

  reset(): void {
    this.#isClosing = true
    // Where nothing but the end of the connection tells the end of an answer, only a reset tells that it is cut. A client that does not read would keep
    // what the kernel has for it for minutes.
    if (this.#answer.isDelimited && this.outlet.isFlushed) this.wire.destroy()
    else this.wire.reset()
  }

  /** At once, without a word. */
  destroy(): void {
    this.#isClosing = true
    this.wire.destroy()
  }

  /** Says goodbye behind what is queued, and reads on for a while: closing with unread bytes would reset the connection and destroy our last answer. */
  closeGently(): void {
    if (this.#isClosing) return
    const { clock, limits } = this.#ground
    this.#isClosing = true
    this.#intake.clear()
    this.#close = new OrderlyClose(this.outlet, limits, clock.monotonicMs())
    this.deadlineMs = this.#close.deadlineMs
    this.#gate.open(HOLD.exchange | HOLD.early)
  }

  /** Nothing of HTTP/1 says so in advance: its answers do. */
  announceEnd(): void {}

  get streamCount(): number {
    return -1
  }

  get isIdle(): boolean {
    return this.owner === null && !this.#isClosing && this.#intake.length === 0
  }

  get isBusy(): boolean {
    return this.owner !== null || this.#close?.isLingering === false
  }

  /** `deadlineMs` has passed. */
  timeOut(): void {
    this.#guarded(() => this.#timeOut())
  }

  /** In its turn: what was held back. */
  runTurn(): void {
    this.#guarded(() => this.#useEarly())
  }

  get #mustClose(): boolean {
    return this.#ground.isDraining && this.listener.isPublic
  }

  /** A defect costs the request at hand, not the worker. */
  #guarded(step: () => void): void {
    try {
      step()
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
    if (this.#isClosing) return this.#linger()
    const mayUse = this.owner === null || this.#isTunnel
    this.#intake.receive(this.#ground.readBuffer, length, mayUse)
  }

  #useEarly(): void {
    if (this.#isClosing || this.wire.isDestroyed) return
    this.#intake.useEarly()
  }

  /** The rest of a body that was refused. */
  #discard(bytes: Buffer, start: number, end: number): number {
    const next = discardBody(this.body, bytes, start, end)
    if (next < 0) this.closeGently()
    return next < 0 ? end : next
  }

  /** Requests one after the other, as long as they are answered at once. Returns the position behind what was used; a connection that closes needs nothing more. */
  #use(bytes: Buffer, start: number, end: number): number {
    let at = start
    while (at < end && !this.#isClosing) {
      const next = this.#useOne(bytes, at, end)
      if (next === at) break
      at = next
    }
    return this.#isClosing ? end : at
  }

  #useOne(bytes: Buffer, start: number, end: number): number {
    const { owner } = this
    if (owner !== null) {
      if (this.#isTunnel) {
        this.#events.raw(owner, bytes, start, end)
        return end
      }
      if (this.body.isDone || this.#gate.isHeldFor(HOLD.exchange)) return start
      return this.#events.body(owner, bytes, start, end)
    }
    if (!this.body.isDone) return this.#discard(bytes, start, end)
    if (this.outlet.isClogged) return start
    if (this.#awaitsProxyHeader) return this.#readProxyHeader(bytes, start, end)
    return this.#mayBeHttp2 ? this.#readFirst(bytes, start, end) : this.#readHead(bytes, start, end)
  }

  /** The first bytes may be the preface of HTTP/2 (RFC 9113 section 3.3): no request of HTTP/1 begins with it. */
  #readFirst(bytes: Buffer, start: number, end: number): number {
    const seen = matchPreface(bytes, start, end)
    if (seen >= 0 && seen < PREFACE.length) {
      const { clock, limits } = this.#ground
      this.deadlineMs = Math.min(this.deadlineMs, clock.monotonicMs() + limits.headTimeoutMs)
      return start
    }
    this.#mayBeHttp2 = false
    if (seen < 0) return this.#readHead(bytes, start, end)
    this.#isClosing = true
    this.#isHttp2(this, bytes, start, end)
    return end
  }

  /** Returns `start` where the head is not complete: its bytes stay where they are. */
  #readHead(bytes: Buffer, start: number, end: number): number {
    const { head } = this.#heads
    const next = this.#heads.read(head, bytes, start, end)
    if (next > 0) {
      this.deadlineMs = Infinity
      this.#answer.begin(head)
      this.peer.renew()
      return this.#events.begin(this, head, bytes, next, end)
    }
    if (next < 0) {
      this.#refuse(headError(next).code, headError(next).title)
      return end
    }
    if (this.#heads.keep(head)) {
      const { clock, limits } = this.#ground
      this.deadlineMs = clock.monotonicMs() + limits.headTimeoutMs
    }
    return start
  }

  #readProxyHeader(bytes: Buffer, start: number, end: number): number {
    const parsed = this.peer.readProxyHeader(bytes.subarray(start, end))
    if (parsed.kind === 'error') {
      this.#refuse('ERR_GATEWAY_PROXY_PROTOCOL', parsed.message)
      return end
    }
    if (parsed.kind === 'more') {
      const { clock, limits } = this.#ground
      this.deadlineMs = Math.min(this.deadlineMs, clock.monotonicMs() + limits.headTimeoutMs)
      return start
    }
    this.#awaitsProxyHeader = false
    return start + parsed.consumed
  }

  #refuse(code: string, detail: string): void {
    this.#heads.forget()
    this.#intake.clear()
    this.deadlineMs = Infinity
    this.#answer.beginRefusal()
    this.#events.refused(this, code, detail)
  }

  #timeOut(): void {
    if (this.#close !== null) return this.#closeOn(this.#close)
    if (this.owner !== null || this.#intake.length === 0) return this.destroy()
    const detail = `the head was not complete after ${this.#ground.limits.headTimeoutMs} ms`
    this.#refuse('ERR_GATEWAY_HEAD_TIMEOUT', detail)
  }

  #closeOn(close: OrderlyClose): void {
    const step = close.look(this.#ground.clock.monotonicMs())
    this.deadlineMs = close.deadlineMs
    if (step === 'reset') this.wire.reset()
    else if (step === 'close') this.destroy()
  }

  #linger(): void {
    if (this.#close === null) return
    this.#close.received(this.#ground.clock.monotonicMs())
    this.deadlineMs = this.#close.deadlineMs
  }

  #flushed(): void {
    if (this.#close !== null) this.#closeOn(this.#close)
    else if (this.owner !== null) this.#events.writable(this.owner)
    else if (this.#intake.length > 0) this.#useEarly()
  }

  #ended(): void {
    const { owner } = this
    this.#hasEnded = true
    if (owner !== null) this.#events.ended(owner)
    else if (this.#close?.isLingering === true) this.destroy()
    else this.closeGently()
  }

  #closed(): void {
    this.#isClosing = true
    this.outlet.close()
    this.#intake.clear()
    if (this.owner !== null) this.#events.gone(this.owner, this.wire.wasReset)
  }
}
