import type { OutlierStats } from './outlier-stats.ts'

/** When an instance is too different from the others. */
export interface OutlierPolicy {
  /** How many times the others' latency is too much; 0: latency is not looked at. */
  readonly latencyFactor: number
  /** What is this much slower or less is never too slow: milliseconds. */
  readonly latencyFloorMs: number
  /** Share of failures that is too much, where the others have not half as much; 0: not looked at. */
  readonly failureRatio: number
  /** The same of failures that began on our side (no connection, no answer); 0: not looked at. */
  readonly localFailureRatio: number
  /** Calls in the last two spans below which nothing is said of an instance. */
  readonly callsMin: number
}

/** Why an instance is an outlier. */
export const OUTLIER = { none: 0, latency: 1, failures: 2, localFailures: 3 } as const
export type Outlier = (typeof OUTLIER)[keyof typeof OUTLIER]

/** What a verdict rests on, to be told. */
export interface OutlierVerdict {
  outlier: Outlier
  /** Of this instance: a latency in milliseconds, or a share. */
  value: number
  /** Of the others: their median, or their share. */
  others: number
}

/**
 * Judges each instance against all others (never against an average that it is part of). For latency the middle one of the others' medians counts, so a few
 * that are slow too do not hide it, and one fast one does not condemn it. `tell` is called for each outlier, the worst first. Costs n log n, once a span.
 */
export function judgeOutliers(
  policy: OutlierPolicy,
  all: readonly OutlierStats[],
  tell: (index: number, verdict: OutlierVerdict) => void,
): void {
  const known = all
    .map((stats, index) => ({ stats, index }))
    .filter((one) => one.stats.calls >= policy.callsMin)
  if (known.length < 2) return
  const found = [
    ...failureOutliers(policy, known, OUTLIER.localFailures),
    ...failureOutliers(policy, known, OUTLIER.failures),
    ...latencyOutliers(policy, known),
  ]
  const told = new Set<number>()
  for (const { index, verdict } of found) {
    if (told.has(index)) continue
    told.add(index)
    tell(index, verdict)
  }
}

interface Known {
  readonly stats: OutlierStats
  readonly index: number
}

interface Found {
  readonly index: number
  readonly verdict: OutlierVerdict
}

function latencyOutliers(policy: OutlierPolicy, known: readonly Known[]): Found[] {
  const { latencyFactor, latencyFloorMs } = policy
  if (latencyFactor <= 0) return []
  const medians = known
    .map(({ stats, index }) => ({ index, medianMs: stats.medianMs }))
    .filter(({ medianMs }) => !Number.isNaN(medianMs))
    .toSorted((a, b) => a.medianMs - b.medianMs)
  if (medians.length < 2) return []
  return medians
    .map(({ index, medianMs }, at) => {
      const others = middleWithout(medians, at)
      return { index, verdict: { outlier: OUTLIER.latency, value: medianMs, others } }
    })
    .filter(
      ({ verdict: { value, others } }) =>
        value > others * latencyFactor && value > others + latencyFloorMs,
    )
    .toReversed()
}

/** The median of the others; of two middle ones the larger, so that of two instances neither is judged by less than what the other shows. */
function middleWithout(sorted: readonly { readonly medianMs: number }[], without: number): number {
  const middle = (sorted.length - 1) >> 1
  return sorted[middle < without ? middle : middle + 1]!.medianMs
}

function failureOutliers(
  policy: OutlierPolicy,
  known: readonly Known[],
  kind: typeof OUTLIER.failures | typeof OUTLIER.localFailures,
): Found[] {
  const isLocal = kind === OUTLIER.localFailures
  const limit = isLocal ? policy.localFailureRatio : policy.failureRatio
  if (limit <= 0) return []
  const failuresOf = (stats: OutlierStats): number =>
    isLocal ? stats.localFailures : stats.failures
  const calls = known.reduce((sum, { stats }) => sum + stats.calls, 0)
  const failures = known.reduce((sum, { stats }) => sum + failuresOf(stats), 0)
  return known
    .map(({ stats, index }) => {
      const value = failuresOf(stats) / stats.calls
      const others = (failures - failuresOf(stats)) / (calls - stats.calls)
      return { index, verdict: { outlier: kind, value, others } }
    })
    .filter(({ verdict: { value, others } }) => value >= limit && others * 2 < value)
    .toSorted((a, b) => b.verdict.value - a.verdict.value)
}

/** Whether so few are left that ejections are ignored: below `share` (0 to 1) of all. Envoy's panic threshold. */
export function isPanic(leftCount: number, total: number, share: number): boolean {
  return total > 0 && leftCount < share * total
}
