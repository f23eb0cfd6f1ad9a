import type { BalanceSpec } from './balance.ts'
import type { GatewayLimits } from './gateway-limits.ts'
import type { OutlierPolicy } from '../mechanisms/ejection/outliers.ts'
import type { HedgePolicy } from '../mechanisms/hedging/hedging.ts'
import type { CertificateOp, HttpsSpec, TlsSpec } from './certificates.ts'
import type { IssuerOp, KeyWantedMessage } from './issuers.ts'
import type { QuotaMessage, QuotaOp, QuotaRow } from './quotas.ts'
import type { PolicySpec } from './policies.ts'
import type {
  BreakerSpec,
  ConcurrencySpec,
  FallbackSpec,
  PriorityName,
  RetrySpec,
  ResilienceMessage,
} from './resilience.ts'

/**
 * What control and data say to each other over the local socket, and nothing else.
 *
 * A frame is a 4-byte big-endian length and that many bytes of UTF-8 JSON (one `ToData` or `FromData`).
 * Data listens, control connects. Data says `hello` first; control answers with an `update` that has `reset: true`
 * and carries everything, then sends deltas. Every update is applied as a whole by every worker, in order of its version,
 * and acknowledged once by `applied`. Data keeps serving the last version when control goes away.
 */
export const FRAME_BYTES_MAX = 64 * 1024 * 1024

/** Control to data. */
export type ToData =
  | UpdateMessage
  /** Asks for the record of one request; answered by `answer` with a `RequestRecord` or null. */
  | { readonly type: 'why'; readonly ask: number; readonly requestId: string }
  /** Asks for the newest finished requests, newest first; answered with `RequestRecord[]`. */
  | {
      readonly type: 'recent'
      readonly ask: number
      readonly limit: number
      /** Only requests that the gateway answered itself or that ended with 5xx. */
      readonly onlyFailed: boolean
    }

export interface UpdateMessage {
  readonly type: 'update'
  readonly version: number
  /** What is not named in this update does not exist any more. Applied as a difference: pools and statistics of what stays are kept. */
  readonly reset?: true
  readonly ops: readonly SnapshotOp[]
}

export type SnapshotOp =
  /** Replaces all listeners, routes and limits. */
  | { readonly op: 'gateway'; readonly gateway: GatewaySpec }
  | { readonly op: 'service'; readonly service: ServiceSpec }
  | { readonly op: 'service-gone'; readonly service: string }
  /** Adds an instance or replaces the one with the same id. */
  | { readonly op: 'instance'; readonly instance: InstanceSpec }
  /**
   * Out of rotation: no new request. Those in flight end in peace; then `drained` is reported with the same `removal`, which is a number
   * that this instance never had before, also not from a former control plane. Also of an instance that is out already: answered when
   * everything of its earlier removals has ended. Without a number nobody waits.
   */
  | {
      readonly op: 'instance-gone'
      readonly service: string
      readonly id: string
      readonly removal?: number
    }
  | CertificateOp
  | IssuerOp
  | QuotaOp

export interface GatewaySpec {
  readonly listeners: readonly ListenerSpec[]
  readonly routes: readonly RouteSpec[]
  readonly limits: GatewayLimits
  /** CIDR blocks whose X-Forwarded-*, Forwarded and PROXY protocol are believed. */
  readonly trustedProxies: readonly string[]
  /** Host names, besides those of routes, that listeners on loopback answer to; `*` for every one. */
  readonly hosts: readonly string[]
  /** Share of new traces that are marked as sampled, 0 to 1. */
  readonly traceSampleRate: number
  readonly https: HttpsSpec
}

export type ListenerSpec =
  /** Where clients come in; routes decide. */
  | {
      readonly kind: 'gateway'
      readonly id: string
      readonly host: string
      readonly port: number
      /** Every connection must begin with a PROXY protocol header (v1 or v2). */
      readonly proxyProtocol: boolean
      /** Absent: in the clear. */
      readonly tls?: TlsSpec
    }
  /** The outbound listener of one edge: all of its requests go to `service`. Loopback only. */
  | {
      readonly kind: 'outbound'
      readonly id: string
      readonly host: string
      readonly port: number
      readonly caller: string
      readonly service: string
    }
  /** Raw bytes to one instance of `service` a connection. */
  | {
      readonly kind: 'tcp'
      readonly id: string
      readonly host: string
      readonly port: number
      readonly route: string
      readonly service: string
      readonly proxyProtocol: boolean
    }

