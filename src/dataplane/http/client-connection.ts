import { Socket } from 'node:net'
import { isLoopback } from '../../mechanisms/cidr/cidr.ts'
import { createRequestDrops, type Drops } from '../../mechanisms/http1/drops.ts'
import { headError } from '../../mechanisms/http1/errors.ts'
import {
  createRequestHead,
  parseRequestHead,
  type RequestHead,
} from '../../mechanisms/http1/request-head.ts'
import type { HttpListener } from '../listeners/http-listener.ts'
import type { WorkerContext } from '../worker/context.ts'
import { WRITE_QUEUE_BYTES } from './backpressure.ts'
import { abortExchange } from './abort.ts'
import { type Exchange, PHASE } from './exchange.ts'
import { forwardedLines } from './forwarded.ts'
import { readProxyHeader } from './proxy-header.ts'
import { refuseHead, relayRequestBody, startRequest } from './request.ts'
import { tunnelUp } from './tunnel.ts'

/** After our last word the client may take this long to read it and close; until then what it sends is thrown away. */
const LINGER_MS = 2_000

/** Fields that we write ourselves. */
const OWN_FIELDS = ['x-request-id', 'traceparent'] as const
const TRUSTED_DROPS = createRequestDrops({ isPeerTrusted: true, names: OWN_FIELDS })
const UNTRUSTED_DROPS = createRequestDrops({ isPeerTrusted: false, names: OWN_FIELDS })

/** One connection of a client: keep-alive and pipelining, one exchange at a time. */
export class ClientConnection {
  readonly socket: Socket
  readonly listener: HttpListener
  exchange: Exchange | null = null
  /** Of the client as far as we know: of its proxy's header, else of the socket. */
  address: string
  isTrusted: boolean
  drops: Drops
  /** When an unused or half-read connection is given up; Infinity while an exchange has its own deadlines. */
  deadlineMs: number

  readonly #ctx: WorkerContext
  #awaitsProxyHeader: boolean
  /** What came and could not be used yet: half a head, or the next requests. */
  #early: Buffer | null = null
  #head: RequestHead | null = null
  #isPaused = false
  #isClosing = false
  #isReading = false
  #forwardedHost = ''
  #forwarded: Buffer | null = null

