import type { Labels } from '../labels/labels.ts'
import { RuleEvaluationError } from './recording.ts'

/** A resolved alert is remembered so long, so that whoever is told of alerts learns that it is over. */
export const RESOLVED_RETENTION_MS = 15 * 60_000

/** One element of a rule's answer, with its labels and annotations expanded. */
export interface AlertSeen {
  readonly labels: Labels
  readonly annotations: readonly (readonly [string, string])[]
  readonly value: number
}

/**
 * An alert of a rule. `pending`: there, but not for long enough. `resolved`: over. Times are those of evaluations, Unix milliseconds.
 */
export type Alert = AlertSeen & {
  readonly activeAtMs: number
} & (
    | { readonly state: 'pending' }
    | {
        readonly state: 'firing'
        readonly firedAtMs: number
        /** Since when it is not there any more, and fires on because of `keep_firing_for`. */
        readonly keptSinceMs: number | undefined
      }
    | { readonly state: 'resolved'; readonly firedAtMs: number; readonly resolvedAtMs: number }
  )

/** How long a rule waits and holds, and how many alerts it may have (0: any number). */
export interface AlertTiming {
  readonly forMs: number
  readonly keepFiringForMs: number
  readonly limit: number
}

/** Alerts by the signature of their labels. */
export type AlertMap = ReadonlyMap<string, Alert>

/**
 * The alerts after an evaluation at `atMs` that has seen `seen`, as Prometheus has them. Throws `RuleEvaluationError` where two are the same, or
 * there are more than the limit; then the rule has none.
 */
export function advanceAlerts(
  before: AlertMap,
  seen: readonly AlertSeen[],
  timing: AlertTiming,
  atMs: number,
): AlertMap {
  const now = new Map(seen.map((one) => [one.labels.signature, one]))
  if (now.size < seen.length) {
    throw new RuleEvaluationError(
      'vector contains metrics with the same labelset after applying alert labels',
    )
  }
  const after = new Map<string, Alert>()
  for (const [key, alert] of before) {
    const there = now.get(key)
    const next =
      there === undefined
        ? withoutSign(alert, timing, atMs)
        : alert.state === 'resolved'
          ? undefined
          : seenAgain(alert, there, timing, atMs)
    if (next !== undefined) after.set(key, next)
  }
  for (const [key, one] of now) {
    const known = after.get(key)
    if (known !== undefined && known.state !== 'resolved') continue
    after.set(key, mature({ ...one, state: 'pending', activeAtMs: atMs }, timing, atMs))
  }
  const activeCount = [...after.values()].filter(({ state }) => state !== 'resolved').length
  if (timing.limit > 0 && activeCount > timing.limit) {
    throw new RuleEvaluationError(`exceeded limit of ${timing.limit} with ${activeCount} alerts`)
  }
  return after
}

type Active = Exclude<Alert, { readonly state: 'resolved' }>

function seenAgain(
  alert: Active,
  { annotations, value }: AlertSeen,
  timing: AlertTiming,
  atMs: number,
): Alert {
  const shown = { ...alert, annotations, value }
  return shown.state === 'firing'
    ? { ...shown, keptSinceMs: undefined }
    : mature(shown, timing, atMs)
}

function mature(
  alert: Extract<Alert, { readonly state: 'pending' }>,
  { forMs }: AlertTiming,
  atMs: number,
): Alert {
  return atMs - alert.activeAtMs >= forMs
    ? { ...alert, state: 'firing', firedAtMs: atMs, keptSinceMs: undefined }
    : alert
}

/** What becomes of an alert that was not seen; undefined: it is forgotten. */
function withoutSign(
  alert: Alert,
  { keepFiringForMs }: AlertTiming,
  atMs: number,
): Alert | undefined {
  switch (alert.state) {
    case 'pending':
      return undefined
    case 'resolved':
      return atMs - alert.resolvedAtMs > RESOLVED_RETENTION_MS ? undefined : alert
    case 'firing': {
      const keptSinceMs = alert.keptSinceMs ?? atMs
      if (keepFiringForMs > 0 && atMs - keptSinceMs < keepFiringForMs) {
        return { ...alert, keptSinceMs }
      }
      const { labels, annotations, value, activeAtMs, firedAtMs } = alert
      return {
        labels,
        annotations,
        value,
        activeAtMs,
        firedAtMs,
        state: 'resolved',
        resolvedAtMs: atMs,
      }
    }
  }
}
