import type { ProblemError } from '../../problem.ts'

/** One request, whole: its body has come. */
export interface LeanRequest {
  readonly method: string
  /** As it was sent, percent-encoded, without the query. */
  readonly path: string
  /** Behind the question mark, as it was sent. */
  readonly query: string
  readonly address: string
  readonly body: Buffer
  /** One of `keptFields`, all its values joined by ', '; '' where the request has none. */
  field(name: string): string
}

/** What a request is answered with, whole. */
export interface LeanAnswer {
  readonly status: number
  /** '': none is said. */
  readonly contentType: string
  readonly fields?: readonly (readonly [name: string, value: string])[]
  readonly body: string | Uint8Array
}

/** A request and its answer, which may come much later. */
export interface LeanExchange {
  readonly request: LeanRequest
  /** Set by who waits: called once, when the client has left before the answer. */
  whenGone: (() => void) | undefined
  /** It was answered, or nobody is there any more. */
  readonly isOver: boolean
  /** Once. Does nothing when nobody is there any more. */
  answer(answer: LeanAnswer): void
}

/** Bounds of a lean listener. */
export interface LeanLimits {
  readonly connectionsMax: number
  /** Connections of one address without a request under way. */
  readonly silentPerAddressMax: number
  readonly headBytesMax: number
  readonly requestLineBytesMax: number
  readonly headersMax: number
  /** Bodies that are on their way, of all connections. */
  readonly bodiesBytesMax: number
  /** Answers that clients have not read yet, of all connections; beyond it the one that has waited longest is cut off. */
  readonly unreadBytesMax: number
  /** From the first byte of a request to its last. */
  readonly requestMs: number
  /** An open connection without a request. */
  readonly idleMs: number
  /** A client that has not read its answer by then is cut off; large answers have longer, by 16 KiB a second. */
  readonly readMs: number
  /** What is under way when the listener closes has so long. */
  readonly drainMs: number
}

/** What holds where a capability does not say more. */
export const LEAN_LIMITS: LeanLimits = {
  connectionsMax: 20_000,
  silentPerAddressMax: 1_000,
  headBytesMax: 32 * 1024,
  requestLineBytesMax: 16 * 1024,
  headersMax: 64,
  bodiesBytesMax: 64 * 1024 * 1024,
  unreadBytesMax: 128 * 1024 * 1024,
  requestMs: 30_000,
  idleMs: 600_000,
  readMs: 30_000,
  drainMs: 2_000,
}

/** HTTP on our own codec, for listeners at which thousands of requests wait. */
export interface LeanOptions {
  /** Must answer the exchange at some time, or drop it when its client is gone. */
  handle(exchange: LeanExchange): void
  /** Lower-case names of fields that requests are asked for; all others are forgotten. */
  readonly keptFields: readonly string[]
  /** The largest body that such a request may have. */
  bodyBytesMax(method: string, path: string): number
  /** How the protocol tells what this layer refuses. */
  failure(problem: ProblemError): LeanAnswer
  /** Host names that it answers to, besides localhost and addresses. */
  readonly hosts: readonly string[]
  /** The section of the file where its hosts are. */
  readonly section: string
  /** The capability asks every request for credentials: without that the listener does not open beyond loopback. */
  readonly demandsCredentials: boolean
  readonly limits?: Partial<LeanLimits>
}
