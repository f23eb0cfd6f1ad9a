import { glob, readFile, stat } from 'node:fs/promises'
import { isAbsolute, join, relative } from 'node:path'
import type { RuleProblem } from '../../../mechanisms/alert-rules/rule-file.ts'
import type { Rule, RuleGroup } from '../../../mechanisms/alert-rules/rules.ts'

/** Rule files that are read. */
export const RULE_FILES_MAX = 1_000
/** Bytes of one of them. */
export const RULE_FILE_BYTES_MAX = 4 * 1024 * 1024
/** Rules of all files together. */
export const RULES_MAX = 20_000

/** Rules cannot be used as they are written. */
export class RulesInvalidError extends Error {
  override readonly name = 'RulesInvalidError'
  readonly code = 'ERR_ALERTS_RULES'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    const [first = '', ...others] = problems
    super(others.length === 0 ? first : `${first} (and ${others.length} more problems)`)
    this.problems = problems
  }
}

/** A rule as the file has it; durations in milliseconds. */
export interface RuleSaid {
  readonly alert?: string | undefined
  readonly record?: string | undefined
  readonly query: string
  readonly for: number
  readonly keepFiringFor: number
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

/** What is read of the settings. */
export interface RulesSaid {
  readonly interval: number
  readonly rules: readonly RuleSaid[]
  readonly files: readonly string[]
}

/** Rules as they were read. */
export interface LoadedRules {
  readonly groups: readonly RuleGroup[]
  readonly problems: readonly string[]
  /** Every rule file, absolute. */
  readonly paths: readonly string[]
}

/** The groups of the configuration and of all its rule files, and everything that is wrong with them. `folder` is that of the configuration. */
export async function loadRules(
  { interval, rules, files }: RulesSaid,
  folder: string,
): Promise<LoadedRules> {
  if (rules.length === 0 && files.length === 0) return { groups: [], problems: [], paths: [] }
  // The language is loaded with the first rule: most starts do without it.
  const { parseRuleFile, problemOfRule } =
    await import('../../../mechanisms/alert-rules/rule-file.ts')
  const problems: string[] = []
  const groups: RuleGroup[] = []
  const own = rules.map(ruleOf)
  for (const [index, rule] of own.entries()) {
    const problem = problemOfRule(rule)
    if (problem !== '') problems.push(`alerts.rules[${index}]: ${problem}`)
  }
  if (own.length > 0) groups.push(groupOf('alerts', interval, own))
  const { paths, problems: missing } = await findFiles(files, folder)
  problems.push(...missing)
  for (const path of paths) {
    const file = relative(folder, path)
    const text = await readRuleFile(path)
    if (typeof text !== 'string') {
      problems.push(`${file}: ${text.problem}`)
      continue
    }
    const parsed = parseRuleFile(text, { file, intervalMs: interval })
    groups.push(...parsed.groups)
    problems.push(...parsed.problems.map((problem) => problemText(file, problem)))
  }
  const count = groups.reduce((sum, { rules: some }) => sum + some.length, 0)
  if (count > RULES_MAX)
    problems.push(`there are ${count} rules; at most ${RULES_MAX} are evaluated`)
  return { groups, problems, paths }
}

/** The rules of the configuration itself. */
function groupOf(name: string, intervalMs: number, rules: readonly Rule[]): RuleGroup {
  return { name, file: 'backplane', intervalMs, queryOffsetMs: 0, limit: 0, rules }
}

function ruleOf(said: RuleSaid): Rule {
  const labels = Object.entries(said.labels)
  if (said.record !== undefined) {
    return { kind: 'recording', record: said.record, expr: said.query, labels }
  }
  return {
    kind: 'alerting',
    alert: said.alert ?? '',
    expr: said.query,
    forMs: said.for,
    keepFiringForMs: said.keepFiringFor,
    labels,
    annotations: Object.entries(said.annotations),
  }
}

async function findFiles(
  patterns: readonly string[],
  folder: string,
): Promise<{ readonly paths: readonly string[]; readonly problems: readonly string[] }> {
  const paths = new Set<string>()
  const problems: string[] = []
  for (const pattern of patterns) {
    const whole = isAbsolute(pattern) ? pattern : join(folder, pattern)
    if (!/[*?[{]/.test(pattern)) {
      paths.add(whole)
      continue
    }
    for await (const path of glob(whole)) {
      if (paths.size >= RULE_FILES_MAX) break
      paths.add(path)
    }
  }
  if (paths.size > RULE_FILES_MAX) problems.push(`more than ${RULE_FILES_MAX} rule files`)
  return { paths: [...paths].toSorted(), problems }
}

async function readRuleFile(path: string): Promise<string | { readonly problem: string }> {
  try {
    const { size } = await stat(path)
    if (size > RULE_FILE_BYTES_MAX) {
      return { problem: `is ${size} bytes long; at most ${RULE_FILE_BYTES_MAX} are read` }
    }
    return await readFile(path, 'utf8')
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error)
    return { problem: reason === 'ENOENT' ? 'is not there' : `cannot be read (${reason})` }
  }
}

function problemText(file: string, { line, column, text }: RuleProblem): string {
  return `${file}:${line}:${column}: ${text}`
}
