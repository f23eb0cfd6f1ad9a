import type { Socket } from 'node:net'
import { parseClientHello } from '../../mechanisms/client-hello/client-hello.ts'
import type { TlsSpec } from '../../contracts/certificates.ts'
import { ClientPeer } from '../client/peer.ts'
import type { Accepted } from '../io/accepted.ts'
import { plainAddress } from '../io/sockets.ts'
import type { ClientListener } from '../listeners/client-listener.ts'
import { PLACE } from '../shared/counts.ts'
import type { HandshakeFailure } from '../tls/failures.ts'
import { ACME_PROTOCOL, Handshake } from '../tls/handshake.ts'
import { Preface, type PrefaceParse } from '../tls/preface.ts'
import type { WorkerContext } from './context.ts'

/** Application protocols that a client may ask for in a handshake, best first. */
const PROTOCOLS = ['h2', 'http/1.1', 'http/1.0'] as const

const FULL_BODY =
  '{"status":503,"code":"ERR_GATEWAY_CONNECTIONS_FULL","title":"Too many client connections are open"}\n'
const FULL_ANSWER =
  'HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nbackplane-reason: ERR_GATEWAY_CONNECTIONS_FULL\r\n' +
  `content-length: ${FULL_BODY.length}\r\nconnection: close\r\n\r\n${FULL_BODY}`
/** A refused client may take this long to read why. */
const REFUSED_MS = 1_000

/**
 * Makes the TLS handshake of an accepted connection, behind its PROXY protocol header where the listener demands one. `done` is called once: with what can be
 * read from now on, or with null where nothing came of it.
 */
export function shakeHands(
  ctx: WorkerContext,
  listener: ClientListener,
  tls: TlsSpec,
  plain: Socket,
  done: (accepted: Accepted | null) => void,
): void {
  if (ctx.counts.take(PLACE.handshakes, tls.handshakesMax)) {
    const nowMs = ctx.clock.monotonicMs()
    return new Welcome(ctx, tls, plain, nowMs, done).begin(listener)
  }
  ctx.totals.countLimited('handshakes')
  plain.on('error', () => {})
  plain.destroy()
  done(null)
}

/** The way of one connection up to the end of its handshake. */
class Welcome {
  readonly #ctx: WorkerContext
  readonly #tls: TlsSpec
  readonly #plain: Socket
  readonly #nowMs: number
  readonly #done: (accepted: Accepted | null) => void

  constructor(
    ctx: WorkerContext,
    tls: TlsSpec,
    plain: Socket,
    nowMs: number,
    done: (accepted: Accepted | null) => void,
  ) {
    this.#ctx = ctx
    this.#tls = tls
    this.#plain = plain
    this.#nowMs = nowMs
    this.#done = done
  }

  begin(listener: ClientListener): void {
    if (!listener.proxyProtocol) return this.#look(null)
    const address = plainAddress(this.#plain.remoteAddress ?? '')
    const peer = new ClientPeer(this.#ctx, listener, { address, tls: null })
    this.#read(
      'proxy-protocol',
      (bytes) => peer.readProxyHeader(bytes),
      () => this.#look(peer.address),
    )
  }

  /**
   * While an authority may ask: whether this is it. And where some hosts ask for a certificate: whether this one does. What is shown and asked for must be
   * known before the handshake begins.
   */
  #look(introducedAs: string | null): void {
    const { contexts } = this.#ctx
    const tls = this.#tls
    const dependsOnHost = tls.clients !== undefined && tls.clients.hosts.length > 0
    if (!contexts.hasChallenges && !dependsOnHost) {
      return this.#shake(introducedAs, null, contexts.asks(tls, ''))
    }
    let challenged: string | null = null
    let asks = false
    const parse = (bytes: Buffer): PrefaceParse => {
      const hello = parseClientHello(bytes)
      if (hello.kind === 'more') return hello
      const isChallenge = hello.kind === 'hello' && hello.protocols.includes(ACME_PROTOCOL)
      challenged = isChallenge ? hello.serverName : null
      asks = contexts.asks(tls, hello.kind === 'hello' ? hello.serverName : '')
      return { kind: 'header', consumed: 0 }
    }
    this.#read('closed', parse, () => this.#shake(introducedAs, challenged, asks))
  }

  #read(failure: HandshakeFailure, parse: (bytes: Buffer) => PrefaceParse, next: () => void): void {
    const { handshakes } = this.#ctx
    const deadlineMs = this.#nowMs + this.#tls.handshakeTimeoutMs
    const preface = new Preface(this.#plain, deadlineMs, parse, {
      read() {
        handshakes.delete(preface)
        next()
      },
      failed: (isLate) => {
        handshakes.delete(preface)
        this.#end(isLate ? 'timeout' : failure, null)
      },
    })
    handshakes.add(preface)
  }

  #shake(introducedAs: string | null, challenged: string | null, asks: boolean): void {
    const { contexts, readBuffer, handshakes } = this.#ctx
    const asked = { introducedAs, challenged, asks, protocols: PROTOCOLS, nowMs: this.#nowMs }
    try {
      const options = { ...asked, tls: this.#tls, contexts, readBuffer }
      const handshake = new Handshake(this.#plain, options, {
        secured: (accepted) => {
          handshakes.delete(handshake)
          this.#end(accepted.tls?.label ?? '', accepted)
        },
        failed: (failure) => {
          handshakes.delete(handshake)
          this.#end(failure, null)
        },
      })
      handshakes.add(handshake)
    } catch (error) {
      // A certificate that cannot be used after all: control should not have let it through.
      this.#ctx.reportDefect(error)
      this.#plain.destroy()
      this.#end('certificate', null)
    }
  }

  #end(outcome: string, accepted: Accepted | null): void {
    const { counts, totals } = this.#ctx
    counts.give(PLACE.handshakes)
    totals.countHandshake(outcome)
    if (outcome === 'timeout') totals.countLimited('handshakeTimeout')
    this.#done(accepted)
  }
}

/** There is no room for the connection; `speaksHttp`: it is told why. */
export function refuseCrowd(ctx: WorkerContext, socket: Socket, speaksHttp: boolean): void {
  socket.on('error', () => {})
  const cancel = ctx.clock.after(REFUSED_MS, () => socket.destroy())
  socket.on('close', cancel)
  socket.end(speaksHttp ? FULL_ANSWER : '')
  socket.resume()
}
