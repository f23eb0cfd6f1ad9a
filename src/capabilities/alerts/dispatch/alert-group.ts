import { isDue, type Told } from '../../../mechanisms/alert-routing/due.ts'
import type { Route } from '../../../mechanisms/alert-routing/route.ts'
import type { Labels } from '../../../mechanisms/labels/labels.ts'
import type { AlertRecord } from '../alert-record.ts'
import type { BookEntry } from './alert-book.ts'

/** Alerts of one message. */
export const ALERTS_TOLD_MAX = 200

/** One group of alerts that are told together. */
export interface AlertGroup {
  readonly key: string
  readonly route: Route
  readonly labels: Labels
  /** Fingerprints. */
  readonly alerts: Set<string>
  /** What each notifier of the receiver was told last, by its place. */
  readonly told: Map<number, Told>
  cancel: () => void
}

/** What one notifier is to be told. */
export interface GroupMessage {
  readonly notifier: number
  readonly alerts: readonly AlertRecord[]
  readonly truncatedCount: number
}

/** How an alert of the group stands. */
export interface Standing {
  readonly entry: BookEntry
  readonly isMuted: boolean
}

/** Messages that are due, and what the notifiers know when they have them. Alerts that are over and of which nobody has to be told leave the group. */
export function flushGroup(
  group: AlertGroup,
  standings: readonly Standing[],
  notifiers: readonly { readonly sendsResolved: boolean }[],
  nowMs: number,
): readonly GroupMessage[] {
  const firing = standings.filter(({ entry, isMuted }) => entry.endsAtMs === undefined && !isMuted)
  const over = standings.filter(({ entry }) => entry.endsAtMs !== undefined)
  const messages = notifiers.flatMap(({ sendsResolved }, notifier): readonly GroupMessage[] => {
    const told = group.told.get(notifier)
    const known = new Set(told?.firing)
    const resolved = over.filter(({ entry }) => known.has(entry.fingerprint))
    const toTell = {
      firing: firing.map(({ entry }) => entry.fingerprint),
      resolved: resolved.map(({ entry }) => entry.fingerprint),
    }
    const { repeatIntervalMs } = group.route
    if (!isDue(told, toTell, { sendsResolved, repeatIntervalMs }, nowMs)) {
      // Nobody waits for the end of these any more.
      if (!sendsResolved && told !== undefined) {
        group.told.set(notifier, { ...told, firing: without(told.firing, toTell.resolved) })
      }
      return []
    }
    const muted = told?.firing.filter((one) =>
      standings.some(
        ({ entry, isMuted }) =>
          isMuted && entry.fingerprint === one && entry.endsAtMs === undefined,
      ),
    )
    group.told.set(notifier, { atMs: nowMs, firing: [...toTell.firing, ...(muted ?? [])] })
    const all = [...firing, ...(sendsResolved ? resolved : [])].map(({ entry }) => recordOf(entry))
    return [
      {
        notifier,
        alerts: all.slice(0, ALERTS_TOLD_MAX),
        truncatedCount: Math.max(0, all.length - ALERTS_TOLD_MAX),
      },
    ]
  })
  for (const { entry } of over) group.alerts.delete(entry.fingerprint)
  return messages
}

/** Without what only the book knows. */
export function recordOf(entry: BookEntry): AlertRecord {
  const { fingerprint, labels, annotations, startsAtMs, endsAtMs, value, expr } = entry
  return { fingerprint, labels, annotations, startsAtMs, endsAtMs, value, expr }
}

function without(all: readonly string[], gone: readonly string[]): readonly string[] {
  const set = new Set(gone)
  return all.filter((one) => !set.has(one))
}
