import type { InstanceView } from '../../contracts/feed.ts'
import type { Problem } from '../../platform/capability.ts'
import type { Override } from './needs.ts'
import type { ServiceRun } from './service-run.ts'

/** One process of a service, as people are told. */
export interface RunningView {
  readonly id: string
  /** '' while it does not run. */
  readonly address: string
  readonly isRetiring: boolean
  readonly process: NonNullable<InstanceView['process']>
}

/** The supervised services: how many instances run, replaced in order, changed at run time. */
export interface Processes {
  /** From now on instances are started; before it only those that run already are adopted. */
  begin(): void
  services(): readonly ServiceRun[]
  service(name: string): ServiceRun | undefined
  /** What runs, starts or has ended of a service, as people are told. */
  instances(service: string): readonly RunningView[]
  /** What is wrong with the processes of a service: one crashes, or cannot be started. */
  problemOf(service: string): Problem | undefined
  override(name: string): Override | undefined
  /** What the file says, without overrides. */
  targetByFile(name: string): number
  /** What Backplane gives to every instance: addresses of others and of our listeners. No secrets. Throws `ProblemError`. */
  variablesOf(name: string): Readonly<Record<string, string>>
  /** The highest number that `scale` accepts. */
  scaleMax(name: string): number
  /**
   * All of these throw `ProblemError`, for a service that is not supervised here and where it cannot be stored; they resolve when the wish is
   * durable, not when it is fulfilled.
   */
  /** Of a service, or of one instance by its id. */
  restart(name: string): void
  /** A service stays stopped; without one instance by its id there is one fewer, until it is scaled again. */
  stop(name: string): Promise<void>
  start(name: string): Promise<void>
  scale(name: string, instances: number): Promise<void>
  clearOverride(name: string): Promise<void>
  /** What the scaler wants: not stored, and below an override. */
  setScaled(name: string, instances: number): void
  /** Calls back with the services that have changed, until the returned function is called. */
  onChange(listener: (services: Iterable<string>) => void): () => void
}
