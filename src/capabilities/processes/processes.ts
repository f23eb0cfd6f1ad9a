import { resolve } from 'node:path'
import type { Part, Scope } from '../../platform/capability.ts'
import type { Processes } from './api.ts'
import { problemOf, problemsOf, registerServiceRoutes } from './console.ts'
import { registerLogRoutes } from './logs.ts'
import { processesMetrics } from './metrics.ts'
import type {
  DiscoveryNeed,
  GatewayNeed,
  OutputNeed,
  OverrideStore,
  SupervisorNeed,
} from './needs.ts'
import { loadOverrides } from './overrides.ts'
import { RunSet, type ProcessesConfig } from './run-set.ts'
import { viewSlot } from './slot-view.ts'
import { checkCommands } from './specify.ts'
import { ChangeWatch, type Watched } from './watching/change-watch.ts'
import { fileTarget, refuseScale, scaleMaxOf } from './targets.ts'

export interface ProcessesNeeds {
  readonly supervisor: SupervisorNeed
  readonly output: OutputNeed
  readonly discovery: DiscoveryNeed
  readonly gateway: GatewayNeed
  readonly overrides: OverrideStore
  /** `service instance` of what the data plane routed when this control plane started. */
  readonly routed: ReadonlySet<string>
  /** What services are told of our own listeners: variables by name. */
  variables(): Readonly<Record<string, string>>
}

/** Adopts what runs already; starts nothing before `begin`. */
export async function startProcesses(
  first: ProcessesConfig,
  needs: ProcessesNeeds,
  scope: Scope,
): Promise<Part<ProcessesConfig, Processes>> {
  const { supervisor, discovery } = needs
  const listeners = new Set<(services: Iterable<string>) => void>()
  const changed = (services: Iterable<string>): void => {
    for (const listener of listeners) listener(services)
  }
  const overrides = await loadOverrides(
    needs.overrides,
    scope,
    (name) => void runs.get(name),
    (name) => runs.apply(name),
  )
  const overrideOf = (name: string) => overrides.of(name)
  const runs: RunSet = new RunSet(first, { ...needs, overrideOf, scope, changed })
  const changes = new ChangeWatch(scope, (name) => runs.find(name)?.restart())
  runs.adopt((await supervisor.hello).processes, needs.routed)
  await discovery.adopted()
  supervisor.onProcesses((statuses) => runs.observe(statuses))
  discovery.onChange((services) => {
    runs.reconcile()
    changed(services)
  })

  const isUp = (name: string, id?: string): boolean =>
    id === undefined ? discovery.routableCount(name) > 0 : discovery.isRoutable(name, id)
  const api: Processes = {
    begin() {
      runs.begin()
      changes.follow(watchedOf(first))
    },
    services: () => runs.all(),
    service: (name) => runs.find(name),
    instances: (name) => (runs.find(name)?.slots() ?? []).map(viewSlot),
    problemOf: (name) => problemOf(name, api.instances(name), (id) => isUp(name, id)),
    override: (name) => (runs.find(name) === undefined ? undefined : overrides.of(name)),
    scaleMax: (name) => scaleMaxOf(runs.get(name).wanted().settings),
    targetByFile: (name) => fileTarget(runs.get(name).wanted().settings),
    variablesOf: (name) => runs.variablesOf(name),
    restart(name) {
      const { run, slot } = runs.getTarget(name)
      run.restart(slot)
      changed([run.name])
    },
    async stop(name) {
      const { run, slot } = runs.getTarget(name)
      if (slot === undefined) return overrides.change(name, { isStopped: true })
      run.unwant(slot)
      await overrides.change(run.name, { instances: Math.max(0, run.wanted().target - 1) })
    },
    start: (name) => overrides.change(name, { isStopped: false }),
    async scale(name, instances) {
      refuseScale(name, runs.get(name).wanted().settings, instances)
      await overrides.change(name, { instances, isStopped: false })
    },
    clearOverride: (name) => overrides.change(name, { instances: undefined, isStopped: false }),
    setScaled: (name, instances) => runs.setScaled(name, instances),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  return {
    api,
    prepare(next) {
      checkCommands({ ...next, listeners: needs.variables() })
      return {
        commit() {
          runs.configure(next)
          changes.follow(watchedOf(next))
        },
      }
    },
    routes: [
      (app) => registerServiceRoutes(app, api),
      (app) => registerLogRoutes(app, api, needs.output, scope.clock),
    ],
    metrics: () => processesMetrics(runs.all()),
    problems: () => [...needs.overrides.problems(), ...changes.problems(), ...problemsOf(api)],
  }
}

function watchedOf({ settings, folder }: ProcessesConfig): readonly Watched[] {
  return Object.entries(settings.services).flatMap(([service, one]) =>
    one.run === undefined || one.watch.length === 0
      ? []
      : [{ service, folder: resolve(folder, one.folder), paths: one.watch }],
  )
}
