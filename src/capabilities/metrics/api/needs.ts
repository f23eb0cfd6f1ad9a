import type { Clock, Log } from '../../../platform/capability.ts'
import type { QueryPool } from '../query/query-pool.ts'
import type { RuleGroups } from '../rules/rule-groups.ts'
import type { Store } from '../store/store.ts'
import type { Targets } from '../targets/targets.ts'

/** How queries are bounded. */
export interface QueryLimits {
  readonly timeoutMs: number
  readonly samplesMax: number
  readonly lookbackMs: number
}

/** What the Prometheus API answers from. */
export interface ApiNeeds {
  readonly store: Store
  readonly pool: Pick<QueryPool, 'run'>
  readonly targets: Targets
  /** Groups of rules, as they are in force. */
  readonly rules: () => RuleGroups['all']
  readonly clock: Clock
  readonly log: Log
  readonly limits: () => QueryLimits
  /** The configuration as it is in force, YAML. */
  readonly configuration: () => string
  readonly startedAtMs: number
  readonly retentionText: () => string
}
