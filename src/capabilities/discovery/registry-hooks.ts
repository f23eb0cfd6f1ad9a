import type { Clock } from '../../platform/capability.ts'
import type { CheckRecord, InstanceRecord } from './records.ts'

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
  onWatcherError(error: unknown): void
}
