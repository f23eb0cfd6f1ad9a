/** What the registry knows. Records are live: they change in place, and every change rises the indexes. */
export type CheckStatus = 'passing' | 'warning' | 'critical' | 'unknown'

/** Effective state of an instance. Only `passing` and `warning` are in rotation. */
export type Health = CheckStatus | 'draining'

/** Who said that the instance exists: a supervised process, a static address of the file, or a registration. */
export type Source = 'run' | 'at' | 'api'

/** `up` keeps it in rotation whatever its checks say; the others take it out whatever they say. */
export type StatusOverride = 'up' | 'out-of-service' | 'maintenance'

/** Where instances live. Registrations that name no node are on `LOCAL_NODE`. */
export interface Node {
  readonly name: string
  readonly address: string
  readonly meta: Readonly<Record<string, string>>
  /** Count for each of its instances. */
  readonly checks: readonly Check[]
  readonly instanceCount: number
}

/** The node of everything that names no other: this machine. */
export const LOCAL_NODE = 'local'

/** How a check finds out. `ttl` waits to be told; `reported` is what the instance says of itself, without a deadline. */
export type CheckSpec =
  | ({
      readonly kind: 'http'
      /** Path and query, from the root of the instance. */
      readonly path: string
    } & ActiveCheckTimes)
  | ({ readonly kind: 'tcp' } & ActiveCheckTimes)
  | ({
      readonly kind: 'exec'
      readonly argv: readonly string[]
      readonly cwd?: string
      /** Complete environment, to which HOST and PORT of the instance are added; default: only PATH. */
      readonly env?: Readonly<Record<string, string>>
    } & ActiveCheckTimes)
  | { readonly kind: 'ttl'; readonly id?: string; readonly ttlMs: number }
  | { readonly kind: 'reported'; readonly id?: string }

export interface ActiveCheckTimes {
  /** Unique in its instance; default: the kind. */
  readonly id?: string
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Passing results in a row until it counts as passing. */
  readonly healthy: number
  /** Failing results in a row until it counts as failing. */
  readonly unhealthy: number
  /** For this long after the registration failures do not count, and it runs every 100 ms until the first success. */
  readonly startupMs: number
}

export interface Check {
  readonly id: string
  readonly kind: CheckSpec['kind'] | 'maintenance'
  readonly status: CheckStatus
  /** First 1 KiB of what the check said. */
  readonly output: string
  /** Unix ms of the last result; 0 before it. */
  readonly atMs: number
  readonly durationMs: number
}

export interface Weights {
  /** 1 to 1000. */
  readonly passing: number
  /** 0 to 1000; 0 takes an instance with a warning out of rotation. */
  readonly warning: number
}

/** What a source says of an instance; the rest is found out. */
export interface InstanceSpec {
  readonly service: string
  /** Unique in its service. */
  readonly id: string
  readonly host: string
  readonly port: number
  readonly node?: string
  /** Default 1. */
  readonly weight?: number | Weights
  readonly tags?: readonly string[]
  readonly meta?: Readonly<Record<string, string>>
  /** Unix ms at which the instance says that it changed last (Eureka); default: now. */
  readonly dirtyAtMs?: number
}

export interface Instance {
  readonly service: string
  readonly id: string
  readonly node: string
  readonly host: string
  readonly port: number
  readonly source: Source
  readonly weights: Weights
  readonly tags: readonly string[]
  readonly meta: Readonly<Record<string, string>>
  readonly checks: readonly Check[]
  readonly lease: Lease | undefined
  readonly override: StatusOverride | undefined
  readonly isDraining: boolean
  readonly dirtyAtMs: number
  /** Unix ms of the first registration. */
  readonly registeredAtMs: number
  readonly createIndex: number
  readonly modifyIndex: number
  readonly health: Health
  /** In rotation: passing or warning, with a weight. */
  readonly isRoutable: boolean
  /** The weight that counts now; 0 when it is not routable. */
  readonly weight: number
}

export interface Lease {
  readonly ttlMs: number
  /** On the monotonic clock. */
  readonly endsAtMs: number
}

/** How an instance is put into the registry. */
export interface PutOptions {
  readonly source: Source
  /** Default: what the service declares. Given for an instance that has its own. */
  readonly checks?: readonly CheckSpec[]
  readonly lease?: { readonly ttlMs: number; readonly atEnd: 'remove' | 'critical' }
  /** Status of its checks until they have run; default `unknown`, `critical` for TTL checks. */
  readonly initially?: CheckStatus
  readonly override?: StatusOverride
}

/** One instance in one batch, whatever happened to it meanwhile: look at the instance for how it is now. */
export interface Change {
  readonly index: number
  /** Unix ms. */
  readonly atMs: number
  readonly action: 'added' | 'modified' | 'removed'
  /** After `removed`, as it was last. */
  readonly instance: Instance
}

export interface ChangeBatch {
  /** The global index after the batch. */
  readonly index: number
  readonly changes: readonly Change[]
  /** Services that appeared or vanished in this batch. */
  readonly services: readonly { readonly name: string; readonly action: 'added' | 'removed' }[]
}

/**
 * What a watcher looks at. `catalog` changes when services or their instances come and go, not when health does;
 * `all` is everything.
 */
export type Target = { readonly service: string } | 'catalog' | 'all'
