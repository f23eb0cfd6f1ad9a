import type { Scope } from '../../platform/capability.ts'
import { ProblemError } from '../../platform/problem.ts'
import type { ServiceSettings, Settings } from '../../settings.ts'
import type { ProcessStatus } from '../../contracts/supervisor.ts'
import type {
  DiscoveryNeed,
  GatewayNeed,
  Override,
  OverrideStore,
  SupervisorNeed,
} from './needs.ts'
import { createServiceRun, type ServiceRun, type Wanted } from './service-run.ts'
import { checkCommands, fitsSpecification, specifyProcess, stopOrders } from './specify.ts'

export interface ProcessesConfig {
  readonly settings: Settings
  /** Absolute folder of the configuration file. */
  readonly folder: string
  readonly inherited: Readonly<Record<string, string | undefined>>
  /** Variables that tell services of our open listeners. */
  readonly listeners: Readonly<Record<string, string>>
}

export interface ProcessesNeeds {
  readonly supervisor: SupervisorNeed
  readonly discovery: DiscoveryNeed
  readonly gateway: GatewayNeed
  readonly overrides: OverrideStore
  /** `service instance` of what the data plane routed when this control plane started. */
  readonly routed: ReadonlySet<string>
}

/** The supervised services: how many instances run, replaced in order, changed at run time. */
export interface Processes {
  /** From now on instances are started; before it only those that run already are adopted. */
  begin(config: ProcessesConfig): void
  configure(config: ProcessesConfig): void
  /** Throws `CommandUnusableError` where `configure` could not run a service: before anything is changed. */
  check(config: ProcessesConfig): void
  services(): readonly ServiceRun[]
  service(name: string): ServiceRun | undefined
  override(name: string): Override | undefined
  /** What the file says, without overrides. */
  targetByFile(name: string): number
  /** The highest number that `scale` accepts. */
  scaleMax(name: string): number
  /** All of these throw `ProblemError` for a service that is not supervised here; they resolve when the wish is durable, not when it is fulfilled. */
  restart(name: string): void
  stop(name: string): Promise<void>
  start(name: string): Promise<void>
  scale(name: string, instances: number): Promise<void>
  clearOverride(name: string): Promise<void>
  /** Calls back with the services that have changed, until the returned function is called. */
  onChange(listener: (services: Iterable<string>) => void): () => void
}

