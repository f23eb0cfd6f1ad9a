import { connect, type Socket } from 'node:net'
import type { ResponseHead } from '../../mechanisms/http1/response-head.ts'
import type { Exchange } from '../http/exchange.ts'
import type { Instance } from './instance.ts'

/**
 * An idle connection is not used for longer than this: services in use close theirs after five seconds (Node's default), and the
 * closer to it, the likelier a request meets the closing one.
 */
export const UPSTREAM_IDLE_MS = 4_000
/** A request that must not be done twice takes only a connection that was in use this short a time ago. */
export const FRESH_IDLE_MS = 1_000

/** What happens on a connection to an instance, told to whom has the exchange. */
export interface UpstreamEvents {
  connected(connection: UpstreamConnection): void
  /** `bytes` are only valid during the call. */
  received(connection: UpstreamConnection, bytes: Buffer, length: number): void
  drained(connection: UpstreamConnection): void
  /** The instance will send nothing more. */
  ended(connection: UpstreamConnection): void
  /** Once, after all else. `error` is the code of the socket's error, '' for none. */
  closed(connection: UpstreamConnection, error: string): void
}

/** One connection to one instance, of one worker. */
export class UpstreamConnection {
  readonly instance: Instance
  readonly socket: Socket
  exchange: Exchange | null = null
  isConnected = false
  /** Carried at least one whole exchange. */
  isReused = false
  /** Bytes came in the current exchange. */
  hasAnswered = false
  /** Beginning of a response head that is not complete. */
  partial: Buffer | null = null
  /** Its parsed part, while it is not complete. */
  head: ResponseHead | null = null
  idleSinceMs = 0
  errorCode = ''
  /** Was given up by us; its place in the instance's count is free again. */
  isReleased = false

  constructor(instance: Instance, readBuffer: Buffer, events: UpstreamEvents) {
    this.instance = instance
    this.socket = connect({
      host: instance.spec.host,
      port: instance.spec.port,
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (length) => {
          events.received(this, readBuffer, length)
          return true
        },
      },
    })
    this.socket.on('connect', () => {
      this.isConnected = true
      events.connected(this)
    })
    this.socket.on('drain', () => events.drained(this))
    this.socket.on('end', () => events.ended(this))
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.errorCode = error.code ?? 'ERROR'
    })
    this.socket.on('close', () => events.closed(this, this.errorCode))
  }
}
