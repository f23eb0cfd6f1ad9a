import type { Problem } from '../../platform/capability.ts'
import type { CatalogDraft } from './catalog-draft.ts'
import type { CheckSpec, CheckStatus } from './check-spec.ts'
import type {
  Change,
  Check,
  CheckChange,
  Instance,
  InstanceSpec,
  Node,
  NodeSpec,
  StatusOverride,
  Target,
  Twin,
} from './model.ts'
import type { Registration } from './registration.ts'
import type { SourceView } from './sources/follower.ts'
import type { Listener } from './watchers.ts'

/** One service as a list shows it. */
export interface ServiceSummary {
  readonly name: string
  readonly instanceCount: number
  readonly routableCount: number
  /** Index of its last change. */
  readonly index: number
  /** The file names it: it is there without instances, too. */
  readonly isDeclared: boolean
}

/** How a source of the house (not a registration) puts an instance. */
export interface PutInstanceOptions {
  readonly origin: 'run' | 'at' | 'followed'
  /** Default: the origin. */
  readonly source?: string
  /** Default: those of the declared service. */
  readonly checks?: readonly CheckSpec[]
  /** `passing` for an instance that is in rotation already: it stays there until a check says otherwise. */
  readonly initially?: CheckStatus
}

/** A check that was found by its id on a node. */
export interface FoundCheck {
  readonly check: Check
  /** Undefined: a check of the node itself. */
  readonly instance: Instance | undefined
}

/**
 * Asked when the lease of an instance has run out, before it goes: undefined lets it go, a number of milliseconds gives it so much more. For
 * protocols that can tell a cut network from instances that died.
 */
export type LeaseGuard = (instance: Instance) => number | undefined

/**
 * The one registry of services, instances and their health. Reads are synchronous and live. Writes that return a promise resolve when they
 * are stored; `applied` says when the gateway has them, too.
 */
export interface Discovery extends DiscoveryReads, DiscoveryWatches, NodeWrites {
  /** Adds or replaces an instance of the house. Throws `ERR_DISCOVERY_FULL`, `ERR_DISCOVERY_INSTANCE_TAKEN`. Not persisted. */
  putInstance(spec: InstanceSpec, options: PutInstanceOptions): Instance
  /** False when it was not there. Not for registrations: those are deregistered. */
  removeInstance(service: string, id: string): boolean
  /** Out of rotation (or back), still shown. */
  setDraining(service: string, id: string, isDraining: boolean): void
  /** These are routed by the data plane already: they stay in rotation until a check says otherwise. */
  adopt(routed: readonly { readonly service: string; readonly id: string }[]): void

  /**
   * Adds or replaces a registration; one with the same id on its node is replaced, whatever its service. One that is where an instance of the house
   * is becomes its twin, and gives that instance; what is done by its name later goes on to be about it. Throws `ERR_DISCOVERY_FULL`,
   * `ERR_DISCOVERY_CLIENT_FULL`, `ERR_DISCOVERY_INSTANCE_TAKEN`.
   */
  register(registration: Registration): Promise<Instance>
  /** The instance of the house that was registered under this name, and what it registered: see `Twin`. */
  twin(
    service: string,
    id: string,
  ): { readonly instance: Instance; readonly twin: Twin } | undefined
  /** Once after a start, when the processes that still run have been put: what others registered, which ended meanwhile, goes. */
  forgetOrphans(): Promise<void>
  /** A heartbeat. False: unknown, must register again. */
  renew(service: string, id: string): boolean
  /** Forgets its override, too. Throws `ERR_DISCOVERY_INSTANCE_UNKNOWN`, `ERR_DISCOVERY_INSTANCE_TAKEN`. */
  deregister(service: string, id: string): Promise<void>
  /** Undefined clears. Of an instance of any origin. */
  setOverride(
    service: string,
    id: string,
    override: StatusOverride | undefined,
    reason?: string,
  ): Promise<void>
  /** The result of a TTL or reported check. Throws `ERR_DISCOVERY_INSTANCE_UNKNOWN`, also for an unknown check. */
  reportCheck(service: string, id: string, check: string, status: CheckStatus, output: string): void
  /** Changes of nodes, registrations and checks that are stored together, with whatever else; no other write of them is under way meanwhile. */
  transaction<Result>(run: (draft: CatalogDraft) => Promise<Result>): Promise<Result>
  /** Whom the file says to follow, and how they stand. */
  sources(): readonly SourceView[]
  /** One guard a source of registrations; see `LeaseGuard`. */
  guardLeases(source: string, guard: LeaseGuard): void
  /** Tells watchers what changed, and resolves when every worker of the gateway has applied it, or after two seconds. */
  applied(): Promise<void>
}

