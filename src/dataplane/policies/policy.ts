import type { QuotaNotes } from './quota-notes.ts'
import type { InFlight } from '../shared/in-flight.ts'
import type { ClientCertificate } from '../tls/client-certificate.ts'
import type { ContentEncoding } from '../../mechanisms/content-encoding/content-encoding.ts'
import type { ResponseHead } from '../../mechanisms/http1/response-head.ts'
import type { AuthGround } from '../auth/ground.ts'
import type { Identity } from '../auth/identity.ts'

/** What a policy says of a request. Small integers: the chain runs once a request. */
export const VERDICT = {
  /** The next policy, and behind the last one the instance. */
  go: 0,
  /** The request is answered by the gateway: `exchange.answer` holds what. */
  answer: 1,
  /**
   * The decision comes later: the policy calls `resume` of the ticket that it took. By then the exchange owns the bytes of its request, so nothing
   * that a policy was given before may be kept: only the ticket and what it has copied.
   */
  pending: 2,
} as const
export type Verdict = (typeof VERDICT)[keyof typeof VERDICT]

/** An answer that the gateway makes itself. A `code` of REASONS gives status and a problem body (RFC 9457). */
export interface LocalReply {
  readonly code: string
  /** One sentence with the values that decided; it is in the body, in the record and in `why`. */
  readonly detail: string
  /** In the body in place of `detail`, where the reason is the operator's business and not the client's. */
  readonly told?: string
  /** More field lines, each with CR LF. */
  readonly lines?: string
  /**
   * In place of the problem body, for answers that are no errors (`redirect`, `respond`, a preflight): then `code` is only recorded, '' for none. A
   * `contentType` of '' is no field; a status of 204 or 304 has neither body nor Content-Length.
   */
  readonly plain?: {
    readonly status: number
    readonly contentType: string
    /** Text is UTF-8. */
    readonly body: string | Buffer
  }
}

/** What a policy may look at and change of one request. Valid during the call only. */
export interface PolicyExchange {
  readonly method: string
  /** Normalised path (one spelling), without query; '*' for OPTIONS *. */
  readonly path: string
  /** Query with its '?', '' for none. */
  readonly query: string
  /** Host name of the request: lower case, without port. */
  readonly hostname: string
  /** Host as received, with port. */
  readonly host: string
  /** `http` or `https`, as the client sees it: of a trusted proxy its X-Forwarded-Proto. */
  readonly scheme: string
  /** Of the client: an IP address in its canonical form, without brackets. */
  readonly address: string
  /**
   * What the client has shown in the handshake of its connection, believed or not (`authorities`); null where it has shown none or came in the clear. May be kept: it
   * lives as long as its connection.
   */
  readonly clientCertificate: ClientCertificate | null
  /** The client was asked for one. Where it was not, 421 (`ERR_GATEWAY_CLIENT_NOT_ASKED`) makes it come again on a connection for this host. */
  readonly isClientAsked: boolean
  readonly routeId: string
  /** Monotonic milliseconds. */
  readonly nowMs: number
  /** Value of a request field; several lines joined by ", ". */
  header(lowerName: string): string | undefined
  /** Who calls, as `auth` has found out; null where nobody has asked. */
  identity: Identity | null
  /** Path that goes to the service in place of the one that came; '' for none. Normalised. */
  rewrittenPath: string
  /** Query that goes with it, or with the path that came; undefined: as it came. */
  rewrittenQuery: string | undefined
  /** With what the answer is encoded; '' for nothing. Said by `request`, and taken back by `response`. */
  encoding: ContentEncoding | ''
  /** Service that gets a copy; '' for none. */
  mirrorTo: string
  /** Counts the request in flight at this place (see InFlight) until it ends, however that is. */
  holdFlight(place: number): void
  /** The kind of the policy that is running: the chain says it, for `note`. */
  policy: string
  /** Set before `VERDICT.answer` is returned. */
  answer: LocalReply | undefined
  /** Field lines (with CR LF) that are added to the answer, whoever makes it. Policies append. */
  responseLines: string
  /** Field lines (with CR LF) that are added to the request that goes to the instance. Policies append. */
  requestLines: string
  /** One line for `why`: what this policy decided and by which values. Called at most once a policy and request. */
  note(decision: string): void
  /**
   * For a policy that then returns `VERDICT.pending`, once a call: the request waits until the ticket is resumed. `cancelled` is called at most once,
   * when nobody waits any more and the work for it can stop.
   */
  suspend(cancelled: (why: TicketEnd) => void): PolicyTicket
}

