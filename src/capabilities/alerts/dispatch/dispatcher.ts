import type { AlertsState } from '../../../contracts/alerts-state.ts'
import {
  compileInhibit,
  inhibitorOf,
  type InhibitRule,
} from '../../../mechanisms/alert-routing/inhibit.ts'
import {
  compileRoute,
  groupLabelsOf,
  type Route,
  routesOf,
} from '../../../mechanisms/alert-routing/route.ts'
import { fingerprintOf } from '../../../mechanisms/alert-routing/fingerprint.ts'
import { formatMatcher } from '../../../mechanisms/alert-routing/matcher-text.ts'
import type { Labels } from '../../../mechanisms/labels/labels.ts'
import type { Clock } from '../../../platform/capability.ts'
import type { RuleReport } from '../../metrics/rules/rule-ground.ts'
import type { AlertRecord, Notification } from '../alert-record.ts'
import { AlertBook, type BookEntry } from './alert-book.ts'
import { type AlertGroup, flushGroup, recordOf } from './alert-group.ts'
import type { Silences } from './silences.ts'

/** So often alerts of which nobody says anything are looked for. */
const TIDY_MS = 30_000

/** What it needs of its surroundings. */
export interface DispatcherGround {
  readonly clock: Clock
  readonly silences: Silences
  /** Takes messages; each has the place of its notifier within the receiver. */
  readonly send: (messages: readonly (Notification & { readonly notifier: number })[]) => void
  /** What is kept of it has changed. */
  readonly changed: () => void
}

/** A group as it is kept over restarts. */
export interface KeptGroup {
  readonly key: string
  readonly told: readonly (readonly [notifier: number, atMs: number, firing: readonly string[]])[]
  /** Alerts that somebody knows to fire. */
  readonly alerts: readonly AlertRecord[]
}

/** How an alert stands, for people. */
export interface AlertStanding {
  readonly record: AlertRecord
  readonly silencedBy: readonly string[]
  /** Fingerprint of the alert because of which it is not told; '' for none. */
  readonly inhibitedBy: string
  readonly receivers: readonly string[]
}

/** Puts alerts into groups, and says when somebody is told of which: grouping, waiting, inhibition, silences and repetition, as Alertmanager does it. */
export class Dispatcher {
  readonly #ground: DispatcherGround
  readonly #book = new AlertBook()
  readonly #groups = new Map<string, AlertGroup>()
  /** What is known of groups from before the start, until their alerts are there. */
  readonly #kept: Map<string, KeptGroup>
  #state: AlertsState | undefined
  #route: Route | undefined
  #inhibit: readonly InhibitRule[] = []
  readonly #cancelTidy: () => void

  constructor(ground: DispatcherGround, kept: readonly KeptGroup[]) {
    this.#ground = ground
    this.#kept = new Map(kept.map((group) => [group.key, group]))
    for (const { alerts } of kept) {
      for (const alert of alerts) this.#book.restore(alert, ground.clock.nowMs())
    }
    this.#cancelTidy = ground.clock.every(TIDY_MS, () => this.#tidy())
  }

  /** Alerts that were not taken, because there are too many. */
  get droppedCount(): number {
    return this.#book.droppedCount
  }

