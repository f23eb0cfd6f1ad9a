import { fingerprintOf } from '../../../mechanisms/alert-routing/fingerprint.ts'
import { type Labels, labelsOf } from '../../../mechanisms/labels/labels.ts'
import type { RuleReport, ToldAlert } from '../../metrics/rules/rule-ground.ts'
import type { AlertRecord } from '../alert-record.ts'

/** Alerts that are kept; further ones are counted and not told. */
export const ALERTS_KEPT_MAX = 20_000
/** An alert of which its rule says nothing for so long is over: the rule is gone, or cannot be evaluated. */
const SILENT_MS = 5 * 60_000
const SILENT_INTERVALS = 4

/** An alert with what is known of it here. */
export interface BookEntry extends AlertRecord {
  readonly labelSet: Labels
  /** The rule that told of it; '' where it is from before the start. */
  readonly rule: string
  readonly silentAtMs: number
}

/** Every alert that fires, and those that are over but may still be told. */
export class AlertBook {
  readonly #entries = new Map<string, BookEntry>()
  droppedCount = 0

  get all(): Iterable<BookEntry> {
    return this.#entries.values()
  }

  get(fingerprint: string): BookEntry | undefined {
    return this.#entries.get(fingerprint)
  }

  /** Takes over an alert from before the start: it counts as firing until its rule says otherwise. */
  restore(record: AlertRecord, nowMs: number): void {
    const labelSet = labelsOf(record.labels)
    this.#entries.set(record.fingerprint, {
      ...record,
      labelSet,
      rule: '',
      silentAtMs: nowMs + SILENT_MS,
    })
  }

  /** What a rule says of its alerts. Returns those that are new, or that have ended or begun again. */
  take({ rule, atMs, intervalMs, alerts }: RuleReport): readonly BookEntry[] {
    const silentAtMs = atMs + Math.max(SILENT_MS, SILENT_INTERVALS * intervalMs)
    const changed: BookEntry[] = []
    const told = new Set<string>()
    for (const alert of alerts) {
      const labelSet = labelsOf(alert.labels)
      const fingerprint = fingerprintOf(labelSet)
      told.add(fingerprint)
      const known = this.#entries.get(fingerprint)
      if (known === undefined && alert.endsAtMs !== undefined) continue
      if (known === undefined && this.#entries.size >= ALERTS_KEPT_MAX) {
        this.droppedCount++
        continue
      }
      const entry = { ...recordOf(alert, known, fingerprint), labelSet, rule, silentAtMs }
      this.#entries.set(fingerprint, entry)
      if (
        known === undefined ||
        (known.endsAtMs === undefined) !== (entry.endsAtMs === undefined)
      ) {
        changed.push(entry)
      }
    }
    for (const entry of this.#entries.values()) {
      if (entry.rule !== rule || told.has(entry.fingerprint) || entry.endsAtMs !== undefined)
        continue
      changed.push(this.#end(entry, atMs))
    }
    return changed
  }

  /** Ends alerts of which nobody says anything any more. Returns them. */
  endSilent(nowMs: number): readonly BookEntry[] {
    return [...this.#entries.values()]
      .filter(({ endsAtMs, silentAtMs }) => endsAtMs === undefined && silentAtMs <= nowMs)
      .map((entry) => this.#end(entry, nowMs))
  }

  forget(fingerprint: string): void {
    this.#entries.delete(fingerprint)
  }

  #end(entry: BookEntry, endsAtMs: number): BookEntry {
    const ended = { ...entry, endsAtMs }
    this.#entries.set(entry.fingerprint, ended)
    return ended
  }
}

/** After a restart an alert that ends at once has no annotations: those that were told before stay. */
function recordOf(
  { labels, annotations, startsAtMs, endsAtMs, value, expr }: ToldAlert,
  known: BookEntry | undefined,
  fingerprint: string,
): AlertRecord {
  const isBare = annotations.length === 0 && Number.isNaN(value) && known !== undefined
  return {
    fingerprint,
    labels,
    annotations: isBare ? known.annotations : annotations,
    startsAtMs,
    endsAtMs,
    value: isBare ? known.value : value,
    expr,
  }
}
