import type { FallbackSpec } from '../../contracts/resilience.ts'
import { PRIORITY, type Priority } from '../../mechanisms/bulkhead-queue/bulkhead-queue.ts'
import { GRPC, type GrpcKind } from '../../mechanisms/grpc/grpc.ts'
import type { RequestHead } from '../../mechanisms/http1/request-head.ts'
import type { Identity } from '../auth/identity.ts'
import type { GrpcWebStream } from '../client/grpc-web-stream.ts'
import type { StaleCache } from '../../mechanisms/stale-cache/stale-cache.ts'
import type { ClientOf } from '../client/client-stream.ts'
import type { PendingDecision, PolicyExchange } from '../policies/policy.ts'
import type { Ticket } from '../policies/ticket.ts'
import { type AttemptEntry, createAttemptEntry, type ExchangeRecord } from '../records/record.ts'
import type { EdgeCounters } from '../totals/counters.ts'
import { type Guarded, TOLD } from '../resilience/breakers.ts'
import type { Admission } from '../upstream/admission.ts'
import type { Instance } from '../upstream/instance.ts'
import type { InstanceOf } from '../upstream/instance-stream.ts'
import type { Service } from '../upstream/service.ts'
import type { Failure } from './decide.ts'
import type { Encoding } from './encoder.ts'
import type { Route } from './routes.ts'
import type { StaleCapture } from './stale-capture.ts'

/** First size of an exchange's buffer: a browser's head with a token. */
export const HEAD_ROOM_BYTES = 4096
/** A request larger than this (head and body) cannot be sent a second time. */
export const REPLAY_BYTES_MAX = 64 * 1024

/** Where an attempt is. */
export const ATTEMPT = {
  /** Not in use, or it has come to its end. */
  over: 0,
  /** Waits for a connection that somebody else uses. */
  waiting: 1,
  /** A while before it tries again, after an attempt that failed. */
  pausing: 2,
  /** A connection is being opened. */
  connecting: 3,
  /** The head is sent (and the body on its way); nothing of a final answer has come. */
  sent: 4,
  /** The answer is on its way to the client. */
  answering: 5,
  /** Bytes both ways. */
  tunnel: 6,
} as const

interface AttemptBase extends Guarded {
  readonly exchange: Exchange
  /** In the record of the exchange: written, never read. */
  entry: AttemptEntry
  startedMs: number
  /** The next moment at which something is due: a connection, the answer's head, the next byte. */
  deadlineMs: number
  /** How much of the exchange's request was sent. */
  sentEnd: number
  /** What waited for the instance when that was looked at last: one that reads slowly moves on. */
  unsentBefore: number
  /** Its failure was counted against the instance: one failure counts once. */
  isBlamed: boolean
}

/** It has no instance: it is over, or waits for one, or for its time. */
export interface UnboundAttempt extends AttemptBase {
  state: typeof ATTEMPT.over | typeof ATTEMPT.waiting | typeof ATTEMPT.pausing
  instance: null
  stream: null
}

/** It has an instance, and a stream towards it. */
export interface BoundAttempt extends AttemptBase {
  state:
    | typeof ATTEMPT.connecting
    | typeof ATTEMPT.sent
    | typeof ATTEMPT.answering
    | typeof ATTEMPT.tunnel
  instance: Instance
  stream: InstanceOf<Attempt>
}

/** One try at one instance. Pooled with its exchange; `attempt-states.ts` moves it from state to state. */
export type Attempt = UnboundAttempt | BoundAttempt

/** Where an exchange is. */
export const PHASE = {
  /** In the pool. */
  free: 0,
  /** A policy has not decided yet. */
  pending: 1,
  /** Attempts are under way; nothing of a final answer went to the client. */
  asking: 2,
  /** A final head went to the client. */
  answering: 3,
  /** Bytes both ways. */
  tunnel: 4,
  /** All of the answer was written, and some of it waits for the client to read. */
  flushing: 5,
} as const

/** One request and its answer, from the parsed head to the last byte. Pooled and reused; everything that a request needs is in here. */
export interface Exchange extends Guarded {
  phase: (typeof PHASE)[keyof typeof PHASE]
  /** Rises with each use, so that what was begun for an earlier use is known as stale. */
  turn: number
  /** Place in the worker's list of exchanges in flight. */
  place: number
  client: ClientOf<Exchange>
  /** Null where no route led to one. */
  service: Service<Attempt> | null
  /** Null at outbound listeners. */
  route: Route | null
  edge: EdgeCounters | null
  readonly record: ExchangeRecord
  /** Two at a time when hedging: the second one runs beside the first. */
  readonly first: Attempt
  readonly second: Attempt

