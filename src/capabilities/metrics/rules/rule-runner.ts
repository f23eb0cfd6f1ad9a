import {
  advanceAlerts,
  type Alert,
  type AlertMap,
  type AlertSeen,
} from '../../../mechanisms/alert-rules/alert-state.ts'
import {
  checkRecorded,
  recordedLabels,
  RuleEvaluationError,
  withPairs,
} from '../../../mechanisms/alert-rules/recording.ts'
import { restoreAlerts } from '../../../mechanisms/alert-rules/restore.ts'
import {
  type AlertingRule,
  nameOfRule,
  type RecordingRule,
  type Rule,
  type RuleGroup,
} from '../../../mechanisms/alert-rules/rules.ts'
import {
  expandRuleTemplate,
  parseRuleTemplate,
  type RuleTemplate,
} from '../../../mechanisms/alert-rules/template.ts'
import type { TemplateGround } from '../../../mechanisms/alert-rules/template-functions.ts'
import { Labels } from '../../../mechanisms/labels/labels.ts'
import type { RuleSample } from '../query/messages.ts'
import type { RuleGround, ToldAlert } from './rule-ground.ts'
import { readStoredAlerts } from './stored-alerts.ts'
import { type RuleOutput, WrittenSeries } from './written-series.ts'

/** What a rule's last evaluation was like. */
export interface RuleHealth {
  readonly health: 'unknown' | 'ok' | 'err'
  /** '' where it went well. */
  readonly error: string
  /** 0: never. */
  readonly atMs: number
  readonly durationMs: number
}

/** Alerts of one rule, where its group says nothing less. */
export const ALERTS_MAX = 10_000

type Templates = readonly (readonly [string, RuleTemplate])[]

/** One rule: evaluated at its group's times. */
export class RuleRunner {
  readonly rule: Rule
  /** Alerts of an alerting rule. */
  alerts: AlertMap
  last: RuleHealth
  readonly #ground: RuleGround
  readonly #group: RuleGroup
  readonly #written: WrittenSeries
  readonly #labels: Templates
  readonly #annotations: Templates
  #isRestored: boolean

  /** `before` is the same rule of the group as it was before a change: its alerts go on. */
  constructor(rule: Rule, group: RuleGroup, ground: RuleGround, before?: RuleRunner) {
    this.rule = rule
    this.alerts = before?.alerts ?? new Map()
    this.last = before?.last ?? { health: 'unknown', error: '', atMs: 0, durationMs: 0 }
    this.#ground = ground
    this.#group = group
    this.#written = new WrittenSeries(ground.store, before?.written)
    this.#isRestored = before !== undefined || rule.kind === 'recording'
    const parse = (pairs: Rule['labels']): Templates =>
      pairs.map(([name, text]) => [name, parseRuleTemplate(nameOfRule(rule), text)])
    this.#labels = rule.kind === 'alerting' ? parse(rule.labels) : []
    this.#annotations = rule.kind === 'alerting' ? parse(rule.annotations) : []
  }

  /** Equal for rules that go on where the other one ended: name and labels. */
  get key(): string {
    return JSON.stringify([this.rule.kind, nameOfRule(this.rule), this.rule.labels])
  }

  /** Series that the last evaluation has written. */
  get written(): ReadonlyMap<string, Labels> {
    return this.#written.last
  }

  /** Evaluates the rule. Never throws: what goes wrong is its health. */
  async evaluate(atMs: number): Promise<void> {
    const { clock } = this.#ground
    const begin = clock.monotonicMs()
    let error = ''
    try {
      const timeMs = atMs - this.#group.queryOffsetMs
      const samples = await this.#ground.query(this.rule.expr, timeMs)
      if (this.rule.kind === 'recording') this.#record(this.rule, samples, timeMs)
      else await this.#alert(this.rule, samples, { atMs, timeMs })
    } catch (cause) {
      error = cause instanceof Error ? cause.message : String(cause)
      const isSilent = !(cause instanceof RuleEvaluationError) && !('code' in Object(cause))
      if (isSilent) this.#ground.log('error', 'a rule cannot be evaluated', { error: cause })
    }
    const durationMs = clock.monotonicMs() - begin
    this.last = { health: error === '' ? 'ok' : 'err', error, atMs, durationMs }
  }

