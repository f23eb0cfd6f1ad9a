import type { Metric, ReadingTerms, Replica, Sample, Tolerance, Total } from './metrics.ts'
import { countReady, groupReplicas, type ReplicaGroups } from './replica-groups.ts'

/** The service as it is when its metrics are read. */
export interface ScaleState {
  /** Wanted replicas: `spec.replicas`. */
  readonly wantedCount: number
  /** Replicas there are: `status.replicas`. */
  readonly presentCount: number
  readonly replicas: readonly Replica[]
}

/** What one metric asks for. */
export type Recommendation =
  | { readonly state: 'unusable'; readonly name: string; readonly reason: string }
  | {
      readonly state: 'usable'
      readonly name: string
      readonly replicas: number
      /** What was measured, in the unit of `target`: percent for a utilization, else thousandths. Without missing and unready replicas. */
      readonly current: number
      readonly target: number
      /** current / target, before missing and unready replicas were counted. */
      readonly ratio: number
      /** The ratio that decided. */
      readonly countedRatio: number
      readonly missingCount: number
      readonly ignoredCount: number
      /** Why it is the present number although the ratio is not 1. */
      readonly kept: 'tolerance' | 'direction' | undefined
    }

/**
 * What one metric asks for, by Kubernetes' replica calculator (pkg/controller/podautoscaler, "Algorithm details" in its documentation): missing replicas
 * count as 100 % for fewer and as 0 for more, those that are not ready yet as 0 for more, and neither may turn the direction round.
 */
export function recommendReplicas(
  metric: Metric,
  state: ScaleState,
  terms: ReadingTerms,
  nowMs: number,
): Recommendation {
  switch (metric.kind) {
    case 'utilization':
    case 'average':
      return recommendBySamples(metric, state, terms, nowMs)
    case 'value':
      return recommendByTotal(metric, metric.total, state, terms.tolerance)
    case 'shared':
      return recommendByShare(metric, metric.total, state, terms.tolerance)
    default:
      return metric satisfies never
  }
}

const NO_RATIO = 'what was measured is not a number, or the target is 0'

type SampledMetric = Extract<Metric, { kind: 'utilization' | 'average' }>

function recommendBySamples(
  metric: SampledMetric,
  state: ScaleState,
  terms: ReadingTerms,
  nowMs: number,
): Recommendation {
  const { samples } = metric
  const { replicas } = state
  if (samples.state === 'missing') return unusable(metric, samples.reason)
  if (replicas.length === 0) return unusable(metric, 'there are no replicas')
  const groups = groupReplicas(replicas, samples.byReplica, metric.resource, terms, nowMs)
  const values = valuesOf(samples.byReplica, groups.ignored)
  if (metric.kind === 'utilization') {
    const without = replicas.find(({ id }) => !metric.requests.has(id))
    if (without !== undefined)
      return unusable(metric, `'${without.id}' has no request for ${metric.resource}`)
  }
  if (values.size === 0) return unusable(metric, 'nothing was measured at any ready replica')
  const usage = usageOf(metric, values)
  if (usage === undefined) return unusable(metric, 'what was measured is of no known replica')
  if (!Number.isFinite(usage.ratio)) return unusable(metric, NO_RATIO)
  return recommendFromUsage(metric, usage, values, groups, state.wantedCount, terms.tolerance)
}

interface Usage {
  readonly current: number
  readonly target: number
  readonly ratio: number
}

function recommendFromUsage(
  metric: SampledMetric,
  first: Usage,
  values: Map<string, number>,
  { readyCount, ignored, missing }: ReplicaGroups,
  wantedCount: number,
  tolerance: Tolerance,
): Recommendation {
  const countsIgnored = ignored.length > 0 && first.ratio > 1
  const base = {
    state: 'usable',
    name: metric.name,
    ...first,
    countedRatio: first.ratio,
    missingCount: missing.length,
    ignoredCount: ignored.length,
    kept: undefined,
  } as const
  if (!countsIgnored && missing.length === 0) {
    if (isWithin(first.ratio, tolerance))
      return { ...base, replicas: wantedCount, kept: 'tolerance' }
    return { ...base, replicas: Math.ceil(first.ratio * readyCount) }
  }
  assume(metric, values, missing, first.ratio)
  if (countsIgnored) for (const id of ignored) values.set(id, 0)
  const { ratio } = usageOf(metric, values) ?? first
  const counted = { ...base, countedRatio: ratio }
  if (isWithin(ratio, tolerance)) return { ...counted, replicas: wantedCount, kept: 'tolerance' }
  const replicas = Math.ceil(ratio * values.size)
  // Neither the ratio nor the number of those that are counted may turn the direction round.
  const hasTurned =
    (first.ratio < 1 && ratio > 1) ||
    (first.ratio > 1 && ratio < 1) ||
    (ratio < 1 && replicas > wantedCount) ||
    (ratio > 1 && replicas < wantedCount)
  if (hasTurned) return { ...counted, replicas: wantedCount, kept: 'direction' }
  return { ...counted, replicas }
}

