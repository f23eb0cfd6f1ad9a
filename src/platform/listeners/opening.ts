import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Elsewhere } from '../http/elsewhere.ts'
import type { FailureFormat } from '../http/failure.ts'
import type { LeanOptions } from '../http/lean/options.ts'

/**
 * Opens the listeners of a capability, by their names in `listen`. Each call resolves with undefined where the listener is off, or
 * automatic and its port is taken (then it is told); it throws `ListenerTakenError` where the file names it.
 */
export interface Listeners {
  http(name: string, options: HttpOptions): Promise<OpenListener | undefined>
  /** HTTP as well, for a listener at which thousands of requests wait: by our own codec. */
  lean(name: string, options: LeanOptions): Promise<OpenListener | undefined>
  tcp(name: string, options: TcpOptions): Promise<OpenListener | undefined>
  udp(name: string, options: UdpOptions): Promise<OpenListener | undefined>
  /** Datagrams and connections at the same port: DNS. Both are open, or none. */
  udpAndTcp(name: string, udp: UdpOptions, tcp: TcpOptions): Promise<OpenListener | undefined>
}

/** A listener that is open. */
export interface OpenListener {
  readonly host: string
  /** The real one, also where the file says 0. */
  readonly port: number
}

/** HTTP with Host and Origin checked, bounded connections and bodies. */
export interface HttpOptions {
  register(app: FastifyInstance): void | Promise<void>
  /** Host names that it answers to, besides localhost and addresses. */
  readonly hosts?: readonly string[]
  /** Its protocol knows its own credentials and origins: neither Host, nor Origin, nor a token is looked at here. */
  readonly isPublic?: true
  /** Asked of every request; undefined: no credentials. */
  readonly token?: string | undefined
  /** The section of the file where its hosts and token are; default: admin. */
  readonly section?: string
  /** Admin routes that other processes serve, shown here. */
  readonly elsewhere?: readonly Elsewhere[]
  /** The HTTP server is made when somebody connects first: a process that nobody asks does without its memory. `register` may load more. */
  readonly isLazy?: true
  /** How the protocol tells an error; default: RFC 9457, and OpenAPI at /openapi.json. */
  readonly failure?: FailureFormat
}

/** Bytes over connections, cut into messages by the capability. */
export interface TcpOptions {
  /** All bytes of a connection that were not taken yet; returns how many are taken now. */
  received(bytes: Buffer, connection: TcpConnection): number
  /** The connection is gone, whoever ended it. */
  closed?(connection: TcpConnection): void
  readonly limits?: Partial<TcpLimits>
}

/** Connections that a capability serves by itself: several protocols at one port. */
export interface SocketOptions {
  accept(socket: Socket): void
  /** Whether every request at it is asked for a token. */
  readonly demandsCredentials: boolean
  readonly limits?: Partial<Pick<TcpLimits, 'connectionsMax' | 'connectionsPerAddressMax'>>
}

/** What a capability may do with a connection. */
export interface TcpConnection {
  readonly address: string
  /** What a peer does not read is bounded: beyond `messageBytesMax` its connection is closed. */
  write(bytes: Uint8Array | string): void
  end(): void
}

export interface TcpLimits {
  readonly connectionsMax: number
  readonly connectionsPerAddressMax: number
  /** Bytes that may wait in one direction of a connection: the longest message. */
  readonly messageBytesMax: number
  /** A connection without a byte for this long is closed. */
  readonly idleMs: number
}

/** Datagrams. */
export interface UdpOptions {
  received(message: Buffer, from: UdpPeer): void
  /** A longer datagram is dropped and counted. */
  readonly messageBytesMax?: number
}

/** Who sent a datagram. */
export interface UdpPeer {
  readonly address: string
  readonly port: number
  reply(bytes: Uint8Array): void
}
