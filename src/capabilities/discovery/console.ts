import type { Problem } from '../../platform/capability.ts'
import type { MetricFamily } from '../../platform/metrics-text.ts'
import type { Discovery, ServiceSummary } from './api.ts'
import type { Instance } from './model.ts'
import type { SourceView } from './sources/follower.ts'

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
  discovery: Pick<Discovery, 'services' | 'problemOf' | 'sources'>,
): Generator<Problem> {
  for (const source of discovery.sources()) {
    if (source.isStale) yield staleProblemOf(source)
  }
  for (const { name } of discovery.services()) {
    const problem = discovery.problemOf(name)
    if (problem !== undefined) yield problem
  }
}

function staleProblemOf(source: SourceView): Problem {
  const { service, kind, place, targetCount, why, answeredAtMs } = source
  const asOf = answeredAtMs === 0 ? 'before this start' : new Date(answeredAtMs).toISOString()
  const kept =
    targetCount === 0
      ? 'no instances are known'
      : `${targetCount} instances are kept, as of ${asOf}`
  return {
    severity: targetCount === 0 ? 'error' : 'warning',
    code: 'ERR_DISCOVERY_SOURCE_STALE',
    service,
    instance: '',
    key: `${kind} ${place}`,
    text: `${kind} ${place}: ${why}; ${kept}`,
  }
}

/** Instances by service and health, and the age of what sources say. */
export function* discoveryMetrics(
  discovery: Pick<Discovery, 'services' | 'instances' | 'sources'>,
  nowMs: number,
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
  const sources = discovery.sources()
  if (sources.length === 0) return
  const labelsOf = ({ service, kind, place }: SourceView) => ({ service, kind, source: place })
  yield {
    name: 'backplane_discovery_source_stale',
    help: '1 while a source cannot be reached or names nobody all of a sudden, and its last instances are kept.',
    type: 'gauge',
    samples: sources.map((one) => ({ labels: labelsOf(one), value: Number(one.isStale) })),
  }
  yield {
    name: 'backplane_discovery_source_age_seconds',
    help: 'Time since a source has answered with what is in use.',
    type: 'gauge',
    samples: sources
      .filter((one) => one.answeredAtMs > 0)
      .map((one) => ({
        labels: labelsOf(one),
        value: Math.max(0, nowMs - one.answeredAtMs) / 1_000,
      })),
  }
}
