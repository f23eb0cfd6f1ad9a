import { RE2JS } from 're2js'
import { expandGroups } from '../labels/expand-groups.ts'
import { type Labels, labelsOf } from '../labels/labels.ts'

/** What a rule does (prometheus.io/docs/prometheus/latest/configuration/configuration, `relabel_config`). */
export interface RelabelSpec {
  readonly action:
    | 'replace'
    | 'keep'
    | 'drop'
    | 'keepequal'
    | 'dropequal'
    | 'hashmod'
    | 'labelmap'
    | 'labeldrop'
    | 'labelkeep'
    | 'lowercase'
    | 'uppercase'
  readonly sourceLabels: readonly string[]
  readonly separator: string
  readonly regex: string
  readonly targetLabel: string
  readonly replacement: string
  readonly modulus: number
}

/** Rules that are ready: labels in, labels out; undefined where they are dropped. */
export type Relabel = (labels: Labels) => Labels | undefined

interface Rule extends RelabelSpec {
  readonly pattern: RE2JS
}

/**
 * Compiles rules. `hash64` gives the lower 64 bits of the MD5 of a text, for `hashmod`. Throws RE2JS's error for an expression that cannot be.
 */
export function compileRelabel(
  specs: readonly RelabelSpec[],
  hash64: (text: string) => bigint,
): Relabel {
  if (specs.length === 0) return (labels) => labels
  const rules = specs.map((spec) => ({ ...spec, pattern: RE2JS.compile(`^(?s:${spec.regex})$`) }))
  return (labels) => {
    const map = new Map(labels.names.map((name, at) => [name, labels.values[at]!]))
    for (const rule of rules) if (!applyRule(rule, map, hash64)) return undefined
    return labelsOf(map)
  }
}

/** False where the labels are dropped. */
function applyRule(
  rule: Rule,
  labels: Map<string, string>,
  hash64: (text: string) => bigint,
): boolean {
  const source = rule.sourceLabels.map((name) => labels.get(name) ?? '').join(rule.separator)
  switch (rule.action) {
    case 'keep':
      return rule.pattern.testExact(source)
    case 'drop':
      return !rule.pattern.testExact(source)
    case 'keepequal':
      return source === (labels.get(rule.targetLabel) ?? '')
    case 'dropequal':
      return source !== (labels.get(rule.targetLabel) ?? '')
    case 'replace':
      replace(rule, source, labels)
      return true
    case 'hashmod':
      set(labels, rule.targetLabel, String(hash64(source) % BigInt(Math.max(1, rule.modulus))))
      return true
    case 'lowercase':
      set(labels, rule.targetLabel, source.toLowerCase())
      return true
    case 'uppercase':
      set(labels, rule.targetLabel, source.toUpperCase())
      return true
    case 'labelmap':
      for (const [name, value] of Array.from(labels)) {
        const mapped = expanded(rule.pattern, name, rule.replacement)
        if (mapped !== undefined) set(labels, mapped, value)
      }
      return true
    case 'labeldrop':
      for (const name of labels.keys()) if (rule.pattern.testExact(name)) labels.delete(name)
      return true
    case 'labelkeep':
      for (const name of labels.keys()) if (!rule.pattern.testExact(name)) labels.delete(name)
      return true
  }
}

function replace(rule: Rule, source: string, labels: Map<string, string>): void {
  const value = expanded(rule.pattern, source, rule.replacement)
  if (value === undefined) return
  const target = expanded(rule.pattern, source, rule.targetLabel) ?? rule.targetLabel
  if (target !== '') set(labels, target, value)
}

function set(labels: Map<string, string>, name: string, value: string): void {
  if (value === '') labels.delete(name)
  else labels.set(name, value)
}

/** `$1`, `${1}`, `${name}` and `$$` of a template, as Go's `Regexp.Expand`; undefined where the text does not match. */
function expanded(pattern: RE2JS, text: string, template: string): string | undefined {
  const matcher = pattern.matcher(text)
  if (!matcher.matches()) return undefined
  return expandGroups(matcher, template)
}
