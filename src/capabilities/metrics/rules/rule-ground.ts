import type { Clock, Log } from '../../../platform/capability.ts'
import type { RuleSample } from '../query/messages.ts'
import type { Store } from '../store/store.ts'

/** What the evaluation of rules stands on. */
export interface RuleGround {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  /** Evaluates an expression at a time. Throws `FailedQueryError`. */
  readonly query: (text: string, timeMs: number) => Promise<readonly RuleSample[]>
  /** Where people find this program. */
  readonly externalUrl: () => string
  /** Told after each evaluation of an alerting rule, and with no alerts when the rule is gone. */
  readonly tell: (report: RuleReport) => void
}

/** The alerts of one rule after an evaluation: pending ones are not told. */
export interface RuleReport {
  /** Equal for the same rule, whenever it is told. */
  readonly rule: string
  readonly atMs: number
  /** The next report comes within so long. */
  readonly intervalMs: number
  readonly alerts: readonly ToldAlert[]
}

/** An alert that fires, or that has resolved. */
export interface ToldAlert {
  readonly labels: readonly (readonly [string, string])[]
  readonly annotations: readonly (readonly [string, string])[]
  readonly startsAtMs: number
  /** Undefined while it fires. */
  readonly endsAtMs: number | undefined
  readonly value: number
  readonly expr: string
}
