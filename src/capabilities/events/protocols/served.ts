import type { Log } from '../../../platform/capability.ts'
import type { EventStore, StoreLimits } from '../store.ts'
import type { Groups } from '../subscriptions/groups/group-registry.ts'
import type { Tail } from '../subscriptions/tail.ts'

/** What protocols serve. */
export interface Served {
  readonly store: EventStore
  readonly tail: Tail
  readonly groups: Groups
  readonly limits: () => StoreLimits
  readonly log: Log
}
