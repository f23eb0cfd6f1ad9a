import type { CheckSpec, CheckStatus } from './check-spec.ts'

// What the registry knows. Records are live: they change in place, and every change rises the indexes.

/** Effective state of an instance. Only `passing` and `warning` are in rotation. */
export type Health = CheckStatus | 'draining'

/**
 * How an instance lives. `run`: a supervised process, whoever supervises puts and removes it. `at`: a static address of the file.
 * `registered`: by a client, durable, with a lease or without. `followed`: copied from another registry, which has the last word.
 */
export type Origin = 'run' | 'at' | 'registered' | 'followed'

/** `up` keeps it in rotation whatever its checks say; the others take it out whatever they say. */
export type StatusOverride = 'up' | 'out-of-service' | 'maintenance'

/** A second address of an instance or a node, by its name (`lan`, `wan`, ...). Port 0: none. */
export interface TaggedAddress {
  readonly address: string
  readonly port: number
}

/** Where instances live. Registrations that name no node are on `LOCAL_NODE`. */
export interface Node {
  readonly name: string
  /** A UUID where somebody gave one; else ''. */
  readonly uuid: string
  /** Of instances without an address of their own; '' where nobody said. */
  readonly address: string
  readonly taggedAddresses: Readonly<Record<string, string>>
  readonly meta: Readonly<Record<string, string>>
  /** Count for each of its instances. */
  readonly checks: readonly Check[]
  readonly instanceCount: number
  /** Why it is in maintenance, which takes all its instances out of rotation; undefined: it is not. */
  readonly maintenance: string | undefined
  readonly createIndex: number
  /** Of the node itself; instances and checks have their own. */
  readonly modifyIndex: number
}

/** The node of everything that names no other: this machine. */
export const LOCAL_NODE = 'local'

/** What is told of a node. */
export interface NodeSpec {
  readonly name: string
  readonly address: string
  readonly uuid?: string
  readonly taggedAddresses?: Readonly<Record<string, string>>
  readonly meta?: Readonly<Record<string, string>>
}

export interface Check {
  /** Unique in its instance; on its node too, where the specification says so. */
  readonly id: string
  /** `maintenance` is told by `Instance.override`, never by a check. */
  readonly kind: CheckSpec['kind']
  readonly spec: CheckSpec
  readonly status: CheckStatus
  /** First 4 KiB of what the check said. */
  readonly output: string
  /** Unix ms of the last result; 0 before it. */
  readonly atMs: number
  readonly durationMs: number
  readonly createIndex: number
  /** Of the last change of its status. */
  readonly modifyIndex: number
  /** On the monotonic clock: when a TTL check becomes critical; undefined for other kinds. */
  readonly dueAtMs: number | undefined
}

export interface Weights {
  /** 1 to 65535. */
  readonly passing: number
  /** 0 to 65535; 0 takes an instance with a warning out of rotation. */
  readonly warning: number
}

/** What a source says of an instance; the rest is found out. */
export interface InstanceSpec {
  readonly service: string
  /** Unique in its service. */
  readonly id: string
  readonly host: string
  /** 0: it serves no port. It is found, but never in rotation of the gateway. */
  readonly port: number
  readonly node?: string
  /** Unique among all instances of its node, whatever their service; default: the id, made unique where it is not. */
  readonly idOnNode?: string
  /** It gave no address of its own: `host` is that of its node, or of this machine. */
  readonly isHostOfNode?: boolean
  /** Default 1. */
  readonly weight?: number | Weights
  readonly tags?: readonly string[]
  readonly meta?: Readonly<Record<string, string>>
  readonly taggedAddresses?: Readonly<Record<string, TaggedAddress>>
  /** Whoever looks at the catalog may change the tags (Consul); we keep what was said. */
  readonly enableTagOverride?: boolean
  /**
   * Sources of one service in the order in which they are used: instances of a greater number are in rotation only while no
   * instance of a smaller one is well. Default 0.
   */
  readonly priority?: number
  /** Unix ms at which the instance says that it changed last (Eureka); default: now. */
  readonly dirtyAtMs?: number
  /** JSON: what its protocol registered beyond all this. Nobody else reads it. Bounded by `documentCharactersMax`. */
  readonly document?: string
}

