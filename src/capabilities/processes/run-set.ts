import type { ProcessStatus } from '../../contracts/supervisor.ts'
import type { Scope } from '../../platform/capability.ts'
import { ownEntry } from '../../platform/own-entry.ts'
import type { ServiceSettings, Settings } from '../../settings.ts'
import type { DiscoveryNeed, GatewayNeed, Override, SupervisorNeed } from './needs.ts'
import { serviceUnknown } from './service-unknown.ts'
import { createServiceRun, type ServiceRun, type Wanted } from './service-run.ts'
import type { Slot } from './slot.ts'
import { fitsSpecification, specifyProcess, stopOrders } from './specify.ts'
import { targetOf } from './targets.ts'

export interface ProcessesConfig {
  readonly settings: Pick<Settings, 'services'>
  /** Absolute folder of the configuration file. */
  readonly folder: string
  readonly inherited: Readonly<Record<string, string | undefined>>
}

export interface RunSetNeeds {
  readonly supervisor: SupervisorNeed
  readonly discovery: DiscoveryNeed
  readonly gateway: GatewayNeed
  /** What services are told of our own listeners: variables by name. */
  variables(): Readonly<Record<string, string>>
  overrideOf(service: string): Override | undefined
  readonly scope: Scope
  /** Something of these services has changed. */
  changed(services: Iterable<string>): void
}

/** All supervised services, kept equal to what the file and the overrides want. */
export class RunSet {
  readonly #runs = new Map<string, ServiceRun>()
  /** What the scaler wants of services that have one. */
  readonly #scaled = new Map<string, number>()
  readonly #needs: RunSetNeeds
  #config: ProcessesConfig
  #orders: ReadonlyMap<string, number>
  #hasBegun = false

  constructor(config: ProcessesConfig, needs: RunSetNeeds) {
    this.#needs = needs
    this.#config = config
    this.#orders = stopOrders(config.settings.services)
    this.#applyAll()
  }

