import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node, type YAMLMap } from 'yaml'
import { TemplateError } from '../go-template/values.ts'
import { quote } from '../go-text/go-text.ts'
import { parseDuration } from '../promql/syntax/durations.ts'
import { parseQuery } from '../promql/syntax/parse.ts'
import { ParseError } from '../promql/syntax/parse-error.ts'
import { typeOf } from '../promql/syntax/check-types.ts'
import type { Pairs, Rule, RuleGroup } from './rules.ts'
import { parseRuleTemplate } from './template.ts'

/** Characters of a rule file. */
export const RULE_FILE_LENGTH_MAX = 4 * 1024 * 1024

/** What is wrong in a rule file, in Prometheus' words: `12:3: group "shop", rule 1, "Slow": ...`. */
export interface RuleProblem {
  readonly line: number
  readonly column: number
  readonly text: string
}

/** The groups of a file, or everything that is wrong with it. */
export interface RuleFile {
  readonly groups: readonly RuleGroup[]
  readonly problems: readonly RuleProblem[]
}

/** What a file does not say. */
export interface RuleDefaults {
  readonly file: string
  readonly intervalMs: number
}

const FEATURES = {
  experimentalFunctions: false,
  extendedRangeSelectors: false,
  fillModifiers: false,
} as const

/** Reads a rule file of Prometheus (prometheus.io/docs/prometheus/latest/configuration/recording_rules), as strictly as Prometheus does. */
export function parseRuleFile(text: string, defaults: RuleDefaults): RuleFile {
  if (text.length > RULE_FILE_LENGTH_MAX) {
    const problem = `the file has more than ${RULE_FILE_LENGTH_MAX} characters`
    return { groups: [], problems: [{ line: 1, column: 1, text: problem }] }
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  const reader = new RuleFileReader(lines, defaults)
  for (const { message, pos } of document.errors) {
    reader.addAt(pos[0], message.split('\n')[0] ?? message)
  }
  const groups = document.errors.length > 0 ? [] : reader.file(document.contents as Node | null)
  return { groups: reader.problems.length > 0 ? [] : groups, problems: reader.problems }
}

/** What is wrong with the expression, labels and annotations of a rule; '' for nothing. */
export function problemOfRule(rule: Rule): string {
  const expression = problemOfExpression(rule.expr)
  if (expression !== '') return expression
  const names = rule.labels.find(([name]) => name === '' || name === '__name__')
  if (names !== undefined) return `invalid label name: ${names[0]}`
  if (rule.kind === 'recording') {
    return rule.record === '' || /[{}]/.test(rule.record)
      ? `invalid recording rule name: ${rule.record}`
      : ''
  }
  try {
    for (const [, text] of [...rule.labels, ...rule.annotations]) {
      parseRuleTemplate(rule.alert, text)
    }
    return ''
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    return `error parsing template __alert_${rule.alert}: template: __alert_${rule.alert}:${error.message}`
  }
}

function problemOfExpression(expr: string): string {
  if (expr === '') return "field 'expr' must be set in rule"
  try {
    const type = typeOf(parseQuery(expr, FEATURES))
    return type === 'vector' || type === 'scalar'
      ? ''
      : `could not parse expression: a rule needs a vector or a scalar, and this is a ${type}`
  } catch (error) {
    if (!(error instanceof ParseError)) throw error
    return `could not parse expression: ${error.message}`
  }
}

class RuleFileReader {
  readonly problems: RuleProblem[] = []
  readonly #lines: LineCounter
  readonly #defaults: RuleDefaults

  constructor(lines: LineCounter, defaults: RuleDefaults) {
    this.#lines = lines
    this.#defaults = defaults
  }

  addAt(offset: number, text: string): void {
    const { line, col } = this.#lines.linePos(offset)
    this.problems.push({ line, column: col, text })
  }

  file(root: Node | null): readonly RuleGroup[] {
    if (root === null || (isScalar(root) && root.value === null)) return []
    const top = this.#map(root, ['groups', 'namespace'], 'the file')
    const groups = top?.get('groups', true)
    if (groups === undefined || (isScalar(groups) && groups.value === null)) return []
    if (!isSeq(groups)) {
      this.#add(root, 'groups must be a list')
      return []
    }
    const names = new Set<string>()
    return groups.items.flatMap((item) => {
      const group = this.#group(item as Node, names)
      return group === undefined ? [] : [group]
    })
  }

  #group(node: Node, names: Set<string>): RuleGroup | undefined {
    const keys = [
      'name',
      'interval',
      'query_offset',
      'limit',
      'labels',
      'rules',
      'partial_response_strategy',
    ]
    const map = this.#map(node, keys, 'a group')
    if (map === undefined) return undefined
    const name = this.#text(map, 'name')
    if (name === '') this.#add(node, 'Groupname must not be empty')
    if (names.has(name)) this.#add(node, `groupname: ${quote(name)} is repeated in the same file`)
    names.add(name)
    const common = this.#pairs(map, 'labels')
    const rules = map.get('rules', true)
    const items = isSeq(rules) ? rules.items : []
    if (rules !== undefined && !isSeq(rules) && !(isScalar(rules) && rules.value === null)) {
      this.#add(node, `group ${quote(name)}: rules must be a list`)
    }
    return {
      name,
      file: this.#defaults.file,
      intervalMs: this.#duration(map, 'interval') || this.#defaults.intervalMs,
      queryOffsetMs: this.#duration(map, 'query_offset'),
      limit: this.#count(map, 'limit'),
      rules: items.flatMap((item, at) => {
        const rule = this.#rule(item as Node, { group: name, at: at + 1, common })
        return rule === undefined ? [] : [rule]
      }),
    }
  }

  #rule(
    node: Node,
    { group, at, common }: { readonly group: string; readonly at: number; readonly common: Pairs },
  ): Rule | undefined {
    const keys = ['record', 'alert', 'expr', 'for', 'keep_firing_for', 'labels', 'annotations']
    const map = this.#map(node, keys, 'a rule')
    if (map === undefined) return undefined
    const [record, alert] = [this.#text(map, 'record'), this.#text(map, 'alert')]
    const name = record === '' ? alert : record
    const fail = (text: string): undefined => {
      this.#add(node, `group ${quote(group)}, rule ${at}, ${quote(name)}: ${text}`)
    }
    if (record !== '' && alert !== '') return fail("only one of 'record' and 'alert' must be set")
    if (name === '') return fail("one of 'record' or 'alert' must be set")
    const own = this.#pairs(map, 'labels')
    const labels = [...new Map([...common, ...own])]
    const expr = this.#text(map, 'expr')
    const forbidden = ['annotations', 'for', 'keep_firing_for'].find((key) => map.has(key))
    if (record !== '' && forbidden !== undefined) {
      return fail(`invalid field '${forbidden}' in recording rule`)
    }
    const rule: Rule =
      record === ''
        ? {
            kind: 'alerting',
            alert,
            expr,
            forMs: this.#duration(map, 'for'),
            keepFiringForMs: this.#duration(map, 'keep_firing_for'),
            labels,
            annotations: this.#pairs(map, 'annotations'),
          }
        : { kind: 'recording', record, expr, labels }
    const problem = problemOfRule(rule)
    return problem === '' ? rule : fail(problem)
  }

  #map(node: Node, keys: readonly string[], what: string): YAMLMap | undefined {
    if (!isMap(node)) {
      this.#add(node, `${what} must be a map`)
      return undefined
    }
    for (const { key } of node.items) {
      const name = isScalar(key) ? String(key.value) : ''
      if (!keys.includes(name)) {
        this.#add(key as Node, `field ${name} not found in ${what}; known are ${keys.join(', ')}`)
      }
    }
    return node
  }

  #text(map: YAMLMap, key: string): string {
    const node = map.get(key, true)
    if (node === undefined) return ''
    const value = isScalar(node) ? node.value : undefined
    if (typeof value === 'string') return value
    if (typeof value === 'number' || typeof value === 'boolean') {
      return isScalar(node) ? (node.source ?? String(value)) : ''
    }
    if (value !== null) this.#add(node as Node, `${key} must be a text`)
    return ''
  }

  #duration(map: YAMLMap, key: string): number {
    const text = this.#text(map, key)
    if (text === '') return 0
    const ms = parseDuration(text)
    if (typeof ms === 'number') return ms
    this.#add(map.get(key, true) as unknown as Node, ms)
    return 0
  }

  #count(map: YAMLMap, key: string): number {
    const text = this.#text(map, key)
    const count = Number(text === '' ? '0' : text)
    if (Number.isSafeInteger(count) && count >= 0) return count
    this.#add(map, `${key} must be a whole number`)
    return 0
  }

  #pairs(map: YAMLMap, key: string): Pairs {
    const node = map.get(key, true)
    if (node === undefined || (isScalar(node) && node.value === null)) return []
    if (!isMap(node)) {
      this.#add(node as Node, `${key} must be a map`)
      return []
    }
    return node.items.map(({ key: name }) => {
      const text = isScalar(name) ? String(name.value) : ''
      return [text, this.#text(node, text)] as const
    })
  }

  #add(node: Node | null | undefined, text: string): void {
    this.addAt(node?.range?.[0] ?? 0, text)
  }
}
