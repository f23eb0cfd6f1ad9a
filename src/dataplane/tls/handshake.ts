import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { TlsSpec } from '../../contracts/certificates.ts'
import type { Accepted, AttachedSocket } from '../io/accepted.ts'
import { plainAddress, readDirectly, type Received } from '../io/sockets.ts'
import { onPlainHttp } from './plain-http.ts'
import { type TlsFacts, tlsLabel } from './facts.ts'
import {
  type ClientCertificate,
  describeClientCertificate,
  type ShownCertificate,
} from './client-certificate.ts'
import type { HandshakeFailure } from './failures.ts'
import { explainFailure } from './failures.ts'
import type { SecureContexts } from './secure-contexts.ts'

/** The protocol of challenges (RFC 8737 section 3): nothing is said over it. */
export const ACME_PROTOCOL = 'acme-tls/1'

/** Certificates that a client sends beside its own, as far as they are looked at. */
const SENT_MAX = 16

/** What a handshake needs. */
export interface HandshakeOptions {
  readonly tls: TlsSpec
  readonly contexts: SecureContexts
  /** Names of ALPN, best first. A client that offers none of them is refused; one that offers nothing is not. */
  readonly protocols: readonly string[]
  readonly readBuffer: Buffer
  /** Of the client, where a PROXY protocol header said it; else it is that of the socket. */
  readonly introducedAs: string | null
  /** The host for which the client asks to be shown the certificate of a challenge; null: it asks for none. */
  readonly challenged: string | null
  /** The client is asked for a certificate. */
  readonly asks: boolean
  readonly nowMs: number
}

/** How it ends; one of the two is called, once. */
export interface HandshakeEvents {
  secured(accepted: Accepted): void
  failed(failure: HandshakeFailure): void
}

/** One accepted connection whose handshake is under way. */
export class Handshake {
  /** When it is given up. Monotonic milliseconds. */
  readonly deadlineMs: number
  readonly #plain: Socket
  readonly #socket: TLSSocket
  readonly #events: HandshakeEvents
  /** Decrypted bytes go here; before the end of the handshake there are none. */
  readonly #reader: Reader = { received: () => {}, isDirect: true }
  #isOver = false
  #failure: HandshakeFailure = 'closed'

  constructor(plain: Socket, options: HandshakeOptions, events: HandshakeEvents) {
    const { tls, contexts, challenged, asks } = options
    const proof = challenged === null ? undefined : contexts.challengeFor(tls, challenged)
    this.deadlineMs = options.nowMs + tls.handshakeTimeoutMs
    this.#plain = plain
    this.#events = events
    plain.on('error', () => {})
    this.#socket = new TLSSocket(plain, {
      isServer: true,
      // What it shows, or that it shows nothing, is judged with each request: a handshake that fails tells nobody why.
      requestCert: asks && proof === undefined,
      rejectUnauthorized: false,
      secureContext: proof ?? contexts.first(tls, asks),
      ALPNProtocols: proof === undefined ? [...options.protocols] : [ACME_PROTOCOL],
      ...(contexts.dependsOnName && proof === undefined
        ? { SNICallback: (name: string, chosen: Chosen) => this.#choose(options, name, chosen) }
        : {}),
    })
    const received = (length: number): void => this.#reader.received(length)
    onPlainHttp(this.#socket, this.#plain)
    this.#reader.isDirect = readDirectly(this.#socket, received, options.readBuffer)
    this.#socket.on('secure', () => this.#secured(options))
    this.#socket.on('end', () => this.#ended())
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#broken(error))
    this.#socket.on('close', () => this.#fail(this.#failure))
    this.#socket.resume()
  }