  all(): readonly ServiceRun[] {
    return [...this.#runs.values()]
  }

  find(name: string): ServiceRun | undefined {
    return this.#runs.get(name)
  }

  /** Throws `ProblemError` for a service that is not supervised here. */
  get(name: string): ServiceRun {
    const run = this.#runs.get(name)
    if (run === undefined) throw serviceUnknown(name, [...this.#runs.keys()])
    return run
  }

  /** A service, or one of its instances by its id. Throws `ProblemError` for a name that is neither. */
  getTarget(name: string): { readonly run: ServiceRun; readonly slot: Slot | undefined } {
    for (const run of this.#runs.values()) {
      if (run.name === name) return { run, slot: undefined }
      const slot = run.slots().find((one) => one.spec.id === name)
      if (slot !== undefined) return { run, slot }
    }
    throw serviceUnknown(name, [...this.#runs.keys()])
  }

  /** From now on instances are started. */
  begin(): void {
    this.#hasBegun = true
    this.configure(this.#config)
  }

  configure(next: ProcessesConfig): void {
    this.#config = next
    this.#orders = stopOrders(next.settings.services)
    this.#applyAll()
    this.#retireGone()
    this.reconcile()
    this.#needs.changed(this.#runs.keys())
  }

  /** Its override has changed. While that was stored, the service may have gone from the file. */
  apply(name: string): void {
    const settings = this.#settingsOf(name)
    const run = this.#runs.get(name)
    if (settings !== undefined) run?.want(this.#wantedOf(name, settings))
    run?.reconcile()
    this.#needs.changed([name])
  }

  /** What the scaler wants from now on; below an override. Nothing for a service that the file does not scale. */
  setScaled(name: string, instances: number): void {
    if (this.#settingsOf(name)?.scale === undefined) return
    this.#scaled.set(name, instances)
    this.apply(name)
  }

  /** Looks again at everything: something around it has changed. */
  reconcile(): void {
    for (const run of this.#runs.values()) run.reconcile()
  }

  /** What every instance of a service finds in its environment from us, but its port and its name. */
  variablesOf(name: string): Readonly<Record<string, string>> {
    this.get(name)
    return {
      OTEL_SERVICE_NAME: name,
      ...this.#needs.gateway.outboundUrls(name),
      ...this.#needs.variables(),
    }
  }

  /** Takes over what the supervisor runs already. */
  adopt(processes: readonly ProcessStatus[], routed: ReadonlySet<string>): void {
    // What the scaler of a former control plane has come to is where this one goes on.
    for (const { spec, state } of processes) {
      const isThere = state.state !== 'stopping' && state.state !== 'exited'
      if (isThere && this.#settingsOf(spec.service)?.scale !== undefined)
        this.#scaled.set(spec.service, (this.#scaled.get(spec.service) ?? 0) + 1)
    }
    this.#applyAll()
    for (const status of processes) {
      const { service, id } = status.spec
      const run = this.#runs.get(service)
      if (run === undefined) this.#dismiss(status)
      else run.adopt(status, routed.has(`${service} ${id}`))
    }
  }

  observe(statuses: readonly ProcessStatus[]): void {
    for (const status of statuses) {
      const run = this.#runs.get(status.spec.service)
      if (run === undefined) this.#dismiss(status)
      else run.observe(status)
    }
    this.#retireGone()
    this.reconcile()
    this.#needs.changed(new Set(statuses.map((status) => status.spec.service)))
  }

  /** A process of a service that is not ours is stopped, and its record dropped. */
  #dismiss({ spec: { id }, state: { state } }: ProcessStatus): void {
    const hasEnded = state === 'exited' || state === 'failed'
    if (hasEnded) this.#needs.supervisor.send({ type: 'forget', id })
    else if (state !== 'stopping') this.#needs.supervisor.send({ type: 'stop', id })
  }

  #applyAll(): void {
    const variables = this.#needs.variables()
    for (const name of Object.keys(this.#config.settings.services)) {
      const settings = this.#settingsOf(name)
      if (settings?.scale === undefined) this.#scaled.delete(name)
      if (settings === undefined) continue
      const wanted = this.#wantedOf(name, settings, variables)
      const run = this.#runs.get(name)
      if (run !== undefined) run.want(wanted)
      else this.#runs.set(name, createServiceRun(name, wanted, this.#needsOf(name)))
    }
  }

  #needsOf(name: string): Parameters<typeof createServiceRun>[2] {
    const { supervisor, discovery, gateway, scope } = this.#needs
    return { supervisor, discovery, gateway, scope, changed: () => this.#slotsChanged(name) }
  }

  #retireGone(): void {
    for (const [name, run] of this.#runs) {
      if (this.#settingsOf(name) !== undefined) continue
      run.want({ ...run.wanted(), target: 0 })
      run.reconcile()
      if (run.slots().length === 0) this.#runs.delete(name)
    }
  }

  /** A service that the file does not name any more is forgotten with its last instance. */
  #slotsChanged(name: string): void {
    const isGone = this.#settingsOf(name) === undefined
    if (isGone && this.#runs.get(name)?.slots().length === 0) this.#runs.delete(name)
    this.#needs.changed([name])
  }

  /** Undefined for what the file does not have as a service that runs here. */
  #settingsOf(name: string): ServiceSettings | undefined {
    const settings = ownEntry(this.#config.settings.services, name)
    return settings?.run === undefined ? undefined : settings
  }

  #isReady(name: string): boolean {
    const run = this.#runs.get(name)
    if (run?.wanted().settings.task === true) return run.isFinished()
    return this.#needs.discovery.routableCount(name) > 0
  }

  #wantedOf(name: string, settings: ServiceSettings, listeners = this.#needs.variables()): Wanted {
    const context = {
      folder: this.#config.folder,
      inherited: this.#config.inherited,
      urls: this.#needs.gateway.outboundUrls(name),
      listeners,
      stopOrder: this.#orders.get(name) ?? 0,
    }
    const first = specifyProcess(name, settings, 1, context)
    return {
      settings,
      target: targetOf(settings, this.#needs.overrideOf(name), this.#scaled.get(name)),
      fits: (spec) => fitsSpecification(spec, first, context),
      specify: (slot) => specifyProcess(name, settings, slot, context),
      mayStart: () => this.#hasBegun && settings.after.every((one) => this.#isReady(one)),
    }
  }
}
