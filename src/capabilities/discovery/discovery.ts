import type { Clock, Log, Part, Scope } from '../../platform/capability.ts'
import { createSetAside } from '../../platform/storage/set-aside.ts'
import type { Storage } from '../../platform/storage/storage.ts'
import type { Settings } from '../../settings.ts'
import type { Discovery, LeaseGuard } from './api.ts'
import { CatalogDraft } from './catalog-draft.ts'
import { CheckRunner } from './checks/runner.ts'
import { discoveryMetrics, problemsOf } from './console.ts'
import { checkDeclared, declareServices } from './declared.ts'
import { instanceUnknownError } from './errors.ts'
import { House } from './house.ts'
import { claimFirstIndex, discoveryMigrations } from './migrations.ts'
import type { InstanceSpec } from './model.ts'
import { NodeStore } from './node-store.ts'
import { createNodeWrites } from './node-writes.ts'
import { registerDiscoveryRoutes } from './protocols/admin.ts'
import { registerHttpSdRoute } from './protocols/http-sd.ts'
import { registerRegistryView } from './protocols/registry-view.ts'
import { createReads, createWatches } from './reads.ts'
import type { InstanceRecord } from './records.ts'
import { Registrations, type RegistrationsGround } from './registration-store.ts'
import { Registry } from './registry.ts'
import type { SourceView } from './sources/follower.ts'
import { Following } from './sources/following.ts'
import { ToldStates } from './told-states.ts'
import { Twins } from './twins.ts'

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
  const { clock, random, log } = scope
  await storage.migrate('discovery', discoveryMigrations)
  let isRestoring = true
  const setAside = createSetAside(storage, 'discovery', scope)
  const told = new ToldStates(storage, setAside, log)
  const guards = new Map<string, LeaseGuard>()
  const checks: CheckRunner = new CheckRunner(scope, limits.checks, (check, result) =>
    registry.checks.report(check, result),
  )
  const registry = new Registry({
    clock,
    // What was acknowledged comes back, also when the bound is lower now.
    instancesMax: () => (isRestoring ? Infinity : limits.instances),
    firstIndex: await claimFirstIndex(storage, clock.nowMs(), log),
    scheduleFlush: (flush) => void clock.nextTurn(flush),
    startCheck: (check) => checks.start(check),
    stopCheck: (check) => checks.stop(check),
    onStatus: (check) => told.note(check),
    guardLease: (instance) => guards.get(instance.source)?.(instance),
    onEnded({ service, id }, check) {
      const why = check === undefined ? 'a lease ran out' : 'a check was critical for too long'
      log('warn', why, { service, instance: id, ...(check && { check: check.id }) })
      house.forget({ service, id })
    },
    onTwinsLost: (instance) => house.onTwinsLost(instance),
    onTwinEnded: (instance, twin) => house.endTwin({ instance, twin }),
    onWatcherError: (error) => log('error', 'a watcher failed', { error }),
  })
  scope.onStop(async () => {
    registry.close()
    await checks.close()
    twins.close()
    await told.settled()
  })
  const nodes = new NodeStore(registry, storage, setAside)
  const { twins, registrations, house } = createHouse(
    { registry, storage, setAside, limits },
    scope,
  )
  await nodes.restore()
  await registrations.restore()
  await told.restore(registry)
  isRestoring = false
  let following: Following | undefined = undefined
  const sources = () => following?.views() ?? []
  const everywhere = () => needs.everywhere()
  const own = { registry, twins, house, registrations, nodes, checks, guards }
  const parts: Parts = { ...own, sources, everywhere }
  const api = createApi(parts, scope.clock)
  const put = (spec: InstanceSpec): void => void api.putInstance(spec, { origin: 'at' })
  declareServices(registry, first, put)
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
          declareServices(registry, next, (spec) => putOrTell(spec, put, log))
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

/** Registrations, and what of them is of instances that are here already. */
function createHouse(
  ground: Omit<RegistrationsGround, 'twins'>,
  { clock, log }: Pick<Scope, 'clock' | 'log'>,
): { readonly twins: Twins; readonly registrations: Registrations; readonly house: House } {
  const { registry } = ground
  const twins = new Twins(registry, clock, {
    onLeaseEnd: (found) => house.endTwin(found),
    onReplaced: (twin) => house.forget(twin.spec),
  })
  const registrations = new Registrations({ ...ground, twins })
  const house = new House({ registry, registrations, twins, log })
  return { twins, registrations, house }
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
  readonly twins: Twins
  readonly house: House
  readonly registrations: Registrations
  readonly nodes: NodeStore
  readonly checks: CheckRunner
  readonly guards: Map<string, LeaseGuard>
  sources(): readonly SourceView[]
  everywhere(): Promise<void>
}

function createApi(parts: Parts, clock: Clock): Discovery {
  const { registry, twins, house, registrations, nodes, checks, guards } = parts
  return {
    putInstance: (spec, options) => house.put(spec, options),
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
    renew: (service, id) => twins.renew(service, id) || registry.renew(service, id),
    twin: (service, id) => twins.find(service, id),
    forgetOrphans: () => registrations.forgetOrphans(),
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
    // Nodes first: what holds both takes them in this order.
    transaction: (run) =>
      nodes.exclusively(() =>
        registrations.exclusively(() => run(new CatalogDraft({ registry, nodes, registrations }))),
      ),
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
