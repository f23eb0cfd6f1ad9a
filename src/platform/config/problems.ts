/** A place in a configuration file. Lines and columns count from 1, columns in UTF-16 units. */
export interface Place {
  /** As it is shown: `backplane.yaml`. */
  readonly file: string
  readonly line: number
  readonly column: number
  /** The text of that line with plain secrets blanked out, '' where there is no such line. */
  readonly sourceLine: string
}

/** One thing that is wrong with the configuration. */
export interface ConfigProblem extends Place {
  /** `services.orders.health`, `gateway.routes[0].to`, or '' for the whole file. */
  readonly path: string
  /** `ERR_CONFIG_…`, each explained in docs/errors/config.md. */
  readonly code: string
  /** What is wrong, with which value, and what to do. Goes after the path. */
  readonly message: string
  /** The known name that was probably meant. */
  readonly nearest?: string
}

/** What a check says of one setting; the loader adds file, line and column. */
export interface SettingProblem {
  readonly path: SettingPath
  readonly code: string
  readonly message: string
  readonly nearest?: string | undefined
  /** A name that nothing has: no problem of its own where what had it is wrong itself. */
  readonly missing?: string
  /** Whether the caret stands under the name or under the value; default: the value. */
  readonly at?: 'key' | 'value'
}

/** Names of maps and indexes of lists, from the root. */
export type SettingPath = readonly (string | number)[]

/** At most this many problems are told at once. */
export const CONFIG_PROBLEMS_MAX = 100

/** The configuration cannot be used. Nothing of it was applied. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  /** The code of the first problem. */
  readonly code: string
  /** All that is wrong, in order of file and line; never empty. */
  readonly problems: readonly ConfigProblem[]
  /**
   * Every file that was looked for, absolute: a watcher must keep watching them, or what repairs the configuration
   * goes unnoticed.
   */
  readonly files: readonly string[]

  constructor(problems: readonly [ConfigProblem, ...ConfigProblem[]], files: readonly string[]) {
    super(formatProblems(problems, { color: false }))
    this.code = problems[0].code
    this.problems = problems
    this.files = files
  }
}

/** `services.orders`, `gateway.routes[0].split[1].to`; names that are no plain words in quotes: `headers["x.y"]`. */
export function formatPath(path: SettingPath): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else if (!/^[A-Za-z0-9_-]+$/.test(part)) text += `[${JSON.stringify(part)}]`
    else text += text === '' ? part : `.${part}`
  }
  return text
}

/** The reverse of `formatPath`. Anything else than its output gives a path that names nothing. */
export function parsePath(text: string): SettingPath {
  const path: (string | number)[] = []
  for (const match of text.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.[\]]+)/g)) {
    if (match[1] !== undefined) path.push(Number(match[1]))
    else path.push(match[2] === undefined ? (match[3] ?? '') : String(JSON.parse(match[2])))
  }
  return path
}

const COLUMNS_MAX = 160

/**
 * For people: `backplane.yaml:12:5 services.orders.helth: unknown setting; did you mean health?`, then the line with a
 * caret under the place. Problems are separated by an empty line; no newline at the end.
 */
export function formatProblems(
  problems: readonly ConfigProblem[],
  options: { readonly color: boolean },
): string {
  const paint = (code: number, text: string): string =>
    options.color ? `\u001B[${code}m${text}\u001B[0m` : text
  return problems.map((problem) => formatProblem(problem, paint)).join('\n\n')
}

function formatProblem(
  problem: ConfigProblem,
  paint: (code: number, text: string) => string,
): string {
  const place =
    problem.line > 0 ? `${problem.file}:${problem.line}:${problem.column}` : problem.file
  const subject = problem.path === '' ? '' : ` ${paint(1, problem.path)}:`
  const head = `${paint(36, place)}${subject} ${problem.message}`
  if (problem.sourceLine.trim() === '') return head
  const start = Math.max(0, problem.column - COLUMNS_MAX)
  const shown = problem.sourceLine.slice(start, start + COLUMNS_MAX)
  const indent = shown.slice(0, problem.column - 1 - start).replaceAll(/[^\t]/g, ' ')
  const gutter = `${problem.line} | `
  const blank = `${' '.repeat(String(problem.line).length)} | `
  return `${head}\n  ${gutter}${shown}\n  ${blank}${indent}${paint(31, '^')}`
}
