import type { BodyReader } from '../../mechanisms/http1/body.ts'
import type { Drops } from '../../mechanisms/http1/drops.ts'
import type { RequestHead } from '../../mechanisms/http1/request-head.ts'
import type { ResponseHead } from '../../mechanisms/http1/response-head.ts'
import type { ResponseRewrite } from '../../mechanisms/http1/write-head.ts'
import type { TlsFacts } from '../tls/facts.ts'
import type { ClientListener } from '../listeners/client-listener.ts'

/** Protocol of a client stream, as records and `why` say it. */
export type ClientProtocol = 'http/1.0' | 'http/1.1' | 'http/2' | 'tcp' | 'sub-request'

/** Who is at the other end. */
export interface Peer {
  /** IP address of the client as far as we know: of its proxy's header, else of the socket. */
  readonly address: string
  /** What it says about earlier hops is believed. */
  readonly isTrusted: boolean
  /** Null in the clear. */
  readonly tls: TlsFacts | null
  /** Request fields that are not forwarded. */
  readonly drops: Drops
  /** Lines about this client and the hops before it, each with CR LF; valid until the next call. */
  forwardedLines(head: RequestHead, bytes: Buffer): Uint8Array
}

/** What waits in our memory until its reader takes it. */
export interface Waiting {
  readonly isClogged: boolean
  /** Nothing waits. */
  readonly isFlushed: boolean
  /** Falls as the reader reads. */
  readonly unsentBytes: number
}

/** An answer that the gateway makes itself. */
export interface LocalAnswer {
  readonly status: number
  /** Whole lines with CR LF, without framing and Connection. Latin-1. */
  readonly lines: string
  /** Text is UTF-8. */
  readonly body: string | Buffer
  /** The answer to a HEAD request: the body's length is told, and no body sent. */
  readonly isHead: boolean
}

/**
 * One request of a client, be it on an HTTP/1.1 connection, a raw connection, or a part of a composition that has no client at all. It decodes the
 * request's body and frames the answer; what is in between knows neither.
 */
export interface ClientStream {
  readonly protocol: ClientProtocol
  readonly listener: ClientListener
  readonly peer: Peer
  /** Decodes the request's body. */
  readonly body: BodyReader
  /** A body without a length comes in frames below, not in chunks. */
  readonly isFramedBelow?: true
  /** The other side of it cannot understand chunks and interim answers. */
  readonly isHttp10: boolean
  /** What waits for the client: one that reads slower than the instance writes stops the instance until `writable`. */
  readonly outlet: Waiting

  /** Delivers no more of the request's body until `resume`. */
  pause(): void
  /** What was held back is delivered in a turn of its own, never during this call. */
  resume(): void
  /** The connection cannot carry another request after this one. */
  closeAfterwards(): void
  /** 1xx but 101. */
  sendInterim(head: ResponseHead, bytes: Buffer, rewrite: ResponseRewrite): void
  /** Final head and the first bytes of the body, [start, end), in one write. A negative HEAD_ERROR, and nothing was sent, where the body's framing is broken. */
  sendHead(
    head: ResponseHead,
    bytes: Buffer,
    start: number,
    end: number,
    body: BodyReader,
    rewrite: ResponseRewrite,
  ): number
  /** More of the body. A negative HEAD_ERROR, and nothing of [start, end) was sent, where its framing is broken. */
  sendBody(body: BodyReader, bytes: Buffer, start: number, end: number): number
  /** A body whose end nothing but the end of the instance's connection says has ended. */
  endBody(): void
  sendLocal(answer: LocalAnswer): void
  /** Head of a 101 (none for raw connections), and the bytes behind it; from here on bytes go both ways as they are. */
  openTunnel(
    head: ResponseHead | null,
    bytes: Buffer,
    start: number,
    end: number,
    rewrite: ResponseRewrite | null,
  ): void
  sendRaw(bytes: Buffer, start: number, end: number): void
  /** The instance has closed its side of a tunnel: so do we, behind what is queued. */
  endRaw(): void

  /** The exchange is over: the connection goes on to its next request, or closes in order. */
  release(nowMs: number): void
  /** Ends the connection so that nobody takes half an answer for a whole one. */
  reset(): void
}

/** What a client stream tells the core. `E` is the exchange that it belongs to. */
export interface ClientEvents<E> {
  /** A whole head; `bytes` from `start` to `end` is what came behind it. Returns the position behind what of it was taken of the body. */
  begin(client: ClientOf<E>, head: RequestHead, bytes: Buffer, start: number, end: number): number
  /** A raw connection is there. */
  open(client: ClientOf<E>): void
  /** A head that cannot be understood, or that did not come in time, or a body against the rules of its stream: it is answered, and nothing more is read. */
  refused(client: ClientOf<E>, code: string, detail: string): void
  /** More of the body. Returns the position behind what was taken; the rest is delivered again after `resume`. */
  body(exchange: E, bytes: Buffer, start: number, end: number): number
  /** Bytes in a tunnel. */
  raw(exchange: E, bytes: Buffer, start: number, end: number): void
  /** What was queued for the client is with the kernel. */
  writable(exchange: E): void
  /** The client has closed its side and sends nothing more. */
  ended(exchange: E): void
  /** The connection is gone; `isReset`: not in order. */
  gone(exchange: E, isReset: boolean): void
  /** An event threw: a defect of ours. The exchange, if there is one, is to be ended. */
  failed(client: ClientOf<E>, error: unknown): void
}

/** A client stream that knows its exchange. */
export interface ClientOf<E> extends ClientStream {
  owner: E | null
}
