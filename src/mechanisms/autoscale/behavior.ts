/** At most so many replicas, or so much of what there was, in any time of that length. */
export interface ScalingPolicy {
  readonly unit: 'replicas' | 'percent'
  readonly value: number
  readonly periodMs: number
}

/** What holds a change in one direction back. */
export interface ScalingRules {
  /** The mildest recommendation of this time counts. */
  readonly stabilizationMs: number
  /** Of several policies the one that allows most, the one that allows least, or no change in this direction at all. */
  readonly select: 'max' | 'min' | 'disabled'
  readonly policies: readonly ScalingPolicy[]
}

/** `spec.behavior` of autoscaling/v2. */
export interface Behavior {
  readonly up: ScalingRules
  readonly down: ScalingRules
}

/** Kubernetes' default: up at once by 4 or to the double in 15 s, whichever is more; down to anything after five calm minutes. */
export const DEFAULT_BEHAVIOR: Behavior = {
  up: {
    stabilizationMs: 0,
    select: 'max',
    policies: [
      { unit: 'replicas', value: 4, periodMs: 15_000 },
      { unit: 'percent', value: 100, periodMs: 15_000 },
    ],
  },
  down: {
    stabilizationMs: 300_000,
    select: 'max',
    policies: [{ unit: 'percent', value: 100, periodMs: 15_000 }],
  },
}

/** What was recommended and what was done, as long as it still matters. */
export interface ScaleHistory {
  readonly recommendations: readonly { readonly atMs: number; readonly replicas: number }[]
  /** Positive: replicas were added. */
  readonly changes: readonly { readonly atMs: number; readonly by: number }[]
}

/** Starts with the present number: nothing is known of before, so nothing is taken away for the length of the window. */
export function startHistory(wantedCount: number, nowMs: number): ScaleHistory {
  return { recommendations: [{ atMs: nowMs, replicas: wantedCount }], changes: [] }
}

/**
 * Brings the wanted number between the lowest recommendation of the time for more and the highest of the time for fewer, as little as possible.
 * `recommended` belongs to both times.
 */
export function stabilize(
  wantedCount: number,
  recommended: number,
  { recommendations }: ScaleHistory,
  { up, down }: Behavior,
  nowMs: number,
): number {
  let lowest = recommended
  let highest = recommended
  for (const { atMs, replicas } of recommendations) {
    if (atMs > nowMs - up.stabilizationMs) lowest = Math.min(lowest, replicas)
    if (atMs > nowMs - down.stabilizationMs) highest = Math.max(highest, replicas)
  }
  return Math.min(Math.max(wantedCount, lowest), highest)
}

/** The highest number that the policies allow now. Never under the wanted one. */
export function upLimitOf(
  wantedCount: number,
  history: ScaleHistory,
  rules: ScalingRules,
  nowMs: number,
): number {
  if (rules.select === 'disabled') return wantedCount
  const limits = rules.policies.map(({ unit, value, periodMs }) => {
    const before = wantedCount - changedIn(history, periodMs, nowMs)
    // Rounded up: a small share of few would never be one.
    return unit === 'replicas' ? before + value : Math.ceil(before * (1 + value / 100))
  })
  return Math.max(wantedCount, rules.select === 'min' ? leastOf(limits) : mostOf(limits))
}

/** The lowest number that the policies allow now. Never over the wanted one. */
export function downLimitOf(
  wantedCount: number,
  history: ScaleHistory,
  rules: ScalingRules,
  nowMs: number,
): number {
  if (rules.select === 'disabled') return wantedCount
  const limits = rules.policies.map(({ unit, value, periodMs }) => {
    const before = wantedCount - changedIn(history, periodMs, nowMs)
    return unit === 'replicas' ? before - value : Math.trunc(before * (1 - value / 100))
  })
  return Math.min(wantedCount, rules.select === 'min' ? mostOf(limits) : leastOf(limits))
}

/** Remembers a recommendation, and forgets what no window reaches any more. */
export function rememberRecommendation(
  history: ScaleHistory,
  replicas: number,
  { up, down }: Behavior,
  nowMs: number,
): ScaleHistory {
  const sinceMs = nowMs - Math.max(up.stabilizationMs, down.stabilizationMs)
  const kept = history.recommendations.filter(({ atMs }) => atMs > sinceMs)
  return { ...history, recommendations: [...kept, { atMs: nowMs, replicas }] }
}

/** Remembers that the wanted number was changed, and forgets what no period reaches any more. */
export function rememberChange(
  history: ScaleHistory,
  by: number,
  { up, down }: Behavior,
  nowMs: number,
): ScaleHistory {
  const sinceMs = nowMs - mostOf([...up.policies, ...down.policies].map((one) => one.periodMs))
  const kept = history.changes.filter(({ atMs }) => atMs > sinceMs)
  return { ...history, changes: [...kept, { atMs: nowMs, by }] }
}

/** Added less taken away. */
function changedIn({ changes }: ScaleHistory, periodMs: number, nowMs: number): number {
  let sum = 0
  for (const { atMs, by } of changes) if (atMs > nowMs - periodMs) sum += by
  return sum
}

function leastOf(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => Math.min(a, b), Infinity)
}

function mostOf(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => Math.max(a, b), -Infinity)
}