  /** Takes over an accepted connection. */
  constructor(ctx: WorkerContext, listener: HttpListener, accepted: Socket) {
    this.#ctx = ctx
    this.listener = listener
    this.address = plainAddress(accepted.remoteAddress ?? '')
    this.#awaitsProxyHeader = listener.proxyProtocol
    this.isTrusted =
      listener.service === '' ? ctx.trusted.contains(this.address) : isLoopback(this.address)
    this.drops = this.isTrusted ? TRUSTED_DROPS : UNTRUSTED_DROPS
    this.deadlineMs = ctx.clock.monotonicMs() + ctx.limits.idleTimeoutMs
    this.socket = adopt(accepted, ctx.readBuffer, (length) => this.#receive(length))
    this.socket.on('drain', () => this.#drained())
    this.socket.on('end', () => this.#ended())
    this.socket.on('error', () => {})
    this.socket.on('close', () => this.#closed())
    ctx.clients.add(this)
  }

  /** Lines about this client, made once as long as it asks for the same host and says nothing of earlier hops. */
  forwardedFor(head: RequestHead, bytes: Buffer): Buffer {
    if (this.#forwarded !== null && !this.isTrusted && this.#forwardedHost === head.host)
      return this.#forwarded
    const peer = {
      address: this.address,
      localPort: this.socket.localPort ?? 0,
      isTrusted: this.isTrusted,
    }
    this.#forwarded = Buffer.from(forwardedLines(peer, head, bytes), 'latin1')
    this.#forwardedHost = head.host
    return this.#forwarded
  }

  pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.socket.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.socket.resume()
  }

  destroy(): void {
    this.#isClosing = true
    this.socket.destroy()
  }

  /** The exchange has been answered to its end. */
  exchangeEnded(keepsAlive: boolean, nowMs: number): void {
    this.exchange = null
    if (this.#isClosing) return
    if (!keepsAlive || (this.#ctx.isDraining && this.listener.isOutside)) return this.closeGently()
    this.deadlineMs = nowMs + this.#ctx.limits.idleTimeoutMs
    if (this.#early !== null && !this.#isReading) this.#readEarly()
    else this.resume()
  }

  /** Says goodbye after what is queued, and reads on for a while: a reset would destroy our last answer. */
  closeGently(): void {
    this.#isClosing = true
    this.deadlineMs = this.#ctx.clock.monotonicMs() + LINGER_MS
    this.#early = null
    this.socket.end()
    this.resume()
  }

  /** Nobody waits for anything on it. */
  get isIdle(): boolean {
    return this.exchange === null && this.#early === null && !this.#isClosing
  }

  /** `deadlineMs` has passed. */
  timeOut(): void {
    if (this.#isClosing || this.exchange !== null || this.#early === null) return this.destroy()
    const { headTimeoutMs } = this.#ctx.limits
    this.#refuse('ERR_GATEWAY_HEAD_TIMEOUT', `the head was not complete after ${headTimeoutMs} ms`)
  }

  /** What came behind the head of a request that became a tunnel. */
  flushEarlyBytes(): void {
    const early = this.#early
    if (early === null) return
    this.#early = null
    tunnelUp(this.#ctx, this.exchange!, early, early.length)
  }

  #receive(length: number): void {
    const bytes = this.#ctx.readBuffer
    const { exchange } = this
    if (this.#isClosing) return
    if (exchange === null) return this.#read(bytes, length)
    if (exchange.phase === PHASE.tunnel) return tunnelUp(this.#ctx, exchange, bytes, length)
    let used = 0
    if (!exchange.requestBody.isDone) used = relayRequestBody(this.#ctx, exchange, bytes, length)
    if (used < length && !this.#isClosing) this.#holdBack(bytes, used, length)
  }

  /** The next request waits here, and more of it in the kernel. */
  #holdBack(bytes: Buffer, start: number, end: number): void {
    this.#keepEarly(bytes, start, end)
    this.pause()
  }

  #keepEarly(bytes: Buffer, start: number, end: number): void {
    const rest = bytes.subarray(start, end)
    this.#early = this.#early === null ? Buffer.from(rest) : Buffer.concat([this.#early, rest])
  }

  #readEarly(): void {
    if (this.socket.writableNeedDrain && this.socket.writableLength > 0) return
    const early = this.#early!
    this.#early = null
    this.#readAll(early, early.length)
    if (this.exchange === null) this.resume()
  }

  #read(bytes: Buffer, length: number): void {
    if (this.#early === null) return this.#readAll(bytes, length)
    const joined = Buffer.concat([this.#early, bytes.subarray(0, length)])
    this.#early = null
    this.#readAll(joined, joined.length)
  }

  /** Requests one after the other, as long as they are answered at once. */
  #readAll(bytes: Buffer, end: number): void {
    let start = 0
    this.#isReading = true
    while (start < end && !this.#isClosing) {
      if (this.exchange !== null || this.socket.writableNeedDrain) {
        this.#holdBack(bytes, start, end)
        break
      }
      const next = this.#readOne(bytes, start, end)
      if (next === 0) break
      start = next
    }
    this.#isReading = false
  }

  /** Returns the position behind what was used; 0: what is left was kept, or the connection is being closed. */
  #readOne(bytes: Buffer, start: number, end: number): number {
    const ctx = this.#ctx
    if (this.#awaitsProxyHeader) return this.#readProxyHeader(bytes, start, end)
    const head = this.#head ?? ctx.requestHead
    const next = parseRequestHead(bytes, start, end, ctx.headLimits, head)
    if (next > 0) {
      this.#head = null
      this.deadlineMs = Infinity
      return next + startRequest(ctx, this, head, bytes, next, end)
    }
    if (next === 0) this.#awaitHead(bytes, start, end)
    else this.#refuse(headError(next).code, headError(next).title)
    return 0
  }

  #awaitHead(bytes: Buffer, start: number, end: number): void {
    const ctx = this.#ctx
    if (this.#head === null) {
      this.#head = ctx.requestHead
      ctx.requestHead = createRequestHead(ctx.limits.headersMax)
      this.deadlineMs = ctx.clock.monotonicMs() + ctx.limits.headTimeoutMs
    }
    this.#keepEarly(bytes, start, end)
  }

  #readProxyHeader(bytes: Buffer, start: number, end: number): number {
    const parsed = readProxyHeader(this.isTrusted, bytes.subarray(start, end))
    switch (parsed.kind) {
      case 'more':
        this.deadlineMs = Math.min(
          this.deadlineMs,
          this.#ctx.clock.monotonicMs() + this.#ctx.limits.headTimeoutMs,
        )
        this.#keepEarly(bytes, start, end)
        return 0
      case 'error':
        this.#refuse('ERR_GATEWAY_PROXY_PROTOCOL', parsed.message)
        return 0
      case 'header':
        this.#awaitsProxyHeader = false
        // Who speaks through the proxy is not the proxy: it must be trusted by its own address.
        if (parsed.source !== undefined) {
          this.address = parsed.source.address
          this.isTrusted = this.#ctx.trusted.contains(this.address)
          this.drops = this.isTrusted ? TRUSTED_DROPS : UNTRUSTED_DROPS
        }
        return start + parsed.consumed
      default:
        return parsed satisfies never
    }
  }

  #refuse(code: string, detail: string): void {
    this.#head = null
    this.#early = null
    refuseHead(this.#ctx, this, code, detail)
  }

  #drained(): void {
    const upstream = this.exchange?.upstream
    if (upstream !== null && upstream !== undefined) upstream.socket.resume()
    else if (this.exchange === null && this.#early !== null && !this.#isClosing) this.#readEarly()
  }

  /** A client that closes while it waits has gone: nobody would read the answer. */
  #ended(): void {
    const { exchange } = this
    if (exchange !== null) abortExchange(this.#ctx, exchange)
    else if (!this.#isClosing) this.socket.end()
  }

  #closed(): void {
    this.#isClosing = true
    this.#early = null
    this.#ctx.clients.delete(this)
    this.#ctx.counts.give('connections')
    if (this.exchange !== null) abortExchange(this.#ctx, this.exchange)
  }
}

/**
 * The same connection with a shared read buffer: `net.Server` has no such option. A buffer for each read costs a quarter of a small request's
 * CPU (measured), and ten thousand idle connections would hold as many buffers.
 */
function adopt(accepted: Socket, buffer: Buffer, received: (length: number) => void): Socket {
  const { _handle: handle } = accepted as unknown as { _handle: unknown }
  ;(accepted as unknown as { _handle: unknown })._handle = null
  const socket = new Socket({
    handle,
    allowHalfOpen: true,
    writableHighWaterMark: WRITE_QUEUE_BYTES,
    onread: {
      buffer,
      callback: (length: number) => {
        received(length)
        return true
      },
    },
  } as ConstructorParameters<typeof Socket>[0])
  socket.resume()
  return socket
}

/** IPv4 as IPv4, also on a socket for both families. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}
