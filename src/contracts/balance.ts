type BalancingName =
  | 'peak-ewma'
  | 'least-requests'
  | 'round-robin'
  | 'sticky-cookie'
  | 'ring-hash'
  | 'maglev'

/** How requests are spread over the instances of a service. */
export interface BalanceSpec {
  /** Requests choose a subset of the instances by a header; without it none does. */
  readonly subset?: {
    /** In lower case. */
    readonly header: string
    /** Of a request without it; '' for any instance. */
    readonly otherwise: string
    /** Where nobody is of the subset: any instance, or none. */
    readonly fallsBackToAny: boolean
  }
  /** Ejection is ignored where fewer than this share is left, 0 to 1; 0 or absent: where nobody is. */
  readonly panicShare?: number
  /** `ring-hash`, `maglev`: how many times its part one may have in flight before its keys go on; at least 1. */
  readonly loadFactor?: number
  readonly algorithm: BalancingName
  readonly slowStartMs: number
  /** Name of the cookie of `sticky-cookie`. */
  readonly cookie: string
  /** What `ring-hash` and `maglev` go by; a header's name is in lower case, segments of the path count from 1. */
  readonly by?:
    | 'address'
    | { readonly header: string }
    | { readonly cookie: string }
    | { readonly segment: number }
}