export interface Instance {
  readonly service: string
  readonly id: string
  readonly idOnNode: string
  readonly node: string
  readonly host: string
  readonly port: number
  readonly isHostOfNode: boolean
  readonly origin: Origin
  /** Who said that it exists: `run`, `at`, `api`, `consul`, `eureka`, `dns`, ... An open set, for people. */
  readonly source: string
  readonly weights: Weights
  readonly tags: readonly string[]
  readonly meta: Readonly<Record<string, string>>
  readonly taggedAddresses: Readonly<Record<string, TaggedAddress>>
  readonly enableTagOverride: boolean
  readonly priority: number
  readonly document: string | undefined
  /** What it registered of itself, where it is of the house; at most one a source. Tags, metadata and checks of these are in its own. */
  readonly twins: readonly Twin[]
  readonly checks: readonly Check[]
  readonly lease: Lease | undefined
  readonly override: StatusOverride | undefined
  /** Why, where somebody said; else ''. */
  readonly overrideReason: string
  readonly isDraining: boolean
  readonly dirtyAtMs: number
  /** Unix ms of the first registration. */
  readonly registeredAtMs: number
  readonly createIndex: number
  /** Of the last change of what it says; how it is has no index of its own. */
  readonly modifyIndex: number
  /** The worst of draining, override, lease, its checks and its node. What answers of Consul, Eureka and DNS go by. */
  readonly health: Health
  /** In rotation of the gateway: passing or warning, with a port, a weight, and no source of higher priority that is well. */
  readonly isRoutable: boolean
  /** The weight that counts now; 0 when it is not routable. */
  readonly weight: number
}

/**
 * The registration of an instance that Backplane runs or the file names. It makes no second instance, which would get twice the share and stay in rotation
 * while the process ends.
 */
export interface Twin {
  /** As it was registered, with the id that it gave itself. */
  readonly spec: InstanceSpec
  readonly source: string
  readonly checks: readonly CheckSpec[]
  /** Undefined: it stays as long as the instance. */
  readonly ttlMs: number | undefined
  /** Unix ms. */
  readonly registeredAtMs: number
  readonly updatedAtMs: number
  readonly renewedAtMs: number
}

export interface Lease {
  readonly ttlMs: number
  /** On the monotonic clock. */
  readonly endsAtMs: number
  /** Unix ms of the last renewal. */
  readonly renewedAtMs: number
}

/** Names of its machine and ports, beside host and port, by which an instance is known to be the same as another one. */
export interface PlacesBeside {
  readonly hosts: readonly string[]
  readonly ports: readonly number[]
}

/** How an instance is put into the registry. */
export interface PutOptions {
  readonly origin: Origin
  /** Default: the origin. */
  readonly source?: string | undefined
  /** Address of whoever registered it. */
  readonly client?: string | undefined
  /** Where it says that it is, too. */
  readonly alsoAt?: PlacesBeside | undefined
  /** Default: what the service declares. Given for an instance that has its own. */
  readonly checks?: readonly CheckSpec[]
  readonly lease?: LeaseSpec
  /** Status of its checks until they have run, where they do not say; default `unknown`, `critical` for TTL checks. */
  readonly initially?: CheckStatus
  readonly override?: StatusOverride
  readonly overrideReason?: string
}

export interface LeaseSpec {
  readonly ttlMs: number
  readonly atEnd: 'remove' | 'critical'
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
  /** Nodes that came, went, or changed (with their own checks; not: their instances). */
  readonly nodes: readonly string[]
}

/** A check of a node or of an instance that is known by its id on the node, and how it stands now; undefined: it is gone. */
export interface CheckChange {
  readonly node: string
  readonly check: string
  readonly status: CheckStatus | undefined
}

/**
 * What a watcher looks at. `service`: its instances and their checks. `node`: itself, its checks, its instances. `catalog` changes when
 * services or their instances come and go or change what they say, not when health does; `nodes` when nodes do. `all` is everything.
 */
export type Target =
  | { readonly service: string }
  | { readonly node: string }
  | 'catalog'
  | 'nodes'
  | 'all'
