import type { Problem, Scope } from '../../platform/capability.ts'
import type { ServiceSettings } from '../../settings.ts'
import type { OutputLine, ProcessStatus, ToSupervisor } from '../../contracts/supervisor.ts'

/** What the processes capability needs of the supervisor. */
export interface SupervisorNeed {
  readonly hello: Promise<{ readonly processes: readonly ProcessStatus[] }>
  send(message: ToSupervisor): void
  onProcesses(listener: (changed: readonly ProcessStatus[]) => void): void
}

export interface RunningInstance {
  readonly service: string
  readonly id: string
  readonly host: string
  readonly port: number
  readonly weight: number
  readonly health: ServiceSettings['health']
  /** It was in rotation before this control plane started, and stays until a check says otherwise. */
  readonly wasRoutable: boolean
}

/** What it needs of discovery. */
export interface DiscoveryNeed {
  put(instance: RunningInstance): void
  /** Out of rotation, but still shown. */
  drain(service: string, id: string): void
  remove(service: string, id: string): void
  /** Once after a start: all that still runs has been put. */
  adopted(): Promise<void>
  isRoutable(service: string, id: string): boolean
  /** Its checks count, after the time for its start, and say that it is not well. */
  isFailing(service: string, id: string): boolean
  /** Number of routable instances of a service. */
  routableCount(service: string): number
  /** Calls back whenever what is routable of some services has changed. */
  onChange(listener: (services: ReadonlySet<string>) => void): void
}

/** The output of processes: first the last lines, then each new one, until the returned function is called. */
export interface OutputNeed {
  follow(
    what: { readonly processes: readonly string[]; readonly former?: readonly string[] },
    tail: number,
    onLines: (lines: readonly OutputLine[], dropped: number) => void | Promise<void>,
  ): () => void
}

/** What it needs of the gateway. */
export interface GatewayNeed {
  drained(service: string, id: string, timeoutMs: number): Promise<boolean>
  outboundUrls(caller: string): Readonly<Record<string, string>>
}

/** Run-time changes that outlive a restart. */
export interface Override {
  readonly service: string
  /** Wanted instances instead of the file's, or undefined. */
  readonly instances: number | undefined
  readonly isStopped: boolean
}

export interface OverrideStore {
  /** Once. A row that cannot be read is set aside, and a problem from then on. */
  load(scope: Pick<Scope, 'clock' | 'log'>): Promise<readonly Override[]>
  problems(): Iterable<Problem>
  /** An override without a difference is deleted. */
  save(override: Override): Promise<void>
}
