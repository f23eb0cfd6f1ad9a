/** Names with values, in the order in which they are written. */
export type Pairs = readonly (readonly [name: string, value: string])[]

/** Stores what its expression answers under another name. */
export interface RecordingRule {
  readonly kind: 'recording'
  readonly record: string
  readonly expr: string
  /** An empty value takes a label away. */
  readonly labels: Pairs
}

/** What its expression answers is wrong: each element is an alert. */
export interface AlertingRule {
  readonly kind: 'alerting'
  readonly alert: string
  readonly expr: string
  /** It fires when it was there for so long. */
  readonly forMs: number
  /** It goes on firing for so long after it was there last. */
  readonly keepFiringForMs: number
  /** Templates, as annotations. */
  readonly labels: Pairs
  readonly annotations: Pairs
}

export type Rule = RecordingRule | AlertingRule

/** Rules that are evaluated one after the other, at the same time. Prometheus' rule group. */
export interface RuleGroup {
  readonly name: string
  /** Where it is written; with the name it tells groups apart. */
  readonly file: string
  readonly intervalMs: number
  /** It looks at samples of so long ago, for data that comes late. */
  readonly queryOffsetMs: number
  /** Series of a recording rule, alerts of an alerting rule; 0: no limit. */
  readonly limit: number
  readonly rules: readonly Rule[]
}

/** The name of a rule. */
export function nameOfRule(rule: Rule): string {
  return rule.kind === 'recording' ? rule.record : rule.alert
}
