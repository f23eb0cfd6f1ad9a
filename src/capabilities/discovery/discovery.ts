import type { Clock, Problem, Scope } from '../../platform/capability.ts'
import { createSetAside } from '../../platform/storage/set-aside.ts'
import type { Storage } from '../../platform/storage/storage.ts'
import type { Settings } from '../../settings.ts'
import { CheckRunner } from './checks/runner.ts'
import { checksOf, staticInstances } from './declared.ts'
import { instanceUnknownError } from './errors.ts'
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
import { claimFirstIndex, discoveryMigrations, Registrations } from './registrations.ts'
import { Registry } from './registry.ts'
import type { ServiceRecord } from './records.ts'
import type { Listener } from './watchers.ts'

export type DiscoveryConfig = Settings['discovery']

export interface DiscoveryNeeds {
  /** Keeps registrations and overrides over restarts. */
  readonly storage: Storage
}

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
  /**
   * Takes over what the file says: which services there are, their checks, and the instances of `at`. `folder` is the working
   * folder of exec checks. A difference to what is there: what stays keeps its health.
   */
  configure(services: Settings['services'], options: { readonly folder: string }): void

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
  /** What is wrong now. */
  problems(): Iterable<Problem>
}

/** Starts the registry with what was registered before. */
export async function startDiscovery(
  config: DiscoveryConfig,
  { storage }: DiscoveryNeeds,
  scope: Scope,
): Promise<Discovery> {
  await storage.migrate('discovery', discoveryMigrations)
  let isRestoring = true
  const checks: CheckRunner = new CheckRunner(scope, config.checks, (...result) =>
    registry.reportCheck(...result),
  )
  const registry = new Registry({
    clock: scope.clock,
    // What was acknowledged comes back, also when the bound is lower now.
    instancesMax: () => (isRestoring ? Infinity : config.instances),
    firstIndex: await claimFirstIndex(storage, scope.clock.nowMs(), scope.log),
    scheduleFlush: (flush) => void setImmediate(flush),
    startCheck: (instance, check) => checks.start(instance, check),
    stopCheck: (check) => checks.stop(check),
    onLapsed: (instance) => {
      scope.log('warn', 'a lease ran out', { service: instance.service, instance: instance.id })
      forget(instance.service, instance.id)
    },
    onWatcherError: (error) => scope.log('error', 'a watcher failed', { error }),
  })
  scope.onStop(async () => {
    registry.close()
    await checks.close()
  })
  const setAside = createSetAside(storage, 'discovery', scope)
  const registrations = new Registrations(registry, storage, setAside, config.instances)
  function forget(service: string, id: string): void {
    registrations.forget(service, id).catch((error: unknown) => {
      // It comes back with the next start, and its lease runs out again.
      scope.log('warn', 'a lapsed registration could not be deleted', { service, id, error })
    })
  }
  await registrations.restore()
  isRestoring = false
  const api = createApi(registry, registrations, checks, forget, scope.clock)
  return { ...api, problems: () => setAside.problems() }
}

function createApi(
  registry: Registry,
  registrations: Registrations,
  checks: CheckRunner,
  forget: (service: string, id: string) => void,
  clock: Clock,
): Omit<Discovery, 'problems'> {
  const putInstance: Discovery['putInstance'] = (spec, options) => {
    const override = registrations.overrideOf(spec.service, spec.id)
    const before = registry.find(spec.service, spec.id)
    const instance = registry.putInstance(spec, {
      ...options,
      ...(override === undefined ? {} : { override }),
    })
    if (before?.source === 'api') forget(spec.service, spec.id)
    return instance
  }
  return {
    configure: (services, { folder }) => configureServices(registry, putInstance, services, folder),
    putInstance,
    removeInstance: (service, id) => registry.removeInstance(service, id),
    setDraining(service, id, isDraining) {
      const instance = registry.find(service, id)
      if (instance !== undefined) registry.setDraining(instance, isDraining)
    },
    adopt(routed) {
      for (const { service, id } of routed) {
        const instance = registry.find(service, id)
        if (instance !== undefined) adoptInstance(registry, checks, instance)
      }
    },
    register: (registration) => registrations.register(registration),
    renew: (service, id) => registry.renew(service, id),
    deregister: (service, id) => registrations.deregister(service, id),
    setOverride: (service, id, override) => registrations.setOverride(service, id, override),
    reportCheck(service, id, checkId, status, output) {
      const instance = registry.find(service, id)
      const check = instance?.checks.find((one) => one.id === checkId)
      if (instance === undefined || check === undefined) throw instanceUnknownError(service, id)
      registry.reportCheck(instance, check, { status, output, durationMs: 0 })
    },
    putNode: (name, address, meta) => registry.putNode(name, address, meta),
    reportNodeCheck: (node, id, status, output) =>
      registry.reportNodeCheck(node, id, status, output),
    removeNodeCheck: (node, id) => registry.removeNodeCheck(node, id),
    ...createReads(registry, checks, clock),
  }
}

