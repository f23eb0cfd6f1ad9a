import { readFile } from 'node:fs/promises'
import { basename, dirname, extname, join, resolve } from 'node:path'
import type { z } from 'zod'
import { formatSettings } from './effective.ts'
import { readEnvFile } from './env-file.ts'
import { explainIssues } from './issues.ts'
import { CONFIG_PROBLEMS_MAX, ConfigError, formatPath, parsePath } from './problems.ts'
import type { ConfigProblem, Place, SettingPath, SettingProblem } from './problems.ts'
import { resolveSecrets, secretMarks } from './secrets.ts'
import type { Resolved } from './secrets.ts'
import { findMark, mergeTrees, removeFromTree, toPlain } from './tree.ts'
import { CONFIG_BYTES_MAX, createSourceText, placeOf, readYamlTree } from './yaml-tree.ts'
import type { ConfigNode, Mark, SourceText } from './yaml-tree.ts'

/** Where a setting stands: `backplane.yaml:12`, or `default` where no file says it. */
export type SourceOf = (path: string | SettingPath) => string

/** A valid configuration. */
export interface LoadedConfig<Settings> {
  readonly settings: Settings
  /** A path as text (`services.orders.health`, `gateway.routes[0]`) or as a list of its parts. */
  readonly sourceOf: SourceOf
  /** All files that were read or looked for, absolute, secrets' files too: what a watcher watches. */
  readonly files: readonly string[]
  /** What `{ env: NAME }` and services see: the given environment over the `.env` beside the file. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Environment variables that hold secrets: nobody gets them but the setting that names them. */
  readonly secretVariables: readonly string[]
  /** The settings as one would write them in the file, defaults included, secrets as `***`. */
  effective(): unknown
}

export interface LoadOptions<S extends z.ZodType> {
  readonly file: string
  /** `production` lays `backplane.production.yaml`, beside the file, over it; that file must exist. '' for none. */
  readonly overlay?: string | undefined
  readonly schema: S
  /** Where `{ env: NAME }` is looked up, before the `.env` beside the file. */
  readonly env: NodeJS.ProcessEnv
  /** What no single setting can know. Runs only on settings that fit the schema, after secrets were resolved. */
  readonly check?: (
    settings: z.output<S>,
    sourceOf: SourceOf,
    environment: LoadedConfig<unknown>['environment'],
  ) => readonly SettingProblem[]
  /** What a look at files that the settings name tells; `folder` is what they are relative to. Runs last, and only where it is given. */
  readonly inspect?: (settings: z.output<S>, folder: string) => Promise<readonly SettingProblem[]>
  /** The smallest useful file, shown when there is none or an empty one. */
  readonly smallest?: string
}

/**
 * Reads the configuration file and its overlay, validates them, and resolves secrets. Maps are merged, lists and
 * values of the overlay replace those below, and null in the overlay takes a setting away (RFC 7396).
 * @throws ConfigError with every problem found
 */
export async function loadConfig<S extends z.ZodType>(
  options: LoadOptions<S>,
): Promise<LoadedConfig<Resolved<z.output<S>>>> {
  const envFile = await readEnvFile(dirname(resolve(options.file)))
  const input = await readInput(options, envFile.file)
  const { root, files } = input
  throwProblems(envFile.problems, files)
  const environment = { ...envFile.variables, ...options.env }
  const parsed = options.schema.safeParse(toPlain(root, options.schema), PARSE_ONCE)
  if (!parsed.success)
    return fail(input, explainInvalid(options, root, parsed.error.issues, environment), options)
  const resolved = await resolveSecrets(parsed.data, {
    schema: options.schema,
    env: environment,
    folder: dirname(files[0] ?? ''),
  })
  const settings = resolved.settings as z.output<S>
  const sourceOf = createSourceOf(root)
  const problems = [
    ...resolved.problems,
    ...(options.check?.(settings, sourceOf, environment) ?? []),
  ]
  const allFiles = [...files, ...resolved.files]
  if (problems.length > 0) return fail({ ...input, files: allFiles }, problems, options)
  const inspected = (await options.inspect?.(settings, dirname(files[0] ?? ''))) ?? []
  if (inspected.length > 0) return fail({ ...input, files: allFiles }, inspected, options)
  return {
    settings: settings as Resolved<z.output<S>>,
    sourceOf,
    files: allFiles,
    environment,
    secretVariables: resolved.variables,
    effective: () => formatSettings(settings, options.schema),
  }
}

/** Compiling the schema pays off after many parses; a configuration is parsed once. It costs 10 ms of the start. */
const PARSE_ONCE = { jitless: true } as const

