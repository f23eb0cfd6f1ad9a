import type { Clock, Log, Part, Scope } from '../../platform/capability.ts'
import { createSetAside } from '../../platform/storage/set-aside.ts'
import type { Storage } from '../../platform/storage/storage.ts'
import type { Settings } from '../../settings.ts'
import type { Discovery, ServiceSummary } from './api.ts'
import { CheckRunner } from './checks/runner.ts'
import { discoveryMetrics, problemOf, problemsOf } from './console.ts'
import { checkDeclared, declareServices } from './declared.ts'
import { instanceUnknownError } from './errors.ts'
import type { InstanceSpec } from './model.ts'
import { registerDiscoveryRoutes } from './protocols/admin.ts'
import { claimFirstIndex, discoveryMigrations, Registrations } from './registration-store.ts'
import { Registry } from './registry.ts'
import type { ServiceRecord } from './records.ts'

export interface DiscoveryConfig {
  readonly limits: Settings['discovery']
  readonly services: Settings['services']
  /** Absolute folder of the configuration file: the working folder of exec checks. */
  readonly folder: string
}

export interface DiscoveryNeeds {
  /** Keeps registrations and overrides over restarts. */
  readonly storage: Storage
  /** Resolves when every worker has applied all that was told until now. */
  everywhere(): Promise<void>
}

/** Starts the registry with what the file says and what was registered before. */
export async function startDiscovery(
  first: DiscoveryConfig,
  needs: DiscoveryNeeds,
  scope: Scope,
): Promise<Part<DiscoveryConfig, Discovery>> {
  const { limits } = first
  const { storage } = needs
  await storage.migrate('discovery', discoveryMigrations)
  let isRestoring = true
  const checks: CheckRunner = new CheckRunner(scope, limits.checks, (...result) =>
    registry.reportCheck(...result),
  )
  const registry = new Registry({
    clock: scope.clock,
    // What was acknowledged comes back, also when the bound is lower now.
    instancesMax: () => (isRestoring ? Infinity : limits.instances),
    firstIndex: await claimFirstIndex(storage, scope.clock.nowMs(), scope.log),
    scheduleFlush: (flush) => void scope.clock.nextTurn(flush),
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
  const registrations = new Registrations(registry, storage, setAside, limits.instances)
  function forget(service: string, id: string): void {
    registrations.forget(service, id).catch((error: unknown) => {
      // It comes back with the next start, and its lease runs out again.
      scope.log('warn', 'a lapsed registration could not be deleted', { service, id, error })
    })
  }
  await registrations.restore()
  isRestoring = false
  const api = createApi(registry, registrations, checks, forget, scope.clock)
  const put = (spec: InstanceSpec): void => void api.putInstance(spec, { source: 'at' })
  declareServices(registry, first, put)
  return {
    api,
    prepare(next) {
      checkDeclared(registry, next, limits.instances)
      return {
        commit: () => declareServices(registry, next, (spec) => putOrTell(spec, put, scope.log)),
      }
    },
    routes: [
      (app) =>
        registerDiscoveryRoutes(app, api, () => needs.everywhere(), { defaultTtlMs: limits.lease }),
    ],
    metrics: () => discoveryMetrics(api),
    problems: () => [...setAside.problems(), ...problemsOf(api)],
  }
}

/** What was possible when the reload was prepared may have been taken by a registration since: the others are put all the same. */
function putOrTell(spec: InstanceSpec, put: (spec: InstanceSpec) => void, log: Log): void {
  try {
    put(spec)
  } catch (error) {
    const { service, id } = spec
    log('error', 'an address of the file could not be put', { service, instance: id, error })
  }
}

function createApi(
  registry: Registry,
  registrations: Registrations,
  checks: CheckRunner,
  forget: (service: string, id: string) => void,
  clock: Clock,
): Discovery {
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
  | 'problemOf'
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
    problemOf(name) {
      const record = registry.services.get(name)
      return record && problemOf(summaryOf(record), record.instances.values())
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
