import {
  type Behavior,
  downLimitOf,
  rememberChange,
  rememberRecommendation,
  type ScaleHistory,
  stabilize,
  startHistory,
  upLimitOf,
} from './behavior.ts'
import type { Metric, ReadingTerms } from './metrics.ts'
import { type Recommendation, recommendReplicas, type ScaleState } from './recommend.ts'

/** The operator's wishes. `min` of 0 allows scaling to zero. `min` is at most `max`. */
export interface ScaleTerms extends ReadingTerms {
  readonly min: number
  readonly max: number
  readonly behavior: Behavior
}

/** What kept the number from being the recommended one. */
export type ScaleLimit =
  /** A milder recommendation of the time before counts. */
  | 'stabilization'
  /** The policies allow no faster change. */
  | 'rate'
  | 'max'
  | 'min'

/** What to do and why. */
export type ScaleDecision =
  /** Somebody has scaled to 0, and `min` is above: only somebody can switch it on again. */
  | { readonly state: 'off'; readonly replicas: 0 }
  /** The wanted number is outside of `min` and `max`: no metric was asked. */
  | { readonly state: 'bounded'; readonly replicas: number; readonly limit: 'max' | 'min' }
  /** Nothing is known, or too little to take anything away. */
  | {
      readonly state: 'held'
      readonly replicas: number
      readonly recommendations: readonly Recommendation[]
    }
  | {
      readonly state: 'decided'
      readonly replicas: number
      readonly recommendations: readonly Recommendation[]
      /** The largest recommendation, and the first metric that made it. */
      readonly recommended: number
      readonly by: string
      /** After stabilization, before rate and bounds. */
      readonly stabilized: number
      /** In the order in which they held it; empty when nothing did. */
      readonly limits: readonly ScaleLimit[]
    }

/**
 * One turn of Kubernetes' HorizontalPodAutoscaler with a `behavior`. Of several metrics the largest recommendation counts; while one is unusable nothing is
 * taken away. Returns the history for the next turn; give it none for the first. `changeScale` adds what was really done.
 */
export function decideScale(
  terms: ScaleTerms,
  metrics: readonly Metric[],
  state: ScaleState,
  history: ScaleHistory | undefined,
  nowMs: number,
): { readonly decision: ScaleDecision; readonly history: ScaleHistory } {
  const known = history ?? startHistory(state.wantedCount, nowMs)
  const { wantedCount } = state
  if (wantedCount === 0 && terms.min !== 0)
    return { decision: { state: 'off', replicas: 0 }, history: known }
  if (wantedCount > terms.max)
    return { decision: { state: 'bounded', replicas: terms.max, limit: 'max' }, history: known }
  if (wantedCount < terms.min)
    return { decision: { state: 'bounded', replicas: terms.min, limit: 'min' }, history: known }
  const recommendations = metrics.map((one) => recommendReplicas(one, state, terms, nowMs))
  const largest = largestOf(recommendations)
  const isPartial = recommendations.some((one) => one.state === 'unusable')
  if (largest === undefined || (isPartial && largest.replicas < wantedCount))
    return { decision: { state: 'held', replicas: wantedCount, recommendations }, history: known }
  const { name: by, replicas: recommended } = largest
  const stabilized = stabilize(wantedCount, recommended, known, terms.behavior, nowMs)
  const { replicas, limit } = limitChange(wantedCount, stabilized, terms, known, nowMs)
  const limits: readonly ScaleLimit[] = [
    ...(stabilized === recommended ? [] : (['stabilization'] as const)),
    ...(limit === undefined ? [] : [limit]),
  ]
  return {
    decision: {
      state: 'decided',
      replicas,
      recommendations,
      recommended,
      by,
      stabilized,
      limits,
    },
    history: rememberRecommendation(known, recommended, terms.behavior, nowMs),
  }
}

/** The history after the wanted number was really changed. Changes by others are not told: policies limit only the scaler. */
export function changeScale(
  { behavior }: Pick<ScaleTerms, 'behavior'>,
  history: ScaleHistory,
  from: number,
  to: number,
  nowMs: number,
): ScaleHistory {
  return from === to ? history : rememberChange(history, to - from, behavior, nowMs)
}

function largestOf(
  recommendations: readonly Recommendation[],
): Extract<Recommendation, { state: 'usable' }> | undefined {
  let largest: Extract<Recommendation, { state: 'usable' }> | undefined
  for (const one of recommendations) {
    if (one.state === 'usable' && (largest === undefined || one.replicas > largest.replicas))
      largest = one
  }
  return largest
}

/** Not faster than the policies allow, not beyond the bounds. */
function limitChange(
  wantedCount: number,
  replicas: number,
  { min, max, behavior }: ScaleTerms,
  history: ScaleHistory,
  nowMs: number,
): { readonly replicas: number; readonly limit: ScaleLimit | undefined } {
  if (replicas > wantedCount) {
    const rate = upLimitOf(wantedCount, history, behavior.up, nowMs)
    const most = Math.min(rate, max)
    if (replicas > most) return { replicas: most, limit: rate < max ? 'rate' : 'max' }
  } else if (replicas < wantedCount) {
    const rate = downLimitOf(wantedCount, history, behavior.down, nowMs)
    const least = Math.max(rate, min)
    if (replicas < least) return { replicas: least, limit: rate > min ? 'rate' : 'min' }
  }
  return { replicas, limit: undefined }
}