/** Nodes and the checks that are known by their id on a node. */
export interface NodeWrites {
  /** Creates or changes a node. Throws `ERR_DISCOVERY_NODES_FULL`. */
  registerNode(spec: NodeSpec): Promise<Node>
  /** With its checks and registrations. False when it was not there. Instances of the file and of supervised processes stay. */
  deregisterNode(name: string): Promise<boolean>
  /** Undefined ends it. */
  setNodeMaintenance(name: string, reason: string | undefined): Promise<void>
  /**
   * Adds or replaces a check of a node or, with `instance` (its id on the node), of a registration. The id of the check is unique on the
   * node: one with this id elsewhere on it goes. Throws `ERR_DISCOVERY_INSTANCE_UNKNOWN`, `ERR_DISCOVERY_CHECKS_FULL`.
   */
  registerCheck(node: string, instance: string | undefined, spec: CheckSpec): Promise<void>
  /** False when it was not there. */
  deregisterCheck(node: string, check: string): Promise<boolean>
  /** False when it is not there. Without a status only the deadline of a TTL check moves. */
  reportNodeCheck(node: string, check: string, status: CheckStatus, output: string): boolean
}

/** What is there now. */
export interface DiscoveryReads {
  /** The name of the node of everything that names no other: this machine. */
  readonly localNode: string
  nodes(): Iterable<Node>
  node(name: string): Node | undefined
  instancesOfNode(name: string): Iterable<Instance>
  /** By the id that is unique on the node. */
  instanceOnNode(node: string, idOnNode: string): Instance | undefined
  checkOnNode(node: string, check: string): FoundCheck | undefined
  services(): Iterable<ServiceSummary>
  service(name: string): ServiceSummary | undefined
  /** The name of a service as it is written, for one in any case; the exact one first. */
  serviceName(anyCase: string): string | undefined
  /** What is wrong with the instances of a service: a check that fails, or nobody in rotation. */
  problemOf(service: string): Problem | undefined
  /** Empty for an unknown service. */
  instances(service: string): Iterable<Instance>
  instance(service: string, id: string): Instance | undefined
  /** Registered instances of all services, active checks that run, those that wait for their turn, and watchers. */
  counts(): {
    readonly instances: number
    readonly checksRunning: number
    readonly checksQueued: number
    readonly watchers: number
  }
}

/** Whoever waits for a change. */
export interface DiscoveryWatches {
  /** Rises with each change of the target and never falls, also over a restart. At least 1. */
  indexOf(target: Target): number
  /** Calls back once a batch of changes with what changed there. Returns the end of it. */
  subscribe(target: Target, listener: Listener): () => void
  /** Calls back at once, in the turn of the change, for each change of status (or end) of a check that is unique on its node. */
  onCheckChange(listener: (change: CheckChange) => void): () => void
  /** See `Watchers.waitForChange`: a blocking query. */
  waitForChange(
    target: Target,
    afterIndex: number,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<number>
  /** Resolves with true when the instance is in rotation here, with false after `waitMs`, when it is gone, or on abort. */
  whenRoutable(service: string, id: string, waitMs: number, signal?: AbortSignal): Promise<boolean>
  /** Changes of all services after an index, oldest first; undefined: too long ago, read everything. */
  changesSince(index: number): readonly Change[] | undefined
  /** Tells watchers now what they would be told in the next turn. */
  flush(): void
  /** Waiting queries and listeners that look at the target. */
  watchersOf(target: Target): number
}