  /** Alerts that others are told of. */
  told(): readonly ToldAlert[] {
    return [...this.alerts.values()].flatMap((alert) =>
      alert.state === 'pending' ? [] : [toldOf(alert, this.rule.expr)],
    )
  }

  /** The rule is gone. */
  end(atMs: number): void {
    this.#written.end(atMs)
  }

  #record(rule: RecordingRule, samples: readonly RuleSample[], timeMs: number): void {
    const outputs: RuleOutput[] = samples.map(({ names, values, value, histogram }) => ({
      labels: recordedLabels(rule, new Labels(names, values)),
      value,
      histogram,
    }))
    checkRecorded(
      outputs.map(({ labels }) => labels),
      this.#group.limit,
    )
    this.#written.write(outputs, timeMs)
  }

  async #alert(
    rule: AlertingRule,
    samples: readonly RuleSample[],
    { atMs, timeMs }: { readonly atMs: number; readonly timeMs: number },
  ): Promise<void> {
    if (!this.#isRestored) await this.#restore(rule, atMs)
    const ground: TemplateGround = {
      externalUrl: this.#ground.externalUrl(),
      timeMs,
      query: async (text) =>
        (await this.#ground.query(text, timeMs)).map(({ names, values, value, text: said }) => ({
          labels: new Map(names.map((name, at) => [name, values[at]!])),
          value,
          ...(said === '' ? {} : { text: said }),
        })),
    }
    const seen: AlertSeen[] = []
    for (const sample of samples) seen.push(await this.#seen(rule, sample, ground))
    const timing = { ...rule, limit: this.#group.limit || ALERTS_MAX }
    try {
      this.alerts = advanceAlerts(this.alerts, seen, timing, atMs)
    } catch (error) {
      this.alerts = new Map()
      throw error
    }
    this.#written.write(alertSeries(rule, [...this.alerts.values()]), timeMs)
  }

  async #seen(
    { alert }: AlertingRule,
    { names, values, value }: RuleSample,
    ground: TemplateGround,
  ): Promise<AlertSeen> {
    const subject = { labels: new Labels(names, values), value }
    const expand = async (templates: Templates) =>
      Promise.all(
        templates.map(
          async ([name, template]) =>
            [name, await expandRuleTemplate(template, subject, ground)] as const,
        ),
      )
    const [labels, annotations] = await Promise.all([
      expand(this.#labels),
      expand(this.#annotations),
    ])
    const all = withPairs(subject.labels, [['__name__', ''], ...labels, ['alertname', alert]])
    return { labels: all, annotations, value }
  }

  /** Goes on with the alerts of the last start, once. */
  async #restore(rule: AlertingRule, atMs: number): Promise<void> {
    const stored = await readStoredAlerts(this.#ground.store, rule, atMs)
    const shortMs = Math.max(2 * this.#group.intervalMs, 60_000)
    const timing = { ...rule, limit: this.#group.limit || ALERTS_MAX }
    this.alerts = restoreAlerts(stored, timing, atMs, shortMs)
    this.#isRestored = true
    // What is not there any more ends, also where only the last start has written it.
    const known = [...this.alerts.values()]
    for (const { labels } of alertSeries(rule, known)) this.#written.adopt(labels)
  }
}

/** `ALERTS` and `ALERTS_FOR_STATE` of all alerts that are pending or fire. */
function alertSeries(
  { alert: name }: AlertingRule,
  alerts: readonly Alert[],
): readonly RuleOutput[] {
  return alerts.flatMap(({ labels, state, activeAtMs }) => {
    if (state === 'resolved') return []
    const named = withPairs(labels, [['alertname', name]])
    return [
      {
        labels: withPairs(named, [
          ['__name__', 'ALERTS'],
          ['alertstate', state],
        ]),
        value: 1,
      },
      {
        labels: withPairs(named, [['__name__', 'ALERTS_FOR_STATE']]),
        value: Math.floor(activeAtMs / 1_000),
      },
    ]
  })
}

function toldOf(alert: Exclude<Alert, { readonly state: 'pending' }>, expr: string): ToldAlert {
  const { names, values } = alert.labels
  return {
    labels: names.map((name, at) => [name, values[at]!]),
    annotations: alert.annotations,
    startsAtMs: alert.firedAtMs,
    endsAtMs: alert.state === 'resolved' ? alert.resolvedAtMs : undefined,
    value: alert.value,
    expr,
  }
}