export interface RouteSpec {
  /** Stable name of the route: the configured one, or its host and path. */
  readonly id: string
  /** `backplane.yaml:12`: the line that `backplane why` names. */
  readonly source: string
  /** Lower case, without port; `*.example.com` matches one or more labels. Empty: any host. */
  readonly hosts: readonly string[]
  /** Exact, with `{param}` and `*` (one segment) and a final `**` (any rest, also none). */
  readonly path: string
  /** Upper case. Empty: any. */
  readonly methods: readonly string[]
  /** Lower-case name to exact value, or `*` for "present". */
  readonly headers: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  /** One entry, or a weighted split; none where a policy answers. */
  readonly to: readonly { readonly service: string; readonly weight: number }[]
  /** Removed from the front of the path before it goes upstream, '' for none. */
  readonly stripPrefix: string
  /** Total deadline of the request; 0 takes the service's. */
  readonly timeoutMs: number
  /** Of its requests, where a trusted caller says nothing else; without it normal. */
  readonly priority?: PriorityName
  /** Its clients must show a certificate, by one of these authorities; none named: by any that is believed. */
  readonly clientCertificate?: { readonly authorities: readonly string[] }
  /** What happens to its requests besides routing; they run in the order of their kinds. */
  readonly policies: readonly PolicySpec[]
}

export interface ServiceSpec {
  readonly name: string
  readonly source: string
  /** What its instances speak: HTTP/1.1, or HTTP/2 without TLS and with prior knowledge. */
  readonly protocol?: 'http1' | 'h2c'
  /** With TLS; `name` is what a certificate must say, '' for the address of the instance. */
  readonly tls?: { readonly name: string }
  readonly balance: BalanceSpec
  /** Deadlines, all in milliseconds. `timeoutMs` spans all attempts until the response head. */
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  /** Until the response head of one attempt. */
  readonly attemptTimeoutMs: number
  readonly retry: RetrySpec
  readonly ejection: {
    /** Consecutive failures (connect error, deadline of an attempt, broken answer, 502/503/504) that eject an instance; 0: never. */
    readonly failures: number
    /** First ejection; doubles with each following one. */
    readonly baseMs: number
    readonly maxMs: number
    /** At most this share of a service's instances is ejected at a time, but always at least one. */
    readonly shareMax: number
  }
  /** Instances that are slow, or fail, compared with the others are ejected; without it none is. */
  readonly outliers?: OutlierPolicy
  /** When a second attempt runs beside the first one; without it none does. */
  readonly hedge?: HedgePolicy
  /** What stands in where the service cannot serve a request. */
  readonly fallback?: FallbackSpec
  /** How many requests may be in flight; without it as many as there are connections. */
  readonly concurrency?: ConcurrencySpec
  /** When calls are not even tried any more; without it they always are. */
  readonly breaker?: BreakerSpec
  /** Open connections to one instance, over all workers. Beyond it requests wait. */
  readonly connectionsPerInstanceMax: number
  /** Requests that wait for a connection, a worker. Beyond it 503. */
  readonly pendingMax: number
}

export interface InstanceSpec {
  readonly service: string
  readonly id: string
  readonly host: string
  readonly port: number
  /** 1 to 1000. */
  readonly weight: number
  /** Priority level, 0 (or absent) to 15: those of a greater one get what the others can not take. */
  readonly level?: number
  /** Used only where nobody else is left. */
  readonly isBackup?: true
  /** Value of the label that requests choose by. */
  readonly subset?: string
}

/** Data to control. */
export type FromData =
  | {
      readonly type: 'hello'
      readonly pid: number
      readonly workers: number
      /** Version that every worker has applied; 0 when there is none yet. */
      readonly version: number
      /** What is routed now, so that a new control plane does not take a living instance out of rotation. */
      readonly routed: readonly { readonly service: string; readonly id: string }[]
      /** What quotas have counted in this data process. */
      readonly quotas?: readonly QuotaRow[]
    }
  /** Every worker has applied `version`; `listeners` says what could be opened and what not. */
  | {
      readonly type: 'applied'
      readonly version: number
      readonly listeners: readonly ListenerStatus[]
    }
  /** No worker has a request in flight that the instance had before this removal of it. Negative: not a removal of control's. */
  | {
      readonly type: 'drained'
      readonly service: string
      readonly id: string
      readonly removal: number
    }
  | TotalsMessage
  | ResilienceMessage
  | KeyWantedMessage
  | QuotaMessage
  | { readonly type: 'answer'; readonly ask: number; readonly body: unknown }

/** Every second: the rows that changed, with totals since this data process started, in one or a few messages of bounded size. */
export interface TotalsMessage {
  readonly type: 'totals'
  readonly atMs: number
  /** Forget what was told before: from here on every row is told again. After `hello`, over as many seconds as it takes. */
  readonly reset?: true
  /** Another message of the same second follows. */
  readonly more?: true
  readonly edges: readonly EdgeTotals[]
  readonly instances: readonly InstanceTotals[]
  readonly process: DataTotals
}

/** The name of the row on which counts what is beyond a limit of rows: caller, route and service of an edge, service and id of an instance. */
export const TOTALS_OTHER = '(other)'