  /** Puts routes into force: all alerts are grouped anew. Throws `PatternError`. */
  configure(state: AlertsState): void {
    const route = state.route === undefined ? undefined : compileRoute(state.route)
    this.#inhibit = state.inhibit.map(compileInhibit)
    for (const kept of this.keep()) this.#kept.set(kept.key, kept)
    for (const group of this.#groups.values()) group.cancel()
    this.#groups.clear()
    this.#state = state
    this.#route = route
    for (const entry of this.#book.all) this.#place(entry)
  }

  /** Takes what a rule says of its alerts. */
  take(report: RuleReport): void {
    const changed = this.#book.take(report)
    for (const entry of changed) this.#place(entry)
  }

  /** Every alert that fires, and how it stands. */
  standings(): readonly AlertStanding[] {
    const nowMs = this.#ground.clock.nowMs()
    const firing = this.#firing()
    return [...this.#book.all]
      .filter(({ endsAtMs }) => endsAtMs === undefined)
      .map((entry) => {
        const inhibitor = inhibitorOf(entry.labelSet, firing, this.#inhibit)
        return {
          record: recordOf(entry),
          silencedBy: this.#ground.silences.idsFor(entry.labelSet, nowMs),
          inhibitedBy: inhibitor === undefined ? '' : fingerprintOf(inhibitor),
          receivers: this.#routesOf(entry.labelSet).map(({ receiver }) => receiver),
        }
      })
  }

  /** What must survive a restart. */
  keep(): readonly KeptGroup[] {
    const groups = [...this.#groups.values()].map(({ key, told }): KeptGroup => {
      const known = new Set([...told.values()].flatMap(({ firing }) => firing))
      return {
        key,
        told: [...told].map(([notifier, { atMs, firing }]) => [notifier, atMs, firing]),
        alerts: [...known].flatMap((fingerprint) => {
          const entry = this.#book.get(fingerprint)
          return entry === undefined ? [] : [{ ...recordOf(entry), endsAtMs: undefined }]
        }),
      }
    })
    return [...groups.filter(({ told }) => told.length > 0), ...this.#kept.values()]
  }

  /** A message could not be delivered: the notifier is told again. It may know of its alerts by an earlier one, so it is told of their end as well. */
  forgetTold(groupKey: string, notifier: number): void {
    const told = this.#groups.get(groupKey)?.told
    const known = told?.get(notifier)
    if (known !== undefined) told?.set(notifier, { ...known, atMs: 0 })
  }

  close(): void {
    this.#cancelTidy()
    for (const group of this.#groups.values()) group.cancel()
  }

  #routesOf(labels: Labels): readonly Route[] {
    return this.#route === undefined ? [] : routesOf(this.#route, labels)
  }

  #place(entry: BookEntry): void {
    for (const route of this.#routesOf(entry.labelSet)) {
      const labels = groupLabelsOf(route, entry.labelSet)
      const key = keyOf(route, labels)
      const group = this.#groups.get(key) ?? this.#begin(key, route, labels)
      const isKnown = [...group.told.values()].some(({ firing }) =>
        firing.includes(entry.fingerprint),
      )
      if (entry.endsAtMs === undefined || group.alerts.has(entry.fingerprint) || isKnown) {
        group.alerts.add(entry.fingerprint)
      }
    }
  }

  #begin(key: string, route: Route, labels: Labels): AlertGroup {
    const kept = this.#kept.get(key)
    this.#kept.delete(key)
    const told = new Map(kept?.told.map(([notifier, atMs, firing]) => [notifier, { atMs, firing }]))
    const group: AlertGroup = { key, route, labels, alerts: new Set(), told, cancel: () => {} }
    this.#groups.set(key, group)
    group.cancel = this.#ground.clock.after(route.groupWaitMs, () => this.#flush(group))
    return group
  }

  #flush(group: AlertGroup): void {
    const { clock, silences, send, changed } = this.#ground
    const nowMs = clock.nowMs()
    const firing = this.#firing()
    const standings = [...group.alerts].flatMap((fingerprint) => {
      const entry = this.#book.get(fingerprint)
      if (entry === undefined) return []
      const isMuted =
        silences.idsFor(entry.labelSet, nowMs).length > 0 ||
        inhibitorOf(entry.labelSet, firing, this.#inhibit) !== undefined
      return [{ entry, isMuted }]
    })
    const receiver = this.#state?.receivers.find(({ name }) => name === group.route.receiver)
    const messages = flushGroup(group, standings, receiver?.notifiers ?? [], nowMs)
    if (messages.length > 0) {
      send(
        messages.map(({ notifier, alerts, truncatedCount }) => ({
          notifier,
          alerts,
          truncatedCount,
          groupKey: group.key,
          receiver: group.route.receiver,
          groupLabels: group.labels.names.map(
            (name, at) => [name, group.labels.values[at]!] as const,
          ),
          externalUrl: this.#state?.externalUrl ?? '',
        })),
      )
      changed()
    }
    if (group.alerts.size === 0) {
      this.#groups.delete(group.key)
      this.#forgetLoose(standings.map(({ entry }) => entry.fingerprint))
      changed()
      return
    }
    group.cancel = clock.after(group.route.groupIntervalMs, () => this.#flush(group))
  }

  /** Alerts that are over and in no group any more. */
  #forgetLoose(fingerprints: readonly string[]): void {
    for (const fingerprint of fingerprints) {
      const isHeld = [...this.#groups.values()].some(({ alerts }) => alerts.has(fingerprint))
      if (!isHeld) this.#book.forget(fingerprint)
    }
  }

  #firing(): readonly Labels[] {
    return [...this.#book.all]
      .filter(({ endsAtMs }) => endsAtMs === undefined)
      .map(({ labelSet }) => labelSet)
  }

  #tidy(): void {
    for (const entry of this.#book.endSilent(this.#ground.clock.nowMs())) this.#place(entry)
    const over = [...this.#book.all].filter(({ endsAtMs }) => endsAtMs !== undefined)
    this.#forgetLoose(over.map(({ fingerprint }) => fingerprint))
    // Groups from before the start whose route is gone.
    for (const [key, { alerts }] of this.#kept) {
      if (alerts.every(({ fingerprint }) => this.#book.get(fingerprint) === undefined)) {
        this.#kept.delete(key)
      }
    }
  }
}

/** As Alertmanager writes it: `{}/{severity="page"}:{alertname="Down"}`. */
function keyOf({ path, receiver, matchers }: Route, labels: Labels): string {
  const shown = labels.names.map((name, at) => `${name}=${JSON.stringify(labels.values[at])}`)
  return `${path}/${receiver}/{${matchers.map(formatMatcher).join(',')}}:{${shown.join(', ')}}`
}
