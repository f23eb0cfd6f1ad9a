import type { Problem } from '../../platform/capability.ts'
import type { MetricFamily } from '../../platform/metrics-text.ts'
import type { Discovery, ServiceSummary } from './api.ts'
import type { Instance } from './model.ts'

/** What is wrong with the instances of one service; undefined while all are in rotation, or still on their way. */
export function problemOf(
  { name, instanceCount, routableCount }: ServiceSummary,
  instances: Iterable<Instance>,
): Problem | undefined {
  if (routableCount === instanceCount) return undefined
  let critical: Instance | undefined
  let isStarting = false
  let isAnyOut = false
  for (const instance of instances) {
    const { isRoutable, health, origin, checks } = instance
    // One of ours that drains is on its way out, in order.
    if (isRoutable || (health === 'draining' && origin === 'run')) continue
    // It serves no port, or stands by for a source that is used before it.
    if (health === 'passing') continue
    isAnyOut = true
    if (health === 'unknown') isStarting = true
    if (critical === undefined && health === 'critical' && checks.length > 0) critical = instance
  }
  if (!isAnyOut || (isStarting && critical === undefined)) return undefined
  const output = critical?.checks.find(({ status }) => status !== 'passing')?.output
  return {
    severity: routableCount === 0 ? 'error' : 'warning',
    code: 'ERR_DISCOVERY_CHECK_FAILING',
    service: name,
    instance: '',
    text:
      critical === undefined
        ? `${routableCount} of ${instanceCount} instances are routable`
        : `${critical.id}: ${output ?? 'its check fails'}`,
  }
}

/** What is wrong with any service. */
export function* problemsOf(
  discovery: Pick<Discovery, 'services' | 'problemOf'>,
): Generator<Problem> {
  for (const { name } of discovery.services()) {
    const problem = discovery.problemOf(name)
    if (problem !== undefined) yield problem
  }
}

/** Instances by service and health. */
export function* discoveryMetrics(
  discovery: Pick<Discovery, 'services' | 'instances'>,
): Generator<MetricFamily> {
  const services = [...discovery.services()]
  yield {
    name: 'backplane_discovery_instances',
    help: 'Instances by service and health.',
    type: 'gauge',
    samples: services.flatMap(({ name }) =>
      [...Map.groupBy(discovery.instances(name), ({ health }) => health)].map(([health, all]) => ({
        labels: { service: name, health },
        value: all.length,
      })),
    ),
  }
  yield {
    name: 'backplane_discovery_routable_instances',
    help: 'Instances in rotation.',
    type: 'gauge',
    samples: services.map(({ name, routableCount }) => ({
      labels: { service: name },
      value: routableCount,
    })),
  }
}
