import type { Clock } from '../../platform/capability.ts'
import type { CheckRecord, InstanceRecord, TwinRecord } from './records.ts'

/** What the registry asks of its surroundings. */
export interface RegistryHooks {
  readonly clock: Clock
  /** Beyond it a new instance is refused. */
  instancesMax(): number
  /** The first index; every later one is greater. */
  readonly firstIndex: number
  /** Calls `flush` soon, in a later turn: what changes until then is one batch. */
  scheduleFlush(flush: () => void): void
  /** An active check must run from now on. */
  startCheck(check: CheckRecord): void
  stopCheck(check: CheckRecord): void
  /** The status of a check is another one now. */
  onStatus(check: CheckRecord): void
  /** A lease has run out: milliseconds that it gets in addition; undefined: it ends. */
  guardLease(instance: InstanceRecord): number | undefined
  /** A lease ran out, or a check (given) was critical for too long, and the instance was removed. */
  onEnded(instance: InstanceRecord, check: CheckRecord | undefined): void
  /** An instance of the house with twins went, or another process took its name. */
  onTwinsLost(instance: InstanceRecord): void
  /** A check of a twin was critical for as long as it may be. */
  onTwinEnded(instance: InstanceRecord, twin: TwinRecord): void
  onWatcherError(error: unknown): void
}