  method: string
  /** False: it is one more than gateway.limits.requests. */
  isAdmitted: boolean
  isIdempotent: boolean
  /** What kind of call it is, if it is one. */
  grpc: GrpcKind
  /** The client's side where it speaks gRPC-web and the instance gRPC: then it is `client`. */
  web: GrpcWebStream<Exchange> | null
  /** How long its caller waits, -1 where that was not said. */
  callTimeoutMs: number
  /** The client asked to switch protocols. */
  isUpgrade: boolean
  expectsContinue: boolean
  /** The body goes to the instance in chunks. */
  isChunked: boolean
  /** One side of a tunnel has closed in order. */
  isHalfClosed: boolean
  /** Raw bytes without a head: a tunnel as soon as there is a connection. */
  isRaw: boolean
  sticky: string
  setsSticky: boolean
  /** Of the key that hashed balancing goes by, -1 for none. */
  hash: number
  /** The subset of instances that it is for; null: any. */
  subset: string | null

  /** The request as it goes to the instance: head, and body as long as it fits. */
  out: Buffer
  outEnd: number
  /** [0, outEnd) of `out`, as it was sent last: requests of one client are often of one length, and making a view costs more than keeping it. */
  outView: Uint8Array
  /** The kernel may still read `out`: it must not be used again. */
  isOutLent: boolean
  /** All that was sent is in `out`. */
  isReplayable: boolean

  startedMs: number
  /** Monotonic milliseconds at which the request must have its answer, or 0: as long as the request's body is on its way. */
  totalDeadlineMs: number
  timeoutMs: number
  /** When a policy that decides later is given up, or a client that does not read the end of its answer. */
  deadlineMs: number
  /** What waited for the client when that was looked at last: one that reads slowly moves on. */
  unsentBefore: number
  /** Bytes of the answer's body that were given to the client. */
  sentBytes: number
  readonly tried: Instance[]
  retriesLeft: number
  /** How often it was tried before it came here, and this time: 1 for the first time. */
  cameAs: number
  /** The wait before the last further attempt, milliseconds. */
  pausedMs: number
  /** An instance may have seen something of it. */
  wasTried: boolean
  /** What still may stand in for its service; null: nothing. */
  fallback: FallbackSpec | null
  /** The last answers of its service, where they may stand in; null: none do. */
  stale: StaleCache | null
  /** The answer that is being kept; null: none is. */
  capture: StaleCapture | null
  /** Who it is served before, and shed after. */
  priority: Priority
  /** Where it counts in flight; null: nowhere, or it waits for that. */
  admission: Admission<Attempt> | null
  /** Its place in the queue of its service's admission, -1: it is in none. */
  queuePlace: number
  /** When it was admitted, and how many were in flight then. */
  admittedMs: number
  admittedAs: number
  /** When a second attempt begins beside the first one; Infinity: never. */
  hedgeAtMs: number
  /** What the answer will be if there is no further attempt after a pause. */
  failure: Failure | null
  failureDetail: string
  /** Where the head for the instance ends in `out`, before its empty line; behind it stands how often it was tried. */
  headEnd: number
  triesLineLength: number
  /** A connection that was open already closed under the request: the next attempt takes a new one. */
  needsFresh: boolean
  /** Lines that policies add to the answer, and to the request for the instance. */
  responseLines: string
  requestLines: string
  /** What a policy has made of its path and query; '' and undefined: nothing. */
  rewrittenPath: string
  rewrittenQuery: string | undefined
  /** With what its answer is encoded, '' for nothing; and the encoder once the head is out. */
  encoding: PolicyExchange['encoding']
  encodes: Encoding | null
  /** Service that gets a copy of it, '' for none. */
  mirrorTo: string
  /** Where limits count it in flight. */
  readonly flightPlaces: number[]
  /** Who calls, as a policy has found out. */
  identity: Identity | null
  /** How many policies have seen the request: they are told of its end. */
  policiesRan: number
  /** While a policy decides: the request's head, which nobody else keeps, and what the policy said in the end. */
  heldHead: RequestHead | null
  heldBytes: Buffer | null
  ticket: Ticket | null
  decision: PendingDecision | null
}

