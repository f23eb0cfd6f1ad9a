import type { CheckStatus } from './check-spec.ts'
import type { Check, Health, Weights } from './model.ts'
import type { InstanceRecord, NodeRecord } from './records.ts'

const severities = { passing: 0, warning: 1, unknown: 2, critical: 3 } as const

/** The worst of the checks; passing when there is none. */
export function worstStatus(checks: readonly Check[], start: CheckStatus = 'passing'): CheckStatus {
  let worst = start
  for (const { status } of checks) if (severities[status] > severities[worst]) worst = status
  return worst
}

/** The worst of a node's checks and its maintenance. */
export function statusOfNode(node: NodeRecord): CheckStatus {
  return node.maintenance === undefined ? worstStatus(node.checks) : 'critical'
}

/** The worst of draining, override, lease, its checks and its node; `up` overrides the checks only. */
export function healthOf(instance: InstanceRecord): Health {
  if (instance.isDraining) return 'draining'
  if (instance.hasLapsed) return 'critical'
  switch (instance.override) {
    case 'up':
      return 'passing'
    case 'out-of-service':
    case 'maintenance':
      return 'critical'
    case undefined:
      return worstStatus(instance.checks, statusOfNode(instance.nodeRecord))
  }
}

/** The weight that counts at this health, where nothing else stands in the way. */
export function weightOf(
  { weights, port }: { readonly weights: Weights; readonly port: number },
  health: Health,
): number {
  if (port === 0) return 0
  if (health === 'passing') return weights.passing
  return health === 'warning' ? weights.warning : 0
}
