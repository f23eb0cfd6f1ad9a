/** What the console shows of the registry of one service: `GET /api/v1/services/NAME/registry`. */
export interface RegistryView {
  readonly service: string
  /** Whom the file says to follow, in their order. */
  readonly sources: readonly {
    readonly kind: 'consul' | 'dns' | 'file' | 'http'
    readonly place: string
    readonly targetCount: number
    readonly isStale: boolean
    readonly why: string
    /** Unix ms; 0: no answer since the start. */
    readonly answeredAtMs: number
  }[]
  /** Waiting queries and listeners of this service. */
  readonly watchers: number
  /** At most 200. */
  readonly instances: readonly {
    readonly id: string
    readonly node: string
    readonly source: string
    readonly tags: readonly string[]
    /** 0: it has no lease. */
    readonly leaseMs: number
    /** Unix ms of the last renewal; 0 without a lease. */
    readonly renewedAtMs: number
    /** '' where there is none. */
    readonly override: string
    readonly overrideReason: string
    /** It stands by: a source before its own has somebody who is well. */
    readonly isStandby: boolean
    /** What it registered of itself, where Backplane runs it or the file names it: `web-8080 (consul)`. */
    readonly registeredAs: readonly string[]
  }[]
}
