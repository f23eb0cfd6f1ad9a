import { type BodyReader, createBodyReader } from '../../mechanisms/http1/body.ts'
import type { Accepted } from '../io/accepted.ts'
import type { Outlet } from '../io/outlet.ts'
import { Wire } from '../io/wire.ts'
import type { ClientListener } from '../listeners/client-listener.ts'
import type { ClientEvents, ClientOf } from './client-stream.ts'
import { EarlyBytes } from './early-bytes.ts'
import type { ClientGround } from './ground.ts'
import { ClientPeer } from './peer.ts'

/** What may come before there is a connection to an instance; more of it stays in the kernel. */
const EARLY_BYTES_MAX = 64 * 1024
/** The last bytes for a client may take this long, from one to the next, after the tunnel is over. */
const FLUSH_MS = 10_000

/** One raw connection of a client: bytes both ways, from the first one to the last. */
export class RawConnection<E> implements ClientOf<E> {
  owner: E | null = null
  readonly protocol = 'tcp'
  readonly listener: ClientListener
  readonly body: BodyReader = createBodyReader()
  readonly isHttp10 = false
  /** When a connection without its PROXY protocol header, or with a slow reader behind its end, is given up. */
  deadlineMs = Infinity

  readonly #ground: ClientGround
  readonly #events: ClientEvents<E>
  readonly #wire: Wire
  readonly outlet: Outlet
  readonly peer: ClientPeer
  readonly #early = new EarlyBytes()
  #awaitsProxyHeader: boolean
  #isTunnel = false
  #isPaused = false
  #isEnding = false
  #hasEnded = false
  #unsentBefore = Infinity

  /** Takes over an accepted connection. `closed` is called once, last of all. */
  constructor(
    ground: ClientGround,
    listener: ClientListener,
    accepted: Accepted,
    events: ClientEvents<E>,
    closed: (connection: RawConnection<E>) => void,
  ) {
    this.#ground = ground
    this.#events = events
    this.listener = listener
    this.peer = new ClientPeer(ground, listener, accepted)
    this.#awaitsProxyHeader = listener.proxyProtocol && !accepted.isIntroduced
    this.#wire = new Wire(accepted, ground.readBuffer, {
      received: (length) => this.#guarded(() => this.#receive(length)),
      flushed: () => this.#guarded(() => this.#flushed()),
      ended: () => this.#guarded(() => this.#ended()),
      closed: () => {
        closed(this)
        this.#guarded(() => this.#closed())
      },
    })
    this.outlet = this.#wire.outlet
    if (this.#awaitsProxyHeader) {
      this.deadlineMs = ground.clock.monotonicMs() + ground.limits.headTimeoutMs
    } else this.#guarded(() => events.open(this))
  }

  /** It is gone, or was refused at once. */
  get isDestroyed(): boolean {
    return this.#wire.isDestroyed
  }

  /** The tunnel is there, or something of it is on its way to the client. */
  get isBusy(): boolean {
    return this.owner !== null || !this.outlet.isFlushed
  }

  pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.#wire.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#wire.resume()
  }

  closeAfterwards(): void {}

  sendInterim(): void {}

  sendHead(): number {
    throw new TypeError('a raw connection has no head')
  }

  sendBody(): number {
    throw new TypeError('a raw connection has no body')
  }

  endBody(): void {}

  /** Nothing can be said in a protocol that nobody knows. */
  sendLocal(): void {
    this.reset()
  }

  openTunnel(): void {
    this.#isTunnel = true
    this.resume()
    this.#useEarly()
    if (this.#hasEnded && this.owner !== null) this.#events.ended(this.owner)
  }

  sendRaw(bytes: Buffer, start: number, end: number): void {
    const { scratch } = this.#ground
    const out = scratch.take(end - start)
    bytes.copy(out, 0, start, end)
    scratch.write(this.outlet, out, end - start)
  }

  endRaw(): void {
    this.#isEnding = true
    this.outlet.end()
  }

  release(): void {
    this.owner = null
    if (this.#wire.isDestroyed) return
    this.#awaitFlush()
    if (!this.#isEnding) this.outlet.end()
    this.resume()
  }

  reset(): void {
    this.#wire.reset()
  }

  destroy(): void {
    this.#wire.destroy()
  }

  /** `deadlineMs` has passed. */
  timeOut(): void {
    if (this.owner === null && !this.#awaitsProxyHeader) return this.#awaitFlush()
    this.destroy()
  }

  /** What is queued still goes out, as long as the client reads. */
  #awaitFlush(): void {
    const unsent = this.outlet.unsentBytes
    if (this.#unsentBefore !== Infinity && unsent >= this.#unsentBefore) return this.destroy()
    this.#unsentBefore = unsent
    this.deadlineMs = this.#ground.clock.monotonicMs() + FLUSH_MS
  }

  #guarded(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#events.failed(this, error)
    }
    this.#ground.turns.run()
  }

  #receive(length: number): void {
    const bytes = this.#ground.readBuffer
    if (this.owner !== null && this.#isTunnel) {
      return this.#events.raw(this.owner, bytes, 0, length)
    }
    if (this.owner === null && !this.#awaitsProxyHeader) return
    this.#early.add(bytes, 0, length)
    if (this.#awaitsProxyHeader) this.#readProxyHeader()
    else if (this.#early.length >= EARLY_BYTES_MAX) this.pause()
  }

  #readProxyHeader(): void {
    const early = this.#early.bytes.subarray(0, this.#early.length)
    const parsed = this.peer.readProxyHeader(early)
    if (parsed.kind === 'more') return
    this.#awaitsProxyHeader = false
    this.deadlineMs = Infinity
    if (parsed.kind === 'error') {
      return this.#events.refused(this, 'ERR_GATEWAY_PROXY_PROTOCOL', parsed.message)
    }
    this.#early.dropUntil(parsed.consumed)
    this.#events.open(this)
  }

  #useEarly(): void {
    const { length } = this.#early
    if (length === 0 || this.owner === null) return
    this.#events.raw(this.owner, this.#early.bytes, 0, length)
    this.#early.clear()
  }

  #flushed(): void {
    if (this.owner !== null) this.#events.writable(this.owner)
  }

  #ended(): void {
    this.#hasEnded = true
    if (this.owner !== null) {
      // Before there is an instance: it hears of it behind what came before.
      if (this.#isTunnel) this.#events.ended(this.owner)
    } else if (this.#awaitsProxyHeader) this.destroy()
    else if (this.outlet.isFlushed) this.destroy()
  }

  #closed(): void {
    this.outlet.close()
    this.#early.clear()
    if (this.owner !== null) this.#events.gone(this.owner, this.#wire.wasReset)
  }
}