export interface ListenerStatus {
  readonly id: string
  readonly host: string
  /** The real port, also where the specification said 0. */
  readonly port: number
  /** Empty when the listener is open. */
  readonly error: string
}

/** Upper bounds of the latency buckets in milliseconds; the last bucket is +Inf. */
export const LATENCY_BOUNDS_MS = [
  0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1_000, 1_500,
  2_000, 3_000, 5_000, 7_500, 10_000, 20_000, 30_000, 60_000,
] as const

export interface EdgeTotals {
  /** The calling service, or '' for a client at the gateway. */
  readonly caller: string
  /** Route id, or '' at an outbound listener. */
  readonly route: string
  /** Called service, or '' when no route matched. */
  readonly service: string
  /** Requests by status class: index 0 is "no status was sent", 1 to 5 are 1xx to 5xx. */
  readonly statuses: readonly number[]
  /** Answers that the gateway made itself, by reason code. */
  readonly reasons: Readonly<Record<string, number>>
  readonly retries: number
  readonly requestBytes: number
  readonly responseBytes: number
  /** One count a bucket, not cumulative; `LATENCY_BOUNDS_MS.length + 1` of them. Time until the last byte of the response. */
  readonly latencyCounts: readonly number[]
  readonly latencySumMs: number
  readonly inFlight: number
}

export interface InstanceTotals {
  readonly service: string
  readonly id: string
  readonly statuses: readonly number[]
  /** Attempts that failed without a usable answer. */
  readonly failures: number
  readonly inFlight: number
  readonly connections: number
  readonly latencyCounts: readonly number[]
  readonly latencySumMs: number
  /** Unix ms until which at least one worker has ejected it; 0: not ejected. */
  readonly ejectedUntilMs: number
}

/** Open at this moment: HTTP/2 connections of clients, and requests on them. */
export interface Http2Totals {
  readonly connections: number
  readonly streams: number
}

export interface DataTotals {
  readonly connections: readonly number[]
  /** Those of `connections` that speak HTTP/2, over all workers. */
  readonly http2?: Http2Totals
  readonly requests: readonly number[]
  /** Connections refused or requests rejected, by the name of the limit. */
  readonly limited: Readonly<Record<string, number>>
  /** TLS handshakes by what came of them: a version, with ` resumed` where a session was continued, or why there is no connection. */
  readonly handshakes: Readonly<Record<string, number>>
  /** Lines that were dropped because the disk did not keep up, and lines that it refused. */
  readonly accessLogDropped: number
  readonly accessLogLost: number
  /** Finished requests that telemetry was not told of, because it did not keep up or was away. */
  readonly recordsDropped: number
}

/** What `backplane why` tells of one request. Times are milliseconds since `startedAtMs`. */
export interface RequestRecord {
  readonly requestId: string
  /** Hexadecimal digits as in `traceparent`: the trace, the gateway's span, and the span of the caller, '' where there was none. */
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly isSampled: boolean
  readonly startedAtMs: number
  readonly worker: number
  readonly listener: string
  readonly caller: string
  readonly client: string
  /** `http/1.1`, `http/1.0`, `tcp`, ... */
  readonly protocol: string
  /** `TLSv1.3`, or `TLSv1.3 resumed`; '' in the clear. */
  readonly tls: string
  readonly method: string
  readonly host: string
  readonly target: string
  readonly route: string
  readonly routeSource: string
  readonly service: string
  readonly serviceSource: string
  readonly algorithm: string
  readonly status: number
  /** Reason code where the gateway made the answer, else ''. */
  readonly reason: string
  /** One sentence with the values that decided. */
  readonly detail: string
  readonly version: number
  /** How long it waited for a connection. */
  readonly queueMs: number
  readonly durationMs: number
  readonly requestBytes: number
  readonly responseBytes: number
  /** Backplane itself failed while it served this request. */
  readonly hasDefect: boolean
  readonly policies: readonly PolicyRecord[]
  readonly attempts: readonly AttemptRecord[]
}

/** What one policy decided about a request. */
export interface PolicyRecord {
  readonly policy: string
  readonly decision: string
  /** What it was about, such as what is left of a limit. */
  readonly value: number
}

export interface AttemptRecord {
  readonly instance: string
  readonly address: string
  /** Instances that could be chosen, and those left out because they are ejected or were tried before. */
  readonly candidates: number
  readonly excluded: number
  /** Why this one, as the algorithm says it: `ewma 3.1 ms x 3 beat orders-2 (8.0 ms x 2)`. */
  readonly choice: string
  readonly startedMs: number
  readonly connectedMs: number
  readonly answeredMs: number
  /** `answered`, or what went wrong: `connect-refused`, `connect-timeout`, `attempt-timeout`, `reset`, `bad-response`, ... */
  readonly outcome: string
  readonly status: number
}
