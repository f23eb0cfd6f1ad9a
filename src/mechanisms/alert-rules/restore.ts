import { type Labels, labelsOf } from '../labels/labels.ts'
import type { Alert, AlertMap, AlertTiming } from './alert-state.ts'

/** What was stored longer ago is not taken over (Prometheus' `--rules.alert.for-outage-tolerance`). */
export const OUTAGE_TOLERANCE_MS = 3_600_000
/** After a longer outage an alert must be seen for at least so long before it fires (`--rules.alert.for-grace-period`). */
export const GRACE_MS = 10 * 60_000

/** The last sample of one series of `ALERTS_FOR_STATE`, or of `ALERTS`. */
export interface StoredState {
  readonly labels: Labels
  readonly timeMs: number
  readonly value: number
}

/** What is known of a rule's alerts from before the start. */
export interface StoredAlerts {
  /** `ALERTS_FOR_STATE`: since when each is active, in seconds. */
  readonly activeSince: readonly StoredState[]
  /** `ALERTS`, whose label `alertstate` is `pending` or `firing`. */
  readonly states: readonly StoredState[]
}

/**
 * The alerts of a rule as they were when this program ended. One that fired fires on, so that its end is told too. For one that waited, the time
 * while nothing was evaluated does not count as waiting, unless that was shorter than `shortMs` (a restart): nothing was missed then.
 */
export function restoreAlerts(
  { activeSince, states }: StoredAlerts,
  { forMs }: AlertTiming,
  nowMs: number,
  shortMs: number,
): AlertMap {
  const fired = new Map(
    states
      .filter(({ labels }) => labels.get('alertstate') === 'firing')
      .map((one) => [plain(one.labels).signature, one.timeMs] as const),
  )
  const restored = new Map<string, Alert>()
  for (const { labels: stored, timeMs, value } of activeSince) {
    if (nowMs - timeMs > OUTAGE_TOLERANCE_MS || timeMs > nowMs) continue
    const labels = plain(stored)
    const since = Math.round(value * 1_000)
    const shown = { labels, annotations: [], value: Number.NaN }
    if (fired.get(labels.signature) === timeMs) {
      const firedAtMs = Math.min(timeMs, since + forMs)
      const firing = { ...shown, state: 'firing', activeAtMs: since, firedAtMs } as const
      restored.set(labels.signature, { ...firing, keptSinceMs: undefined })
      continue
    }
    const activeAtMs = resumedAt({ sinceMs: since, stoppedAtMs: timeMs, forMs, nowMs, shortMs })
    restored.set(labels.signature, { ...shown, state: 'pending', activeAtMs })
  }
  return restored
}

interface Wait {
  readonly sinceMs: number
  readonly stoppedAtMs: number
  readonly forMs: number
  readonly nowMs: number
  readonly shortMs: number
}

/** Since when an alert counts as active that waited when this program ended. */
function resumedAt({ sinceMs, stoppedAtMs, forMs, nowMs, shortMs }: Wait): number {
  const leftMs = forMs - (stoppedAtMs - sinceMs)
  const awayMs = nowMs - stoppedAtMs
  if (leftMs <= 0 || awayMs <= shortMs) return sinceMs
  return leftMs < GRACE_MS && forMs >= GRACE_MS ? nowMs + GRACE_MS - forMs : sinceMs + awayMs
}

/** The labels of the alert itself. */
function plain({ names, values }: Labels): Labels {
  return labelsOf(
    names.flatMap((name, at) =>
      name === '__name__' || name === 'alertstate' ? [] : [[name, values[at]!] as const],
    ),
  )
}
