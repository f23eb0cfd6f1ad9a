import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import type { ConfigProblem } from './problems.ts'

/** A `.env` longer than this is refused: it holds variables, not data. */
export const ENV_FILE_BYTES_MAX = 256 * 1024

/** What the `.env` beside a configuration file says. */
export interface EnvFile {
  /** Absolute; also where there is no such file: it may come. */
  readonly file: string
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly problems: readonly ConfigProblem[]
}

/** Reads `.env` in a folder, in the form that `node --env-file` reads. No file: no variables. A mistake is told by its line, and no value is shown. */
export async function readEnvFile(folder: string): Promise<EnvFile> {
  const file = join(folder, '.env')
  let bytes: Buffer
  try {
    bytes = await readFile(file)
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error)
    if (reason === 'ENOENT' || reason === 'ENOTDIR') return { file, variables: {}, problems: [] }
    const problem = problemAt(0, `cannot be read (${reason}); check its permissions`)
    return { file, variables: {}, problems: [problem] }
  }
  if (bytes.length > ENV_FILE_BYTES_MAX) {
    const message = `is ${bytes.length} bytes long; at most ${ENV_FILE_BYTES_MAX} are read`
    return { file, variables: {}, problems: [problemAt(0, message)] }
  }
  const text = bytes.toString('utf8')
  return { file, variables: parseEnv(text), problems: findMistakes(text) }
}

/** Every line is NAME=value, a comment, nothing, or inside of quotes that were opened in a line before it. */
function findMistakes(text: string): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  let quote = ''
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (quote !== '') {
      if (line.includes(quote)) quote = ''
      continue
    }
    if (/^\s*(#.*)?$/.test(line)) continue
    const [, value] = /^\s*(?:export\s+)?[A-Za-z_][A-Za-z0-9_.]*\s*=\s*(.*)$/.exec(line) ?? []
    if (value === undefined) {
      problems.push(problemAt(index + 1, 'this line is not NAME=value and no comment'))
      continue
    }
    const opened = /^["'`]/.exec(value)?.[0] ?? ''
    if (opened !== '' && !value.slice(1).includes(opened)) quote = opened
  }
  if (quote !== '') problems.push(problemAt(0, `a value begins with ${quote} and does not end`))
  return problems
}

/** The line itself may hold a secret, so it is not shown. */
function problemAt(line: number, message: string): ConfigProblem {
  const place = { file: '.env', line: Math.max(1, line), column: 1, sourceLine: '' }
  return { ...place, path: '', code: 'ERR_CONFIG_ENV_FILE', message }
}