export async function startProcesses(
  first: ProcessesConfig,
  needs: ProcessesNeeds,
  scope: Scope,
): Promise<Processes> {
  const { supervisor, discovery, overrides: store } = needs
  const runs = new Map<string, ServiceRun>()
  const listeners = new Set<(services: Iterable<string>) => void>()
  let config = first
  let hasBegun = false
  let changing: Promise<void> = Promise.resolve()
  let orders = stopOrders(first.settings.services)
  const overrides = new Map((await store.load()).map((one) => [one.service, one]))

  function changed(services: Iterable<string>): void {
    for (const listener of listeners) listener(services)
  }

  /** A service that the file does not name any more is forgotten with its last instance. */
  function slotsChanged(name: string): void {
    if (!isRun(config, name) && runs.get(name)?.slots().length === 0) runs.delete(name)
    changed([name])
  }

  function reconcileAll(): void {
    for (const run of runs.values()) run.reconcile()
  }

  function isReady(name: string): boolean {
    const run = runs.get(name)
    if (run?.wanted().settings.task === true) return run.isFinished()
    return discovery.routableCount(name) > 0
  }

  function wantedOf(name: string, settings: ServiceSettings): Wanted {
    const override = overrides.get(name)
    const target = override?.isStopped === true ? 0 : targetOf(settings, override)
    const context = {
      folder: config.folder,
      inherited: config.inherited,
      urls: needs.gateway.outboundUrls(name),
      listeners: config.listeners,
      stopOrder: orders.get(name) ?? 0,
    }
    const first = specifyProcess(name, settings, 1, context)
    return {
      settings,
      target,
      fits: (spec) => fitsSpecification(spec, first, context),
      specify: (slot) => specifyProcess(name, settings, slot, context),
      mayStart: () => hasBegun && settings.after.every(isReady),
    }
  }

  function applyAll(): void {
    for (const [name, settings] of Object.entries(config.settings.services)) {
      if (settings.run === undefined) continue
      const wanted = wantedOf(name, settings)
      const run = runs.get(name)
      if (run === undefined)
        runs.set(
          name,
          createServiceRun(name, wanted, { ...needs, scope, changed: () => slotsChanged(name) }),
        )
      else run.want(wanted)
    }
  }

  function retireGone(): void {
    for (const [name, run] of runs) {
      if (isRun(config, name)) continue
      run.want({ ...run.wanted(), target: 0 })
      run.reconcile()
      if (run.slots().length === 0) runs.delete(name)
    }
  }

  function observe(statuses: readonly ProcessStatus[]): void {
    for (const status of statuses) {
      const run = runs.get(status.spec.service)
      if (run === undefined) dismiss(status)
      else run.observe(status)
    }
    retireGone()
    reconcileAll()
    changed(new Set(statuses.map((status) => status.spec.service)))
  }

  /** A process of a service that is not ours is stopped, and its record dropped. */
  function dismiss({ spec: { id }, state: { state } }: ProcessStatus): void {
    const hasEnded = state === 'exited' || state === 'failed'
    if (hasEnded) supervisor.send({ type: 'forget', id })
    else if (state !== 'stopping') supervisor.send({ type: 'stop', id })
  }

  async function adoptAll(): Promise<void> {
    const { processes } = await supervisor.hello
    for (const status of processes) {
      const { service, id } = status.spec
      const run = runs.get(service)
      if (run === undefined) {
        dismiss(status)
        continue
      }
      run.adopt(status, needs.routed.has(`${service} ${id}`))
    }
  }

  function runOf(name: string): ServiceRun {
    const run = runs.get(name)
    if (run !== undefined) return run
    throw new ProblemError(
      404,
      'ERR_PROCESSES_SERVICE_UNKNOWN',
      `'${name}' is not a service that runs here. Known: ${[...runs.keys()].join(', ') || 'none'}.`,
    )
  }

  /** One after the other: each builds on the one before. */
  function change(name: string, next: Partial<Override>): Promise<void> {
    const done = changing.then(() => changeNow(name, next))
    changing = done.catch(() => {})
    return done
  }

  async function changeNow(name: string, next: Partial<Override>): Promise<void> {
    const run = runOf(name)
    const before = overrides.get(name) ?? { service: name, instances: undefined, isStopped: false }
    const override = { ...before, ...next }
    await store.save(override)
    if (override.instances === undefined && !override.isStopped) overrides.delete(name)
    else overrides.set(name, override)
    // While it was stored, the service may have gone from the file.
    const settings = isRun(config, name) ? config.settings.services[name] : undefined
    if (settings !== undefined) run.want(wantedOf(name, settings))
    run.reconcile()
    changed([name])
  }

  applyAll()
  await adoptAll()
  supervisor.onProcesses(observe)
  discovery.onChange((services) => {
    reconcileAll()
    changed(services)
  })

  function configure(next: ProcessesConfig): void {
    config = next
    orders = stopOrders(next.settings.services)
    applyAll()
    retireGone()
    reconcileAll()
    changed(runs.keys())
  }

  return {
    begin(next) {
      hasBegun = true
      configure(next)
    },
    configure,
    check: checkCommands,
    services: () => [...runs.values()],
    service: (name) => runs.get(name),
    override: (name) => (runs.has(name) ? overrides.get(name) : undefined),
    scaleMax: (name) => scaleMaxOf(runOf(name).wanted().settings),
    targetByFile: (name) => fileTarget(runOf(name).wanted().settings),
    restart(name) {
      runOf(name).restart()
      changed([name])
    },
    stop: (name) => change(name, { isStopped: true }),
    start: (name) => change(name, { isStopped: false }),
    async scale(name, instances) {
      refuseScale(name, runOf(name).wanted().settings, instances)
      await change(name, { instances, isStopped: false })
    },
    clearOverride: (name) => change(name, { instances: undefined, isStopped: false }),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** The file has it as a service that runs here. */
function isRun({ settings: { services } }: ProcessesConfig, name: string): boolean {
  return Object.hasOwn(services, name) && services[name]?.run !== undefined
}

function fileTarget(settings: ServiceSettings): number {
  return typeof settings.instances === 'number' ? settings.instances : settings.instances.min
}

/** A number of instances that was set at run time holds within what the file allows now. */
function targetOf(settings: ServiceSettings, override: Override | undefined): number {
  const wanted = override?.instances ?? fileTarget(settings)
  return override === undefined ? wanted : Math.min(wanted, scaleMaxOf(settings))
}

function scaleMaxOf(settings: ServiceSettings): number {
  if (settings.port !== undefined || settings.task) return 1
  return typeof settings.instances === 'number' ? 1000 : settings.instances.max
}

function refuseScale(name: string, settings: ServiceSettings, instances: number): void {
  const max = scaleMaxOf(settings)
  if (instances <= max) return
  throw new ProblemError(
    400,
    'ERR_PROCESSES_SCALE_BOUND',
    `'${name}' may have at most ${max} instance${max === 1 ? '' : 's'}; ${instances} were asked for. Raise services.${name}.instances.max in the file.`,
  )
}
