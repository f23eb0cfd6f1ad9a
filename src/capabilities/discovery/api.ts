import type { Problem } from '../../platform/capability.ts'
import type {
  Change,
  CheckSpec,
  CheckStatus,
  Instance,
  InstanceSpec,
  Node,
  StatusOverride,
  Target,
} from './model.ts'
import type { Registration } from './registration.ts'
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
  readonly source: 'run' | 'at'
  /** Default: those of the declared service. */
  readonly checks?: readonly CheckSpec[]
  /** `passing` for an instance that is in rotation already: it stays there until a check says otherwise. */
  readonly initially?: CheckStatus
}

/** The one registry of services, instances and their health. Reads are synchronous and live. */
export interface Discovery {
  /** Adds or replaces an instance of the house. Throws `ERR_DISCOVERY_FULL`, `ERR_DISCOVERY_INSTANCE_TAKEN`. Not persisted. */
  putInstance(spec: InstanceSpec, options: PutInstanceOptions): Instance
  /** False when it was not there. Not for registrations: those are deregistered. */
  removeInstance(service: string, id: string): boolean
  /** Out of rotation (or back), still shown. */
  setDraining(service: string, id: string, isDraining: boolean): void
  /** These are routed by the data plane already: they stay in rotation until a check says otherwise. */
  adopt(routed: readonly { readonly service: string; readonly id: string }[]): void

  /** Resolves when it is stored. See `Registrations`. */
  register(registration: Registration): Promise<Instance>
  /** A heartbeat. False: unknown, must register again. */
  renew(service: string, id: string): boolean
  deregister(service: string, id: string): Promise<void>
  /** Undefined clears. Resolves when it is stored. Of an instance of any source. */
  setOverride(service: string, id: string, override: StatusOverride | undefined): Promise<void>
  /** The result of a TTL or reported check. Throws `ERR_DISCOVERY_INSTANCE_UNKNOWN`, also for an unknown check. */
  reportCheck(service: string, id: string, check: string, status: CheckStatus, output: string): void

  putNode(name: string, address: string, meta: Readonly<Record<string, string>>): Node
  reportNodeCheck(node: string, check: string, status: CheckStatus, output: string): void
  removeNodeCheck(node: string, check: string): void
  nodes(): Iterable<Node>

  services(): Iterable<ServiceSummary>
  service(name: string): ServiceSummary | undefined
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

  /** Rises with each change of the target and never falls, also over a restart. */
  indexOf(target: Target): number
  /** Calls back once a batch of changes with what changed there. Returns the end of it. */
  subscribe(target: Target, listener: Listener): () => void
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
}