  /** It took too long. */
  timeOut(): void {
    this.#failure = 'timeout'
    this.destroy()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #choose({ contexts, tls, asks }: HandshakeOptions, name: string, chosen: Chosen): void {
    try {
      chosen(
        null,
        contexts.forName(tls, asks, name, () => takesEcdsa(this.#socket)),
      )
    } catch (error) {
      this.#failure = 'certificate'
      chosen(error as Error)
    }
  }

  #secured({ introducedAs, asks, tls, contexts }: HandshakeOptions): void {
    if (this.#isOver) return
    const socket = this.#socket
    const shown = asks ? shownCertificate(socket) : null
    const facts = factsOf(
      socket,
      asks,
      shown === null
        ? null
        : describeClientCertificate(
            shown,
            contexts.authorities.list,
            tls.clients?.isForwarded === true,
          ),
    )
    this.#isOver = true
    if (facts.protocol === ACME_PROTOCOL) {
      socket.end()
      return this.#events.failed('challenge')
    }
    this.#events.secured(acceptSecured(socket, this.#plain, facts, this.#reader, introducedAs))
  }

  /** Half a connection is of use to a request that waits for its answer, not to a handshake. */
  #ended(): void {
    if (!this.#isOver) this.destroy()
  }

  #broken(error: NodeJS.ErrnoException): void {
    if (this.#isOver || this.#failure !== 'closed') return
    this.#failure = explainFailure(error.code ?? '')
  }

  #fail(failure: HandshakeFailure): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#events.failed(failure)
  }
}

type Chosen = (error: Error | null, context?: ReturnType<SecureContexts['first']>) => void

/** Signatures that both sides know are found out before a certificate is chosen. */
function takesEcdsa(socket: TLSSocket): boolean {
  return socket.getSharedSigalgs().some((name) => /ecdsa/i.test(name))
}

/** Null where the client has shown none. */
function shownCertificate(socket: TLSSocket): ShownCertificate | null {
  const leaf = socket.getPeerX509Certificate()
  if (leaf === undefined) return null
  const others: X509Certificate[] = []
  for (let next = leaf.issuerCertificate; next !== undefined && others.length < SENT_MAX;) {
    others.push(next)
    // A root is its own issuer.
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate
  }
  // Node's own server asks so too; a socket alone does not do it by itself.
  const { _handle: handle } = socket as unknown as { readonly _handle: Judging }
  return { leaf, others, fault: handle.verifyError()?.code ?? '' }
}

function factsOf(
  socket: TLSSocket,
  isClientAsked: boolean,
  clientCertificate: ClientCertificate | null,
): TlsFacts {
  const version = socket.getProtocol() ?? ''
  const isResumed = socket.isSessionReused()
  const { alpnProtocol, servername } = socket as TLSSocket & { readonly servername?: unknown }
  return {
    version,
    isResumed,
    serverName: typeof servername === 'string' ? servername : '',
    protocol: typeof alpnProtocol === 'string' ? alpnProtocol : '',
    isClientAsked,
    clientCertificate,
    label: tlsLabel(version, isResumed),
  }
}

interface Judging {
  /** OpenSSL's judgement of the other side's certificate. */
  verifyError(): { readonly code: string } | null | undefined
}

interface Reader {
  received: Received
  isDirect: boolean
}

interface Handle {
  reading: boolean
  readStart(): void
  readStop(): void
}

function acceptSecured(
  socket: TLSSocket,
  plain: Socket,
  tls: TlsFacts,
  reader: Reader,
  introducedAs: string | null,
): Accepted {
  return {
    address: introducedAs ?? plainAddress(plain.remoteAddress ?? ''),
    tls,
    isIntroduced: introducedAs !== null,
    attach(buffer, received): AttachedSocket {
      reader.received = received
      if (!reader.isDirect) {
        socket.on('data', (bytes: Buffer) => received(bytes.copy(buffer)))
      }
      return {
        socket,
        pause: () => (reader.isDirect ? setReading(socket, false) : void socket.pause()),
        resume: () => (reader.isDirect ? setReading(socket, true) : void socket.resume()),
        reset() {
          plain.resetAndDestroy()
          socket.destroy()
        },
      }
    },
  }
}

/** Its bytes pass the stream by, so the stream's own pause would not stop them. What was decrypted already is still delivered. */
function setReading(socket: TLSSocket, isReading: boolean): void {
  const { _handle: handle } = socket as unknown as { readonly _handle: Handle | null }
  if (handle === null || handle.reading === isReading) return
  handle.reading = isReading
  if (isReading) handle.readStart()
  else handle.readStop()
}
