import type { RuleGroup } from '../../../mechanisms/alert-rules/rules.ts'
import { serviceRules } from './service-rules.ts'
import { SLO_SERIES, sloLongRules, sloRules } from './slo-rules.ts'
import type { SloSaid } from './slo-settings.ts'

/** Rules that look back over days are evaluated so often. */
const LONG_INTERVAL_MS = 120_000
const SCRAPES = 4
const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/** What the file says of a service's alerts. */
export interface ServiceAlerts {
  readonly slo?: SloSaid | undefined
  readonly alerts: 'on' | 'off'
}

/** What the groups are made of. */
export interface OwnGroupsSaid {
  readonly interval: number
  /** Time between two samples of what the gateway counts. */
  readonly scrapeInterval: number
  readonly defaults: boolean
  readonly services: Readonly<Record<string, ServiceAlerts>>
}

/** The groups that nobody has written: what every service gets, and what objectives make. None where there are no services. */
export function ownGroups({
  interval,
  scrapeInterval,
  defaults,
  services,
}: OwnGroupsSaid): readonly RuleGroup[] {
  const all = Object.entries(services)
  const slos = slosOf(services)
  const quiet = all.flatMap(([name, { alerts }]) => (alerts === 'off' ? [name] : []))
  // A rate needs two samples, and one may be late.
  const measuredMs = Math.max(MINUTE_MS, SCRAPES * scrapeInterval)
  const longMs = Math.max(interval, LONG_INTERVAL_MS)
  const groups: readonly RuleGroup[] = [
    groupOf('services', interval, defaults && all.length > 0 ? serviceRules(quiet) : []),
    groupOf('slo', interval, sloRules(slos, { intervalMs: interval, measuredMs })),
    groupOf('slo-long', longMs, sloLongRules(slos, interval)),
  ]
  return groups.filter(({ rules }) => rules.length > 0)
}

/** Series of objectives are kept for their windows, whatever else metrics keeps. */
export function sloRetention(
  services: OwnGroupsSaid['services'],
): readonly { readonly match: string; readonly time: number }[] {
  const windows = [...slosOf(services).values()].map(({ window }) => window)
  return windows.length === 0 ? [] : [{ match: SLO_SERIES, time: Math.max(...windows) + DAY_MS }]
}

function slosOf(services: OwnGroupsSaid['services']): ReadonlyMap<string, SloSaid> {
  return new Map(
    Object.entries(services).flatMap(([name, { slo }]) =>
      slo === undefined ? [] : [[name, slo] as const],
    ),
  )
}

/** A group that this program has, and no file. */
function groupOf(name: string, intervalMs: number, rules: RuleGroup['rules']): RuleGroup {
  return { name, file: 'backplane', intervalMs, queryOffsetMs: 0, limit: 0, rules }
}
