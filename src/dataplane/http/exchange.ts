import { type BodyReader, createBodyReader } from '../../mechanisms/http1/body.ts'
import type { ExchangeRecord, AttemptEntry } from '../records/record.ts'
import type { EdgeCounters } from '../totals/counters.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import type { Instance } from '../upstream/instance.ts'
import type { Service } from '../upstream/service.ts'
import type { ClientConnection } from './client-connection.ts'

/** Where an exchange is. */
export const PHASE = {
  /** In the pool. */
  free: 0,
  /** Waits for a connection that somebody else uses. */
  pending: 1,
  /** A connection is being opened. */
  connecting: 2,
  /** The head is sent (and the body on its way); nothing of a final response has come. */
  asked: 3,
  /** The response is on its way to the client. */
  answering: 4,
  /** 101: bytes both ways. */
  tunnel: 5,
} as const
export type Phase = (typeof PHASE)[keyof typeof PHASE]

/** First size of an exchange's buffer: a browser's head with a token. */
export const HEAD_ROOM_BYTES = 4096
/** A request larger than this (head and body) cannot be sent a second time. */
export const REPLAY_BYTES_MAX = 64 * 1024

/** One request and its response, from the parsed head to the last byte. Pooled and reused; everything that a request needs is in here. */
export interface Exchange {
  phase: Phase
  /** Rises with each use, so that what was queued for an earlier use is known as stale. */
  turn: number
  /** Place in the worker's list of exchanges in flight. */
  place: number
  client: ClientConnection | null
  upstream: UpstreamConnection | null
  service: Service | null
  instance: Instance | null
  edge: EdgeCounters | null
  record: ExchangeRecord
  attempt: AttemptEntry | null

  requestId: string
  method: string
  isIdempotent: boolean
  clientMinorVersion: 0 | 1
  /** The client's connection may stay open afterwards. */
  keepsAlive: boolean
  /** The client asked to switch protocols. */
  isUpgrade: boolean
  expectsContinue: boolean
  sticky: string
  setsSticky: boolean

  /** The request as it goes upstream: head, and body as long as it fits. */
  out: Buffer
  outEnd: number
  /** The kernel may still read `out`: it must not be used again. */
  isOutLent: boolean
  /** All that was sent is in `out`. */
  isReplayable: boolean
  requestBody: BodyReader
  requestIsChunked: boolean
  responseBody: BodyReader
  responseIsChunked: boolean
  upstreamKeepsAlive: boolean
  /** Head or part of it went to the client. */
  hasAnswered: boolean

  startedMs: number
  /** Monotonic milliseconds at which the request, or 0: as long as the request's body is on its way. */
  totalDeadlineMs: number
  /** The next moment at which something is due. */
  deadlineMs: number
  timeoutMs: number
  readonly tried: Instance[]
  retriesLeft: number
  /** A connection that was open already closed under the request: the next attempt takes a new one. */
  needsFresh: boolean
}

export function createExchange(record: ExchangeRecord): Exchange {
  return {
    phase: PHASE.free,
    turn: 0,
    place: -1,
    client: null,
    upstream: null,
    service: null,
    instance: null,
    edge: null,
    record,
    attempt: null,
    requestId: '',
    method: '',
    isIdempotent: false,
    clientMinorVersion: 1,
    keepsAlive: false,
    isUpgrade: false,
    expectsContinue: false,
    sticky: '',
    setsSticky: false,
    out: Buffer.allocUnsafeSlow(HEAD_ROOM_BYTES),
    outEnd: 0,
    isOutLent: false,
    isReplayable: true,
    requestBody: createBodyReader(),
    requestIsChunked: false,
    responseBody: createBodyReader(),
    responseIsChunked: false,
    upstreamKeepsAlive: false,
    hasAnswered: false,
    startedMs: 0,
    totalDeadlineMs: 0,
    deadlineMs: 0,
    timeoutMs: 0,
    tried: [],
    retriesLeft: 0,
    needsFresh: false,
  }
}

/** Room for `bytes` more behind what is in `out`. */
export function growOut(exchange: Exchange, bytes: number): void {
  const needed = exchange.outEnd + bytes
  if (exchange.out.length >= needed) return
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, exchange.out.length * 2))
  exchange.out.copy(larger, 0, 0, exchange.outEnd)
  exchange.out = larger
  exchange.isOutLent = false
}
