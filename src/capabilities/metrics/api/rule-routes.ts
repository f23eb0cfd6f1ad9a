import type { FastifyInstance } from 'fastify'
import { compileMatcher } from '../../../mechanisms/labels/matchers.ts'
import type { Alert } from '../../../mechanisms/alert-rules/alert-state.ts'
import { nameOfRule, type Pairs } from '../../../mechanisms/alert-rules/rules.ts'
import type { Matcher } from '../../../mechanisms/promql/queryable.ts'
import { parseQuery } from '../../../mechanisms/promql/syntax/parse.ts'
import { printQuery } from '../../../mechanisms/promql/syntax/print.ts'
import type { GroupRunner } from '../rules/group-runner.ts'
import type { RuleRunner } from '../rules/rule-runner.ts'
import { parametersOf } from './forms.ts'
import { objectOf } from './label-routes.ts'
import type { ApiNeeds } from './needs.ts'
import { badData, type Parameters } from './parameters.ts'
import { success } from './query-routes.ts'

/** A time that never was, as Go writes it. */
const NEVER = '0001-01-01T00:00:00Z'

/** `rules` and `alerts`: what is evaluated, and what is wrong now. */
export function registerRules(app: FastifyInstance, needs: ApiNeeds): void {
  app.get('/api/v1/rules', (request) => {
    const wanted = wantedOf(parametersOf(request))
    const groups = needs
      .rules()
      .filter(({ group: { name, file } }) => wanted.group(name) && wanted.file(file))
      .map((runner) => groupView(runner, wanted))
      .filter(({ rules: some }) => wanted.isAll || some.length > 0)
    return success({ groups })
  })
  app.get('/api/v1/alerts', () =>
    success({ alerts: needs.rules().flatMap(({ rules: some }) => some.flatMap(activeViews)) }),
  )
}

interface WantedRules {
  readonly isAll: boolean
  readonly withAlerts: boolean
  readonly group: (name: string) => boolean
  readonly file: (name: string) => boolean
  readonly rule: (runner: RuleRunner) => boolean
}

function wantedOf(parameters: Parameters): WantedRules {
  const type = parameters.get('type').toLowerCase()
  if (type !== '' && type !== 'alert' && type !== 'record') {
    throw badData(`invalid parameter "type": not supported value "${type}"`)
  }
  const among = (name: string): ((text: string) => boolean) => {
    const names = new Set(parameters.all(name))
    return (text) => names.size === 0 || names.has(text)
  }
  const isNamed = among('rule_name[]')
  const sets = parameters.matchers()
  return {
    isAll: [type, ...parameters.all('rule_name[]'), ...parameters.all('match[]')].join('') === '',
    withAlerts: parameters.get('exclude_alerts') !== 'true',
    group: among('rule_group[]'),
    file: among('file[]'),
    rule: ({ rule }) =>
      (type === '' || (type === 'alert') === (rule.kind === 'alerting')) &&
      isNamed(nameOfRule(rule)) &&
      fits(rule.labels, sets),
  }
}

/** Rules are chosen by the labels that they set, as far as these are no templates. */
function fits(labels: Pairs, sets: readonly (readonly Matcher[])[]): boolean {
  if (sets.length === 0) return true
  const values = new Map(labels)
  return sets.some((matchers) =>
    matchers.every((matcher) => compileMatcher(matcher).matches(values.get(matcher.name) ?? '')),
  )
}

function groupView(runner: GroupRunner, wanted: WantedRules) {
  const { group, rules, lastMs, durationMs } = runner
  return {
    name: group.name,
    file: group.file,
    rules: rules.filter(wanted.rule).map((rule) => ruleView(rule, wanted.withAlerts)),
    interval: group.intervalMs / 1_000,
    limit: group.limit,
    evaluationTime: durationMs / 1_000,
    lastEvaluation: timeText(lastMs),
  }
}

function ruleView(runner: RuleRunner, withAlerts: boolean): object {
  const { rule, last } = runner
  const common = {
    name: nameOfRule(rule),
    query: queryText(rule.expr),
    labels: Object.fromEntries(rule.labels),
    health: last.health,
    ...(last.error === '' ? {} : { lastError: last.error }),
    evaluationTime: last.durationMs / 1_000,
    lastEvaluation: timeText(last.atMs),
  }
  if (rule.kind === 'recording') return { ...common, type: 'recording' }
  return {
    state: stateOf(runner),
    ...common,
    duration: rule.forMs / 1_000,
    keepFiringFor: rule.keepFiringForMs / 1_000,
    annotations: Object.fromEntries(rule.annotations),
    alerts: withAlerts ? activeViews(runner) : [],
    type: 'alerting',
  }
}

function stateOf({ alerts }: RuleRunner): 'inactive' | 'pending' | 'firing' {
  const states = new Set([...alerts.values()].map(({ state }) => state))
  if (states.has('firing')) return 'firing'
  return states.has('pending') ? 'pending' : 'inactive'
}

function activeViews({ alerts }: RuleRunner): readonly object[] {
  return [...alerts.values()].flatMap((alert) =>
    alert.state === 'resolved' ? [] : [alertView(alert)],
  )
}

function alertView(alert: Alert): object {
  const keptSinceMs = alert.state === 'firing' ? alert.keptSinceMs : undefined
  return {
    labels: objectOf(alert.labels),
    annotations: Object.fromEntries(alert.annotations),
    state: alert.state,
    activeAt: timeText(alert.activeAtMs),
    ...(keptSinceMs === undefined ? {} : { keepFiringSince: timeText(keptSinceMs) }),
    value: exponentText(alert.value),
  }
}

/** Go's `%e` with as many digits as it takes: `1e+00`. */
function exponentText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
  const [digits = '', power = ''] = value.toExponential().split('e')
  return `${digits}e${power[0]}${power.slice(1).padStart(2, '0')}`
}

function timeText(timeMs: number): string {
  return timeMs === 0 ? NEVER : new Date(timeMs).toISOString()
}

/** The expression as Prometheus writes it. */
function queryText(expr: string): string {
  return printQuery(
    parseQuery(expr, {
      experimentalFunctions: false,
      extendedRangeSelectors: false,
      fillModifiers: false,
    }),
  )
}