const NOT_GUARDED: Guarded = { permit: 0, slowAtMs: Infinity, told: TOLD.failed }

/** An exchange for the pool. `client` is set before it is used. */
export function createExchange(record: ExchangeRecord): Exchange {
  return withAttempts({
    phase: PHASE.free,
    turn: 0,
    place: -1,
    client: NO_CLIENT,
    service: null,
    route: null,
    edge: null,
    record,
    first: null as unknown as Attempt,
    second: null as unknown as Attempt,
    method: '',
    isAdmitted: true,
    isIdempotent: false,
    grpc: GRPC.none,
    web: null,
    callTimeoutMs: -1,
    isUpgrade: false,
    expectsContinue: false,
    isChunked: false,
    isRaw: false,
    isHalfClosed: false,
    sticky: '',
    setsSticky: false,
    hash: -1,
    subset: null,
    out: Buffer.allocUnsafeSlow(HEAD_ROOM_BYTES),
    outEnd: 0,
    outView: NO_BYTES,
    isOutLent: false,
    isReplayable: true,
    startedMs: 0,
    totalDeadlineMs: 0,
    timeoutMs: 0,
    deadlineMs: Infinity,
    unsentBefore: 0,
    sentBytes: 0,
    tried: [],
    retriesLeft: 0,
    cameAs: 1,
    pausedMs: 0,
    wasTried: false,
    fallback: null,
    stale: null,
    capture: null,
    priority: PRIORITY.normal,
    admission: null,
    queuePlace: -1,
    admittedMs: 0,
    admittedAs: 0,
    hedgeAtMs: Infinity,
    failure: null,
    failureDetail: '',
    headEnd: 0,
    triesLineLength: 0,
    ...NOT_GUARDED,
    needsFresh: false,
    ...noPolicies(),
  })
}

function withAttempts(exchange: Mutable<Exchange>): Exchange {
  const entry = createAttemptEntry()
  exchange.first = createAttempt(exchange, entry)
  exchange.second = createAttempt(exchange, entry)
  return exchange
}

/** What policies leave in an exchange, before any has run. */
function noPolicies() {
  return {
    responseLines: '',
    requestLines: '',
    rewrittenPath: '',
    rewrittenQuery: undefined,
    encoding: '' as const,
    encodes: null,
    mirrorTo: '',
    flightPlaces: [],
    identity: null,
    policiesRan: 0,
    heldHead: null,
    heldBytes: null,
    ticket: null,
    decision: null,
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const NO_BYTES = new Uint8Array(0)

/** Stands for "none" in the pool, so that nobody who has an exchange must ask. */
const NO_CLIENT = null as unknown as ClientOf<Exchange>

function createAttempt(exchange: Exchange, entry: AttemptEntry): Attempt {
  return {
    exchange,
    entry,
    state: ATTEMPT.over,
    instance: null,
    stream: null,
    startedMs: 0,
    deadlineMs: Infinity,
    sentEnd: 0,
    unsentBefore: 0,
    isBlamed: false,
    ...NOT_GUARDED,
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

/**
 * Says in the request how often it was tried: `x-request-attempt: 2` and so on, so that whoever it leads to does not try again as often itself. In a buffer of its
 * own, since the kernel may still read the one before.
 */
export function writeTries(exchange: Exchange, tries: number): void {
  const { out, outEnd, headEnd, triesLineLength } = exchange
  const line = Buffer.from(`x-request-attempt: ${tries}\r\n`, 'latin1')
  const next = Buffer.allocUnsafeSlow(outEnd - triesLineLength + line.length)
  out.copy(next, 0, 0, headEnd)
  line.copy(next, headEnd)
  out.copy(next, headEnd + line.length, headEnd + triesLineLength, outEnd)
  exchange.out = next
  exchange.outEnd = next.length
  exchange.triesLineLength = line.length
  exchange.isOutLent = false
}

/** What there is of the request, as one write takes it. */
export function viewOfOut(exchange: Exchange): Uint8Array {
  const { out, outEnd, outView } = exchange
  if (outView.length === outEnd && outView.buffer === out.buffer) return outView
  exchange.outView = out.subarray(0, outEnd)
  return exchange.outView
}
