import type { Socket } from 'node:net'
import type { TlsSpec } from '../../contracts/certificates.ts'
import { ClientPeer } from '../client/peer.ts'
import type { Accepted } from '../io/accepted.ts'
import { plainAddress } from '../io/sockets.ts'
import type { ClientListener } from '../listeners/client-listener.ts'
import { PLACE } from '../shared/counts.ts'
import { Handshake } from '../tls/handshake.ts'
import { Preface } from '../tls/preface.ts'
import type { WorkerContext } from './context.ts'

/** Application protocols that a client may ask for in a handshake, best first. */
const PROTOCOLS = ['http/1.1', 'http/1.0'] as const

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
  if (!ctx.counts.take(PLACE.handshakes, tls.handshakesMax)) {
    ctx.totals.countLimited('handshakes')
    plain.on('error', () => {})
    plain.destroy()
    return done(null)
  }
  const nowMs = ctx.clock.monotonicMs()
  if (!listener.proxyProtocol) return begin(null)
  const peer = new ClientPeer(ctx, listener, {
    address: plainAddress(plain.remoteAddress ?? ''),
    tls: null,
  })
  const preface = new Preface(
    plain,
    nowMs + tls.handshakeTimeoutMs,
    (bytes) => peer.readProxyHeader(bytes),
    {
      read() {
        ctx.handshakes.delete(preface)
        begin(peer.address)
      },
      failed() {
        ctx.handshakes.delete(preface)
        end('proxy-protocol', null)
      },
    },
  )
  ctx.handshakes.add(preface)

  function begin(introducedAs: string | null): void {
    const { contexts, readBuffer } = ctx
    const options = { tls, contexts, protocols: PROTOCOLS, readBuffer, introducedAs, nowMs }
    try {
      const handshake = new Handshake(plain, options, {
        secured(accepted) {
          ctx.handshakes.delete(handshake)
          end(accepted.tls?.label ?? '', accepted)
        },
        failed(failure) {
          ctx.handshakes.delete(handshake)
          end(failure, null)
        },
      })
      ctx.handshakes.add(handshake)
    } catch (error) {
      // A certificate that cannot be used after all: control should not have let it through.
      ctx.reportDefect(error)
      plain.destroy()
      end('certificate', null)
    }
  }

  function end(outcome: string, accepted: Accepted | null): void {
    ctx.counts.give(PLACE.handshakes)
    ctx.totals.countHandshake(outcome)
    if (outcome === 'timeout') ctx.totals.countLimited('handshakeTimeout')
    done(accepted)
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