interface Input {
  readonly root: ConfigNode
  readonly files: readonly string[]
}

/** `backplane.yaml` and `production` give `backplane.production.yaml`. */
export function overlayFile(file: string, overlay: string): string {
  const extension = extname(file)
  return join(dirname(file), `${basename(file, extension)}.${overlay}${extension}`)
}

/** `envFile` is watched as the others are; what it says is read elsewhere. */
async function readInput(options: LoadOptions<z.ZodType>, envFile: string): Promise<Input> {
  const file = resolve(options.file)
  const sourceFiles = [file]
  if (options.overlay) {
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(options.overlay)) {
      const message = `${options.overlay} is no name of an environment: letters, digits, - and _`
      throw new ConfigError([fileProblem(file, 'ERR_CONFIG_OVERLAY_NAME', message)], sourceFiles)
    }
    sourceFiles.push(overlayFile(file, options.overlay))
  }
  const files = [...sourceFiles, envFile]
  const read = await Promise.all(sourceFiles.map(readSource))
  const problems = read.flatMap((each) =>
    'problem' in each ? [describeMissing(each, options)] : [],
  )
  throwProblems(problems, files)
  const sources = read.flatMap((each) => ('source' in each ? [each.source] : []))
  const trees = sources.map((source) => ({ source, ...readYamlTree(source) }))
  throwProblems(
    trees.flatMap((tree) => hideSecrets(tree.problems, tree.root, options.schema)),
    files,
  )
  for (const { root, source } of trees) throwProblems(checkRoot(root, source, options), files)
  const roots = trees.flatMap(({ root }) => (root === undefined || isNothing(root) ? [] : [root]))
  const [base, over] = roots
  if (base === undefined) throw new TypeError('an empty file was let through')
  return { root: over === undefined ? base : mergeTrees(base, over), files }
}

type ReadSource =
  | { readonly source: SourceText }
  | { readonly problem: string; readonly code: string; readonly file: string }

async function readSource(file: string): Promise<ReadSource> {
  const code = 'ERR_CONFIG_FILE_UNREADABLE'
  let bytes: Buffer
  try {
    bytes = await readFile(file)
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error)
    if (reason === 'ENOENT' || reason === 'ENOTDIR') {
      return { file, code: 'ERR_CONFIG_FILE_MISSING', problem: `not found in ${dirname(file)}` }
    }
    return { file, code, problem: `cannot be read (${reason}); check its permissions` }
  }
  if (bytes.length > CONFIG_BYTES_MAX) {
    const problem = `is ${bytes.length} bytes long; at most ${CONFIG_BYTES_MAX} are read`
    return { file, code: 'ERR_CONFIG_TOO_LARGE', problem }
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return { source: createSourceText(basename(file), text) }
  } catch {
    return { file, code, problem: 'is not valid UTF-8; save it as UTF-8' }
  }
}

function describeMissing(
  {
    problem,
    code,
    file,
  }: { readonly problem: string; readonly code: string; readonly file: string },
  options: LoadOptions<z.ZodType>,
): ConfigProblem {
  if (code !== 'ERR_CONFIG_FILE_MISSING') return fileProblem(file, code, problem)
  if (options.overlay && file !== resolve(options.file)) {
    const advice = `create it, or leave out the environment ${options.overlay}`
    return fileProblem(file, code, `${problem}; ${advice}`)
  }
  return fileProblem(file, code, `${problem}; create one${smallestOf(options)}`)
}

function smallestOf({ smallest }: LoadOptions<z.ZodType>): string {
  return smallest === undefined
    ? ''
    : `, the smallest is\n\n${smallest.trimEnd().replaceAll(/^(?=.)/gm, '    ')}`
}

function checkRoot(
  root: ConfigNode | undefined,
  source: SourceText,
  options: LoadOptions<z.ZodType>,
): readonly ConfigProblem[] {
  if (root === undefined || isNothing(root)) {
    if (source.name !== basename(options.file)) return []
    const message = `is empty; write at least one service${smallestOf(options)}`
    return [fileProblem(source.name, 'ERR_CONFIG_FILE_EMPTY', message)]
  }
  if (root.kind === 'map') return []
  const message = `must be a map of settings; is a ${root.kind === 'list' ? 'list' : 'single value'}`
  return [{ ...placeOf(root.at), path: '', code: 'ERR_CONFIG_VALUE_INVALID', message }]
}

function isNothing(node: ConfigNode): boolean {
  return node.kind === 'scalar' && node.value === null
}

function fileProblem(file: string, code: string, message: string): ConfigProblem {
  return { file: basename(file), line: 0, column: 0, sourceLine: '', path: '', code, message }
}

