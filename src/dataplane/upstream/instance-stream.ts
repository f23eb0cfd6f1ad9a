import type { BodyReader } from '../../mechanisms/http1/body.ts'
import type { ResponseHead } from '../../mechanisms/http1/response-head.ts'
import type { Instance } from './instance.ts'

/** Why an instance stream cannot go on. */
export type StreamFailure =
  /** The machine of the gateway has no file descriptor, port or memory left: nobody else's fault. */
  | 'local'
  /** No connection came about; nothing was sent. */
  | 'refused'
  /** It accepted, and then the handshake failed, or it is not who it should be; nothing was sent. */
  | 'tls'
  /** A connection that had carried requests before was closed before a byte of this answer: it says nothing about the instance. */
  | 'stale'
  /** The instance has said that it did not look at the request (RFC 9113 section 8.7): it may be sent again, whatever it is. */
  | 'not-taken'
  | 'reset'
  | 'bad-response'
  | 'head-too-large'

/** Errors of connect(2) that say nothing about the instance. */
export const LOCAL_ERRORS: ReadonlySet<string> = new Set([
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'ENOBUFS',
  'EADDRNOTAVAIL',
  'EAGAIN',
])

/** One request towards an instance. It frames the request and decodes the answer. */
export interface InstanceStream {
  readonly instance: Instance
  /** Decodes the answer's body. */
  readonly body: BodyReader
  /** The connection is open: what is sent goes out. */
  readonly isOpen: boolean
  /** A byte of the answer has come. */
  readonly hasAnswered: boolean

  /**
   * The request as far as it is there, in one write. False: the kernel has not taken all of it, and the bytes belong to the stream until the
   * request is over.
   */
  sendRequest(method: string, bytes: Uint8Array): boolean
  /** More of it, framed already: [start, end) of a buffer that may be kept as above. */
  sendMore(bytes: Buffer, start: number, end: number): boolean
  /** More of the body, as `body` decodes it. A negative HEAD_ERROR, and nothing of [start, end) was sent, where its framing is broken. */
  sendBody(body: BodyReader, bytes: Buffer, start: number, end: number, isChunked: boolean): number
  /** The instance reads slower than the client writes: stop the client until `writable`. */
  readonly isClogged: boolean
  /** Bytes that wait in our memory for the instance; falls as it reads. */
  readonly unsentBytes: number
  pause(): void
  resume(): void

  /** From here on bytes go both ways as they are. */
  openTunnel(): void
  sendRaw(bytes: Buffer, start: number, end: number): void
  /** The client has closed its side of a tunnel: so do we, behind what is queued. */
  endRaw(): void

  /** The exchange is over; the connection is used again where `mayRest` and its own state allow it. Its place is free afterwards. */
  release(mayRest: boolean, nowMs: number): void
  /** The connection ended with an error, not in order. */
  readonly wasReset: boolean
  /** Ends the connection so that the instance sees that the client did not end in order. */
  reset(): void
  /** Gives the request up: the instance is told by a closed connection, so that it can stop working. */
  cancel(): void
}

/** What an instance stream tells the core. `A` is the attempt that it belongs to. */
export interface InstanceEvents<A> {
  /** The connection is there. */
  connected(attempt: A): void
  /** 1xx but 101. */
  interim(attempt: A, head: ResponseHead, bytes: Buffer): void
  /** The final head, or a 101; `bytes` from `start` to `end` is what came behind it. The stream's `body` has begun. */
  head(attempt: A, head: ResponseHead, bytes: Buffer, start: number, end: number): void
  /** More of the body, still framed: read it through the stream's `body`. */
  data(attempt: A, bytes: Buffer, start: number, end: number): void
  /** Bytes in a tunnel. */
  raw(attempt: A, bytes: Buffer, start: number, end: number): void
  /** What was queued for the instance is with the kernel. */
  writable(attempt: A): void
  /** The instance takes nothing more; it may still answer. */
  unwritable(attempt: A): void
  /** The instance has closed its side in order, in the middle of an answer or in a tunnel. */
  ended(attempt: A): void
  /** The connection is gone, or what came is no answer. Before a head: the attempt has failed. */
  failed(attempt: A, failure: StreamFailure, detail: string): void
  /** An event threw: a defect of ours. */
  crashed(attempt: A | null, error: unknown): void
}

/** An instance stream that knows its attempt. */
export interface InstanceOf<A> extends InstanceStream {
  owner: A | null
}
