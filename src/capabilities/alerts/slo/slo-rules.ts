import type { Rule } from '../../../mechanisms/alert-rules/rules.ts'
import { alertOf } from './service-rules.ts'
import type { SloSaid } from './slo-settings.ts'

/** Windows over which the share of bad requests is looked at, with their length in seconds. */
const SHORT_WINDOWS = [
  ['5m', 300],
  ['30m', 1_800],
  ['1h', 3_600],
  ['2h', 7_200],
  ['6h', 21_600],
] as const
const LONG_WINDOWS = [
  ['1d', 86_400],
  ['3d', 259_200],
] as const
const MINUTE_MS = 60_000

/** The series of which everything else is made; metrics keeps them for the longest window. */
export const SLO_SERIES = '{__name__=~"slo:(bad|total):rate"}'

/** How often rules are evaluated, and over how long what they count is measured at least: some scrapes. Milliseconds. */
export interface SloTimes {
  readonly intervalMs: number
  readonly measuredMs: number
}

/** What each service promises, by its name. */
export type Slos = ReadonlyMap<string, SloSaid>

/**
 * Rules that are evaluated at every interval: what is good and bad, the share of bad requests over each window, and the alerts. The time before the first sample counts
 * as calm: three bad seconds after a start are no catastrophe of the last hour.
 */
export function sloRules(slos: Slos, { intervalMs, measuredMs }: SloTimes): readonly Rule[] {
  if (slos.size === 0) return []
  const range = `[${measuredMs}ms]`
  return [
    ...objectiveRules(slos),
    ...errorRules(slos, range),
    ...latencyRules(slos, range),
    ...SHORT_WINDOWS.map(([name, seconds]) => windowRule(name, seconds, intervalMs)),
    ...alertRules(),
  ]
}

/** Rules that look further back, and are evaluated less often. */
export function sloLongRules(slos: Slos, intervalMs: number): readonly Rule[] {
  if (slos.size === 0) return []
  const byWindow = Map.groupBy(slos, ([, { window }]) => window)
  return [
    ...LONG_WINDOWS.map(([name, seconds]) => windowRule(name, seconds, intervalMs)),
    ...[...byWindow].map(([windowMs, some]) =>
      budgetRule(
        windowMs,
        some.map(([name]) => name),
        intervalMs,
      ),
    ),
  ]
}

function objectiveRules(slos: Slos): readonly Rule[] {
  return [...slos].flatMap(([service, { objective, errors, latency }]) => {
    const kinds = [...(errors ? ['errors'] : []), ...(latency === undefined ? [] : ['latency'])]
    return kinds.map((slo) =>
      record('slo:objective', `vector(${objective})`, [
        ['service', service],
        ['slo', slo],
      ]),
    )
  })
}

function errorRules(slos: Slos, range: string): readonly Rule[] {
  const names = [...slos].flatMap(([name, { errors }]) => (errors ? [name] : []))
  if (names.length === 0) return []
  const of = `service=~"${names.join('|')}"`
  const all = `sum by (service) (rate(backplane_gateway_requests_total{${of}}${range}))`
  const bad = `sum by (service) (rate(backplane_gateway_requests_total{${of},status="5xx"}${range}))`
  return [
    record('slo:total:rate', all, [['slo', 'errors']]),
    record('slo:bad:rate', `${bad} or ${all} * 0`, [['slo', 'errors']]),
  ]
}

function latencyRules(slos: Slos, range: string): readonly Rule[] {
  const byBound = Map.groupBy(slos, ([, { latency }]) => latency)
  return [...byBound].flatMap(([boundMs, some]) => {
    if (boundMs === undefined) return []
    const of = `service=~"${some.map(([name]) => name).join('|')}"`
    const metric = 'backplane_gateway_request_duration_seconds'
    const all = `sum by (service) (rate(${metric}_count{${of}}${range}))`
    const good = `sum by (service) (rate(${metric}_bucket{${of},le="${boundText(boundMs)}"}${range}))`
    return [
      record('slo:total:rate', all, [['slo', 'latency']]),
      record('slo:bad:rate', `clamp_min(${all} - ${good}, 0)`, [['slo', 'latency']]),
    ]
  })
}

/** A bound as it is stored: a whole one has a point, too. */
function boundText(boundMs: number): string {
  const seconds = boundMs / 1_000
  return Number.isInteger(seconds) ? `${seconds}.0` : String(seconds)
}

function windowRule(name: string, seconds: number, intervalMs: number): Rule {
  return record(`slo:bad:ratio${name}`, ratioOver(name, seconds, intervalMs))
}

/** Bad requests of the samples that are there, as if the whole of the window had had the traffic of these. */
function ratioOver(range: string, seconds: number, intervalMs: number, of = ''): string {
  const covered = intervalMs / 1_000 / seconds
  return `sum_over_time(slo:bad:rate${of}[${range}]) * ${covered} / avg_over_time(slo:total:rate${of}[${range}])`
}

function budgetRule(windowMs: number, services: readonly string[], intervalMs: number): Rule {
  const of = `{service=~"${services.join('|')}"}`
  const used = ratioOver(`${windowMs / 1_000}s`, windowMs / 1_000, intervalMs, of)
  return record('slo:budget:remaining', `1 - (${used}) / (1 - slo:objective${of})`)
}

/** The multi-window, multi-burn-rate alerts of Google's SRE workbook, chapter 5, table 5-8. */
function alertRules(): readonly Rule[] {
  const burns = (long: string, short: string, factor: number) =>
    `(slo:bad:ratio${long} > ${factor} * (1 - slo:objective) and slo:bad:ratio${short} > ${factor} * (1 - slo:objective))`
  const what =
    '{{ $labels.service }}: {{ $value | humanizePercentage }} of its requests are {{ if eq $labels.slo "latency" }}too slow{{ else }}failing{{ end }}'
  const promised =
    '{{ with printf `slo:objective{service="%s",slo="%s"}` $labels.service $labels.slo | query }}{{ . | first | value | humanizePercentage }}{{ end }}'
  return [
    alertOf('SloBurnsFast', `${burns('1h', '5m', 14.4)} or ${burns('6h', '30m', 6)}`, {
      forMs: 0,
      severity: 'page',
      summary: `${what}; its error budget is gone in days`,
      description: `Promised are ${promised} good requests. At this rate the budget of the window is used up in two to five days.`,
    }),
    alertOf('SloBurnsSlowly', `${burns('1d', '2h', 3)} or ${burns('3d', '6h', 1)}`, {
      forMs: 5 * MINUTE_MS,
      severity: 'ticket',
      summary: `${what}; its error budget will not last`,
      description: `Promised are ${promised} good requests. At this rate the budget is used up before the window ends.`,
    }),
  ]
}

function record(name: string, expr: string, labels: Rule['labels'] = []): Rule {
  return { kind: 'recording', record: name, expr, labels }
}