/** What missing replicas are taken to do: the whole target (or request, if that is more) for fewer, nothing for more. */
function assume(
  metric: SampledMetric,
  values: Map<string, number>,
  missing: readonly string[],
  ratio: number,
): void {
  // Exactly on target, a utilization leaves them out, and a plain mean counts them as 0.
  if (metric.kind === 'utilization' && ratio === 1) return
  for (const id of missing) {
    if (ratio >= 1) values.set(id, 0)
    else if (metric.kind === 'average') values.set(id, metric.targetMilli)
    else {
      const percent = Math.max(100, metric.targetPercent)
      values.set(id, Math.trunc(((metric.requests.get(id) ?? 0) * percent) / 100))
    }
  }
}

/** The measured values without those that are set aside. */
function valuesOf(
  samples: ReadonlyMap<string, Sample>,
  ignored: readonly string[],
): Map<string, number> {
  const values = new Map<string, number>()
  for (const [id, { milli }] of samples) values.set(id, milli)
  for (const id of ignored) values.delete(id)
  return values
}

/** Undefined where nothing can be divided by. Whole percent and whole thousandths, cut: as Kubernetes does. */
function usageOf(metric: SampledMetric, values: ReadonlyMap<string, number>): Usage | undefined {
  let total = 0
  if (metric.kind === 'average') {
    for (const value of values.values()) total += value
    const current = Math.trunc(total / values.size)
    return { current, target: metric.targetMilli, ratio: current / metric.targetMilli }
  }
  let requested = 0
  for (const [id, value] of values) {
    const request = metric.requests.get(id)
    // A sample of a replica that is not there any more.
    if (request === undefined) continue
    total += value
    requested += request
  }
  if (requested === 0) return undefined
  const current = Math.trunc((total * 100) / requested)
  return { current, target: metric.targetPercent, ratio: current / metric.targetPercent }
}

interface TotalTarget {
  readonly name: string
  readonly targetMilli: number
}

function recommendByTotal(
  metric: TotalTarget,
  total: Total,
  { wantedCount, replicas }: ScaleState,
  tolerance: Tolerance,
): Recommendation {
  if (total.state === 'missing') return unusable(metric, total.reason)
  const { milli } = total
  const ratio = milli / metric.targetMilli
  if (!Number.isFinite(ratio)) return unusable(metric, NO_RATIO)
  const base = usable(metric, milli, ratio)
  // From zero there is nothing to multiply and nothing to tolerate.
  if (wantedCount === 0) return { ...base, replicas: Math.ceil(ratio) }
  if (isWithin(ratio, tolerance)) return { ...base, replicas: wantedCount, kept: 'tolerance' }
  if (replicas.length === 0) return unusable(metric, 'there are no replicas')
  return { ...base, replicas: Math.ceil(ratio * countReady(replicas)) }
}

function recommendByShare(
  metric: TotalTarget,
  total: Total,
  { presentCount }: ScaleState,
  tolerance: Tolerance,
): Recommendation {
  if (total.state === 'missing') return unusable(metric, total.reason)
  const { milli } = total
  if (!Number.isFinite(milli / metric.targetMilli)) return unusable(metric, NO_RATIO)
  const ratio = milli / (metric.targetMilli * presentCount)
  const base = usable(metric, presentCount === 0 ? milli : Math.ceil(milli / presentCount), ratio)
  if (isWithin(ratio, tolerance)) return { ...base, replicas: presentCount, kept: 'tolerance' }
  return { ...base, replicas: Math.ceil(milli / metric.targetMilli) }
}

function usable(metric: TotalTarget, current: number, ratio: number) {
  return {
    state: 'usable',
    name: metric.name,
    current,
    target: metric.targetMilli,
    ratio,
    countedRatio: ratio,
    missingCount: 0,
    ignoredCount: 0,
    kept: undefined,
  } as const
}

function unusable({ name }: { readonly name: string }, reason: string): Recommendation {
  return { state: 'unusable', name, reason }
}

function isWithin(ratio: number, { up, down }: Tolerance): boolean {
  return 1 - down <= ratio && ratio <= 1 + up
}
