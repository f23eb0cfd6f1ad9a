import type { Clock, Log, Part, Scope } from '../../platform/capability.ts'
import { createSetAside } from '../../platform/storage/set-aside.ts'
import type { Storage } from '../../platform/storage/storage.ts'
import type { Settings } from '../../settings.ts'
import type { Discovery, LeaseGuard } from './api.ts'
import { CheckRunner } from './checks/runner.ts'
import { discoveryMetrics, problemsOf } from './console.ts'
import { checkDeclared, declareServices } from './declared.ts'
import { instanceUnknownError } from './errors.ts'
import { claimFirstIndex, discoveryMigrations } from './migrations.ts'
import type { InstanceSpec } from './model.ts'
import { NodeStore } from './node-store.ts'
import { createNodeWrites } from './node-writes.ts'
import { registerDiscoveryRoutes } from './protocols/admin.ts'
import { registerHttpSdRoute } from './protocols/http-sd.ts'
import { registerRegistryView } from './protocols/registry-view.ts'
import { createReads, createWatches } from './reads.ts'
import type { InstanceRecord } from './records.ts'
import { Registrations } from './registration-store.ts'
import { Registry } from './registry.ts'
import type { SourceView } from './sources/follower.ts'
import { Following } from './sources/following.ts'
import { ToldStates } from './told-states.ts'

/** How long a protocol waits for the workers of the gateway; one that hangs must not hold up a registration for ever. */
const APPLIED_WAIT_MS = 2_000

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
  const setAside = createSetAside(storage, 'discovery', scope)
  const told = new ToldStates(storage, setAside, scope.log)
  const guards = new Map<string, LeaseGuard>()
  const checks: CheckRunner = new CheckRunner(scope, limits.checks, (check, result) =>
    registry.checks.report(check, result),
  )
  const registry = new Registry({
    clock: scope.clock,
    // What was acknowledged comes back, also when the bound is lower now.
    instancesMax: () => (isRestoring ? Infinity : limits.instances),
    firstIndex: await claimFirstIndex(storage, scope.clock.nowMs(), scope.log),
    scheduleFlush: (flush) => void scope.clock.nextTurn(flush),
    startCheck: (check) => checks.start(check),
    stopCheck: (check) => checks.stop(check),
    onStatus: (check) => told.note(check),
    guardLease: (instance) => guards.get(instance.source)?.(instance),
    onEnded({ service, id }, check) {
      const why = check === undefined ? 'a lease ran out' : 'a check was critical for too long'
      scope.log('warn', why, { service, instance: id, ...(check && { check: check.id }) })
      forget(service, id)
    },
    onWatcherError: (error) => scope.log('error', 'a watcher failed', { error }),
  })
  scope.onStop(async () => {
    registry.close()
    await checks.close()
    await told.settled()
  })
  const nodes = new NodeStore(registry, storage, setAside)
  const registrations = new Registrations(registry, storage, setAside, limits.instances)
  function forget(service: string, id: string): void {
    registrations.forget(service, id).catch((error: unknown) => {
      // It comes back with the next start, and its lease runs out again.
      scope.log('warn', 'a lapsed registration could not be deleted', { service, id, error })
    })
  }
  await nodes.restore()
  await registrations.restore()
  await told.restore(registry)
  isRestoring = false
  const everywhere = () => needs.everywhere()
  let following: Following | undefined = undefined
  const sources = () => following?.views() ?? []
  const parts = { registry, registrations, nodes, checks, guards, sources, forget, everywhere }
  const api = createApi(parts, scope.clock)
  const put = (spec: InstanceSpec): void => void api.putInstance(spec, { origin: 'at' })
  declareServices(registry, first, put)
  const { clock, random, log } = scope
  following = new Following({ clock, random, log, storage, setAside, registry: api })
  await following.restore()
  following.configure(first.services, first.folder)
  scope.onStop(() => following?.close())
  return {
    api,
    prepare(next) {
      checkDeclared(registry, next, limits.instances)
      return {
        commit() {
          declareServices(registry, next, (spec) => putOrTell(spec, put, scope.log))
          following?.configure(next.services, next.folder)
        },
      }
    },
    routes: [
      (app) => registerHttpSdRoute(app, api),
      (app) => registerRegistryView(app, api),
      (app) =>
        registerDiscoveryRoutes(app, api, () => needs.everywhere(), { defaultTtlMs: limits.lease }),
    ],
    metrics: () => discoveryMetrics(api, clock.nowMs()),
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

interface Parts {
  readonly registry: Registry
  readonly registrations: Registrations
  readonly nodes: NodeStore
  readonly checks: CheckRunner
  readonly guards: Map<string, LeaseGuard>
  sources(): readonly SourceView[]
  forget(service: string, id: string): void
  everywhere(): Promise<void>
}

function createApi(parts: Parts, clock: Clock): Discovery {
  const { registry, registrations, nodes, checks, guards } = parts
  const putInstance: Discovery['putInstance'] = (spec, options) => {
    const before = registry.find(spec.service, spec.id)
    const override = registrations.overrideOf(spec.service, spec.id)
    const instance = registry.putInstance(spec, { ...options, ...override })
    if (before?.origin === 'registered') parts.forget(spec.service, spec.id)
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
    setOverride: (service, id, override, reason = '') =>
      registrations.setOverride(service, id, override, reason),
    reportCheck(service, id, checkId, status, output) {
      const instance = registry.find(service, id)
      const check = instance?.checks.find((one) => one.id === checkId)
      if (check === undefined) throw instanceUnknownError(service, id)
      registry.checks.report(check, { status, output, durationMs: 0 })
    },
    sources: () => parts.sources(),
    guardLeases: (source, guard) => void guards.set(source, guard),
    async applied() {
      registry.journal.flush()
      await Promise.race([parts.everywhere(), afterMs(clock, APPLIED_WAIT_MS)])
    },
    ...createNodeWrites(registry, nodes, registrations),
    ...createReads(registry, checks),
    ...createWatches(registry, clock),
  }
}

function afterMs(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(delayMs, resolve))
}

/** Checks that have not run yet start as passing. */
function adoptInstance(registry: Registry, checks: CheckRunner, instance: InstanceRecord): void {
  for (const check of instance.checks) {
    if (check.atMs !== 0) continue
    registry.checks.report(check, {
      status: 'passing',
      output: 'In rotation before this control plane started.',
      durationMs: 0,
    })
    checks.restart(check)
  }
}
