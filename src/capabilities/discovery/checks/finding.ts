import type { Clock } from '../../../platform/capability.ts'
import type { Instance } from '../model.ts'
import type { CheckResult } from './scheduler.ts'

/** A place to check. */
export type CheckAddress = Pick<Instance, 'host' | 'port'>

/** What a check finds, without the time. */
export type Finding = Pick<CheckResult, 'status' | 'output'>

/** What of the clock a check needs. */
export type CheckClock = Pick<Clock, 'monotonicMs' | 'nextTurn' | 'after'>