/** Why a request does not wait for its policy any more. */
export type TicketEnd = 'client-gone' | 'deadline'

/** What a pending policy holds on to. */
export interface PolicyTicket {
  /** The request still waits. */
  readonly isOpen: boolean
  /** Goes on with the request, once. False: it was resumed before or does not wait any more, and nothing happens. */
  resume(decision: PendingDecision): boolean
}

/** What a pending policy says in the end: to go on, with lines that are added, or to answer. */
export type PendingDecision =
  | {
      readonly verdict: typeof VERDICT.go
      readonly requestLines?: string
      readonly responseLines?: string
      readonly identity?: Identity
      readonly note?: string
    }
  | { readonly verdict: typeof VERDICT.answer; readonly answer: LocalReply; readonly note?: string }

/** One policy of one route, compiled from its specification. Holds no state of a request; what it counts lives in shared memory. */
export interface Policy {
  /** Its key in the table, as the configuration says it. */
  readonly kind: string
  /** Fields of requests that never go to the instance, by lower-case name. Read once, when the route is compiled. */
  readonly dropsRequestFields?: readonly string[]
  /** Fields of answers that never go to the client, by lower-case name. Read once, when the route is compiled. */
  readonly dropsResponseFields?: readonly string[]
  /** Lines (with CR LF) that every request to the instance gets. Read once, when the route is compiled. */
  readonly fixedRequestLines?: string
  /** Lines (with CR LF) that every answer of an instance gets. Read once, when the route is compiled. */
  readonly fixedResponseLines?: string
  /** Before the instance is chosen. */
  request?(exchange: PolicyExchange): Verdict
  /** When the head of the instance's answer is there and nothing of it was sent. May append to `responseLines`. */
  response?(exchange: PolicyExchange, head: ResponseHead, bytes: Uint8Array): void
  /** However the request ended; each policy whose `request` was called gets exactly one call. `status` 0: none was sent. */
  end?(status: number, durationMs: number): void
}

/** What policies are compiled with: one worker's view of what all workers share. */
export interface PolicyGround {
  readonly workers: number
  /** Token buckets that all workers share, by a key of any length. */
  readonly buckets: SharedBuckets
  readonly auth: AuthGround
  readonly flights: InFlight
  readonly quotas: Pick<QuotaNotes, 'note'>
  /** 0 up to (not including) 1; not for secrets. */
  readonly random: () => number
}

/**
 * Token buckets in shared memory, exact over all workers: one compare-and-set a request. The table has a fixed number of places; a key whose places are
 * all in use by fuller buckets takes over the one that would be full again first (what it loses is a refill).
 */
export interface SharedBuckets {
  /**
   * Takes one token from the bucket of `key` in `scope` (a route, for instance), which holds `burst` and fills with `perSecond`. `nowMs` is monotonic and the same clock
   * in all workers. The result is the same record at each call.
   */
  take(scope: number, key: string, perSecond: number, burst: number, nowMs: number): BucketResult
  /** The same for a sliding window of `windowMs`, in which `requests` may come. */
  takeInWindow(
    scope: number,
    key: string,
    requests: number,
    windowMs: number,
    nowMs: number,
  ): BucketResult
  /** Counts one request of `key` in a numbered period in which `requests` may come. How many have come with it; -1: no more may. */
  takeQuota(scope: number, key: string, requests: number, period: number): number
  /** What was counted before this process: the count of the period is at least this. */
  raiseQuota(scope: number, key: string, period: number, used: number): void
}

export interface BucketResult {
  isTaken: boolean
  /** Whole tokens that are left. */
  remaining: number
  /** Milliseconds until one token is there (0 when one is left), and until the bucket is full. */
  retryAfterMs: number
  fullAfterMs: number
}