type Reads = Pick<
  Discovery,
  | 'nodes'
  | 'services'
  | 'service'
  | 'instances'
  | 'instance'
  | 'counts'
  | 'indexOf'
  | 'subscribe'
  | 'waitForChange'
  | 'whenRoutable'
  | 'changesSince'
  | 'flush'
>

function summaryOf(record: ServiceRecord): ServiceSummary {
  const { name, instances, routableCount, index, isDeclared } = record
  return { name, instanceCount: instances.size, routableCount, index, isDeclared }
}

function createReads(registry: Registry, checks: CheckRunner, clock: Clock): Reads {
  return {
    nodes: () => registry.nodes.values(),
    services: () => registry.services.values().map(summaryOf),
    service(name) {
      const record = registry.services.get(name)
      return record && summaryOf(record)
    },
    instances: (name) => registry.services.get(name)?.instances.values() ?? [],
    instance: (name, id) => registry.find(name, id),
    counts: () => ({
      instances: registry.instanceCount,
      checksRunning: checks.runningCount,
      checksQueued: checks.queuedCount,
      watchers: registry.watchers.count,
    }),
    indexOf: (target) => registry.indexOf(target),
    subscribe: (target, listener) => registry.watchers.subscribe(target, listener),
    waitForChange: (target, afterIndex, waitMs, signal) =>
      registry.watchers.waitForChange(target, afterIndex, waitMs, signal),
    whenRoutable: (...query) => whenRoutable(registry, clock, ...query),
    changesSince(index) {
      registry.flush()
      return registry.feed.changesSince(index)
    },
    flush: () => registry.flush(),
  }
}

async function whenRoutable(
  registry: Registry,
  clock: Clock,
  service: string,
  id: string,
  waitMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const endMs = clock.monotonicMs() + waitMs
  for (;;) {
    const instance = registry.find(service, id)
    if (instance === undefined || instance.isRoutable) return instance !== undefined
    const leftMs = endMs - clock.monotonicMs()
    if (leftMs <= 0 || signal?.aborted === true) return false
    await registry.watchers.waitForChange(
      { service },
      registry.indexOf({ service }),
      leftMs,
      signal,
    )
  }
}

function configureServices(
  registry: Registry,
  putInstance: Discovery['putInstance'],
  services: Settings['services'],
  folder: string,
): void {
  for (const [name, settings] of Object.entries(services)) {
    const specs = staticInstances(name, settings)
    const wanted = new Set(specs.map((spec) => spec.id))
    const checks = checksOf(settings.health, { cwd: folder })
    const before = registry.services.get(name)
    const isOther = JSON.stringify(before?.defaultChecks) !== JSON.stringify(checks)
    registry.declareService(name, checks)
    for (const instance of before?.instances.values() ?? []) {
      if (isOther && instance.source === 'run') registry.replaceChecks(instance, checks)
    }
    for (const spec of specs) putInstance(spec, { source: 'at' })
    removeStatic(registry, name, (id) => !wanted.has(id))
  }
  for (const name of registry.services.keys()) {
    if (Object.hasOwn(services, name)) continue
    removeStatic(registry, name, () => true)
    registry.undeclareService(name)
  }
}

function removeStatic(registry: Registry, name: string, isGone: (id: string) => boolean): void {
  for (const { id, source } of registry.services.get(name)?.instances.values() ?? []) {
    if (source === 'at' && isGone(id)) registry.removeInstance(name, id)
  }
}

/** Checks that have not run yet start as passing. */
function adoptInstance(
  registry: Registry,
  checks: CheckRunner,
  instance: NonNullable<ReturnType<Registry['find']>>,
): void {
  for (const check of instance.checks) {
    if (check.atMs !== 0) continue
    registry.reportCheck(instance, check, {
      status: 'passing',
      output: 'In rotation before this control plane started.',
      durationMs: 0,
    })
    checks.restart(instance, check)
  }
}
