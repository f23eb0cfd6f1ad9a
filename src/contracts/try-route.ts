/** What would happen to a request, without sending it: the answer of `GET /api/v1/try`. */
export interface TriedRoute {
  readonly method: string
  readonly host: string
  /** Path in its one spelling, '' where it can be read in several ways. */
  readonly path: string
  readonly query: string
  /** Null where no route takes it: `refusal` says why. */
  readonly route: TriedRouteFacts | null
  /** Reason code and sentence of the gateway's own answer, where routing ends with one. */
  readonly refusal: { readonly code: string; readonly detail: string } | null
  /** In the order in which they run. */
  readonly policies: readonly TriedPolicy[]
  /** Where it goes; empty where a policy answers. */
  readonly services: readonly TriedService[]
  /** Routes that come near and do not take it, and why, nearest first. */
  readonly others: readonly {
    readonly route: string
    readonly source: string
    readonly why: string
  }[]
}

export interface TriedRouteFacts {
  readonly id: string
  readonly source: string
  /** Hosts, methods, path and conditions as one line. */
  readonly pattern: string
  readonly why: string
  /** Path and query as the service gets them, as far as the route alone decides. */
  readonly upstream: string
}

export interface TriedPolicy {
  readonly kind: string
  readonly source: string
  /** `route`, `group partners` or `gateway`. */
  readonly from: string
  /** What it does, in a sentence. */
  readonly does: string
}

export interface TriedService {
  readonly name: string
  /** 0 to 1. */
  readonly share: number
  readonly source: string
  readonly instances: number
  readonly routable: number
}

/** One route of the configuration in short: a row of `GET /api/v1/routes`. */
export interface RouteRow {
  readonly id: string
  readonly source: string
  readonly pattern: string
  /** Service and share, 0 to 1; none where a policy answers. */
  readonly to: readonly { readonly service: string; readonly share: number }[]
  readonly policies: readonly TriedPolicy[]
}
