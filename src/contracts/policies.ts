import type { ContentEncoding } from '../mechanisms/content-encoding/content-encoding.ts'
import type { QuotaPeriod } from './quotas.ts'
import type { AuthSpec } from './auth.ts'

/**
 * Policies of a route, as control tells them to data: plain data by kind. This is the one place that names the kinds; settings, data plane and docs have
 * to follow, or they do not compile. The order of the kinds here is the order in which they run.
 */
export interface PolicySpecs {
  readonly cors: CorsSpec
  readonly ip: IpSpec
  readonly limit: LimitSpec
  readonly auth: AuthSpec
  readonly quota: QuotaSpec
  readonly fault: FaultSpec
  readonly headers: HeadersSpec
  readonly rewrite: RewriteSpec
  readonly mirror: MirrorSpec
  readonly compress: CompressSpec
  readonly redirect: RedirectSpec
  readonly respond: RespondSpec
}

export type PolicyKind = keyof PolicySpecs

/** One policy of a route. A kind may stand there several times, where it can be given as a list. */
export type PolicySpec = {
  readonly [Kind in PolicyKind]: {
    readonly kind: Kind
    /** `backplane.yaml:12`: the line that `backplane why` names. */
    readonly source: string
    readonly spec: PolicySpecs[Kind]
  }
}[PolicyKind]

/** Which pages of other origins may read the answers (Fetch standard, CORS protocol). */
export interface CorsSpec {
  /** `*`, `null`, an origin, or one with `*.` before its host. */
  readonly origins: readonly string[]
  readonly methods: readonly string[]
  /** Names of request fields; undefined: whichever a page asks for. */
  readonly headers?: readonly string[]
  readonly exposes: readonly string[]
  readonly credentials: boolean
  readonly maxAgeSeconds: number
  /** OPTIONS requests that ask for no permission are the service's too. */
  readonly passesOptions: boolean
}

/** Whose requests are counted together: an address (IPv6: its /64), the whole route, who calls as `auth` has found out, or the value of a header. */
export type LimitBy = 'address' | 'route' | 'subject' | { readonly header: string }

interface LimitBase {
  /** Tells the limits of one route apart, in the RateLimit fields and in `why`. */
  readonly name: string
  /** Which counts: those of another scope are others. */
  readonly scope: string
  readonly by: LimitBy
}

export type LimitSpec =
  /** A token bucket a key. */
  | (LimitBase & {
      readonly algorithm?: 'bucket'
      readonly perSecond: number
      /** The rate as the file has it: `100/s`. */
      readonly rate: string
      readonly burst: number
    })
  /** A sliding window a key. */
  | (LimitBase & {
      readonly algorithm: 'window'
      readonly requests: number
      readonly windowMs: number
    })
  /** Requests of a key that are in flight at a time. */
  | (LimitBase & { readonly algorithm: 'concurrency'; readonly requests: number })

/** So many requests a period of the calendar (UTC), kept over restarts. */
export interface QuotaSpec extends LimitBase {
  readonly requests: number
  readonly per: QuotaPeriod
}

/** Who may come, by address: CIDR blocks. */
export interface IpSpec {
  /** Empty: everybody who is not denied. */
  readonly allow: readonly string[]
  readonly deny: readonly string[]
}

/** Trouble on purpose. Shares are 0 to 1, of all requests and drawn one by one. */
export interface FaultSpec {
  readonly delay?: { readonly share: number; readonly ms: number }
  readonly abort?: { readonly share: number; readonly status: number }
}

/** What a request is on its way to the service. Templates: mechanisms/request-template. */
export interface RewriteSpec {
  /** Pattern of the route's path: it says where parameters stand. */
  readonly pattern: string
  /** In place of its path, after which `stripPrefix` of the route is not looked at; '' leaves it. */
  readonly path: string
  readonly query: { readonly set: FieldLines; readonly remove: readonly string[] }
  /** Fields of the request, by lower-case name and template, in place of those that came. An empty value is no field. */
  readonly headers: FieldLines
}

/** Answers are encoded for clients that take it. */
export interface CompressSpec {
  /** The best first, of those that a client likes equally. */
  readonly encodings: readonly ContentEncoding[]
  /** Content types, lower case: exact, `text/*`, `*+json`. */
  readonly types: readonly string[]
  /** Shorter ones go as they are; one whose length is not known is encoded. */
  readonly bytesMin: number
}

/** A copy of requests goes to another service, whose answers are thrown away. */
export interface MirrorSpec {
  readonly service: string
  /** 0 to 1. */
  readonly share: number
}

/** Field lines by name and value, in their order. */
export type FieldLines = readonly (readonly [name: string, value: string])[]

export interface HeadersSpec {
  readonly request: FieldChanges
  readonly response: FieldChanges
}

/** Names are in lower case. */
export interface FieldChanges {
  /** In place of all lines with this name. */
  readonly set: FieldLines
  /** Besides those that are there. */
  readonly add: FieldLines
  readonly remove: readonly string[]
}

export interface RedirectSpec {
  /** With placeholders; see mechanisms/redirect. */
  readonly to: string
  /** Pattern of the route's path: it says where parameters stand. */
  readonly path: string
  readonly status: 301 | 302 | 303 | 307 | 308
}

export interface RespondSpec {
  readonly status: number
  readonly body: string
  readonly contentType: string
  readonly headers: FieldLines
}