function throwProblems(problems: readonly ConfigProblem[], files: readonly string[]): void {
  const [first, ...rest] = problems.slice(0, CONFIG_PROBLEMS_MAX)
  if (first !== undefined) throw new ConfigError([first, ...rest], files)
}

/**
 * What Zod found, and what the checks find in the rest: the wrong values are taken out and the remainder is looked at
 * once more, so that one run tells everything. What is only wrong because of what was taken out is not told.
 */
function explainInvalid<S extends z.ZodType>(
  options: LoadOptions<S>,
  root: ConfigNode,
  issues: readonly z.core.$ZodIssue[],
  environment: LoadedConfig<unknown>['environment'],
): readonly SettingProblem[] {
  const problems = explainIssues(issues, options.schema, toPlain(root, options.schema))
  // Without a whole section the checks would tell only what follows from that.
  const isSection = ({ path, code }: SettingProblem): boolean =>
    path.length < 2 && code !== 'ERR_CONFIG_UNKNOWN_SETTING'
  if (problems.some(isSection)) return problems
  // From the last to the first, so that what is taken out of a list moves no other index.
  const pruned = problems.reduceRight((tree, { path }) => removeFromTree(tree, path), root)
  const parsed = options.schema.safeParse(toPlain(pruned, options.schema), PARSE_ONCE)
  if (!parsed.success || options.check === undefined) return problems
  const found = options.check(parsed.data, createSourceOf(root), environment)
  const takenOut = new Set(problems.flatMap(({ path }) => (path.length === 2 ? [path[1]] : [])))
  const hasLostSection = problems.some(({ path }) => path.length < 2)
  const isAffected = ({ path, missing }: SettingProblem): boolean =>
    (missing !== undefined && (hasLostSection || takenOut.has(missing))) ||
    problems.some((problem) => followsFrom(path, problem))
  return [...problems, ...found.filter((problem) => !isAffected(problem))]
}

/** An unknown setting may be missing around it; a wrong value may be missing beside it too. */
function followsFrom(path: SettingPath, { path: wrong, code }: SettingProblem): boolean {
  if (startsWith(wrong, path)) return true
  // Entries of a map by name (a service) have nothing to do with each other.
  if (wrong.length === 2) return false
  return code !== 'ERR_CONFIG_UNKNOWN_SETTING' && startsWith(path, wrong.slice(0, -1))
}

function startsWith(path: SettingPath, prefix: SettingPath): boolean {
  return prefix.length > 0 && prefix.every((part, index) => path[index] === part)
}

function fail(
  { root, files }: Input,
  problems: readonly SettingProblem[],
  options: LoadOptions<z.ZodType>,
): never {
  const placed = problems.map((problem): ConfigProblem => {
    const { path, code, message, nearest } = problem
    const mark = findMark(root, path, problem.at ?? 'value')
    const text = { path: formatPath(path), code, message }
    return { ...placeOf(mark), ...text, ...(nearest === undefined ? {} : { nearest }) }
  })
  const byPlace = placed.toSorted((a, b) => a.line - b.line || a.column - b.column)
  // The base file first, then its overlay.
  const fileOrder = files.map((file) => basename(file))
  const ordered = byPlace.toSorted((a, b) => fileOrder.indexOf(a.file) - fileOrder.indexOf(b.file))
  throwProblems(hideSecrets(ordered, root, options.schema), files)
  throw new TypeError('no problem to fail with')
}

function hideSecrets(
  problems: readonly ConfigProblem[],
  root: ConfigNode | undefined,
  schema: z.ZodType,
): readonly ConfigProblem[] {
  if (problems.length === 0 || root === undefined) return problems
  const marks = secretMarks(root, [schema])
  return problems.map((problem) => ({ ...problem, sourceLine: hideMarks(problem, marks) }))
}

/** The line with every character of a secret replaced, so that the caret still stands right. */
function hideMarks({ file, line, sourceLine }: Place, marks: readonly Mark[]): string {
  let shown = sourceLine
  for (const { source, start, end } of marks) {
    if (source.name !== file) continue
    const lineStart = source.lineStarts[line - 1] ?? 0
    const from = Math.max(0, start - lineStart)
    const to = Math.min(shown.length, end - lineStart)
    if (from < to) shown = shown.slice(0, from) + '*'.repeat(to - from) + shown.slice(to)
  }
  return shown
}

function createSourceOf(root: ConfigNode): SourceOf {
  return (path) => {
    const mark = findMark(root, typeof path === 'string' ? parsePath(path) : path, 'exact')
    if (mark === undefined) return 'default'
    const { file, line } = placeOf(mark)
    return `${file}:${line}`
  }
}
