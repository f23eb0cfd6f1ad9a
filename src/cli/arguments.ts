import { nearestWord } from '../mechanisms/nearest-word/nearest-word.ts'
import type { Io } from './io.ts'

/** One flag of a command: `--json` (a boolean), or `--config FILE` (a value). */
export type FlagSpec =
  | { readonly type: 'boolean'; readonly short?: string; readonly description: string }
  | {
      readonly type: 'value'
      readonly short?: string
      /** Name of the value in the help: FILE. */
      readonly value: string
      readonly description: string
      /** Taken where the flag is not given; without it the flag is undefined then. */
      readonly default?: string
    }

export interface PositionalSpec {
  /** As the help shows it: SERVICE. */
  readonly name: string
  readonly description: string
  readonly isOptional?: boolean
  /** Only for the last one: any number, at least one unless optional. */
  readonly isMany?: boolean
  /** From here on everything is taken as it is: the words of another command. */
  readonly isRest?: boolean
}

/** All that a command takes. `--help` and `-h` are understood by every command. */
export interface CommandSpec {
  /** `check`: as in `backplane check`. */
  readonly name: string
  readonly summary: string
  readonly positionals?: readonly PositionalSpec[]
  readonly flags: Readonly<Record<string, FlagSpec>>
  /** Further lines of the help: exit codes, examples. */
  readonly notes?: readonly string[]
}

type FlagValue<Flag> = Flag extends { readonly type: 'boolean' }
  ? boolean
  : Flag extends { readonly default: string }
    ? string
    : string | undefined

/** What to run with, or what to print and leave with. */
export type ParsedArguments<Spec extends CommandSpec> =
  | {
      readonly kind: 'run'
      readonly flags: { readonly [Name in keyof Spec['flags']]: FlagValue<Spec['flags'][Name]> }
      readonly positionals: readonly string[]
    }
  | CommandExit

/** `--help` (code 0, on stdout), or wrong use (code 2, on stderr). */
export interface CommandExit {
  readonly kind: 'exit'
  readonly exitCode: 0 | 2
  readonly text: string
}

/**
 * Reads the arguments after the command's name, strictly: `--flag value`, `--flag=value`, `-f`, and `--` before
 * positionals that begin with a dash. A flag that is unknown, given twice or without its value, and a positional too
 * many or too few is wrong use. Declare the spec with `satisfies CommandSpec` and `as const` to get typed flags.
 */
export function parseArguments<const Spec extends CommandSpec>(
  argv: readonly string[],
  spec: Spec,
): ParsedArguments<Spec> {
  const found = new Map<string, string | true>()
  const positionals: string[] = []
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? ''
    if (word === '--') {
      positionals.push(...argv.slice(at + 1))
      break
    }
    if (spec.positionals?.[positionals.length]?.isRest === true) {
      positionals.push(...argv.slice(at))
      break
    }
    if (word === '--help' || word === '-h')
      return { kind: 'exit', exitCode: 0, text: formatHelp(spec) }
    if (word === '-' || !word.startsWith('-')) {
      positionals.push(word)
      continue
    }
    const read = readFlag(word, argv[at + 1], spec)
    if ('problem' in read) return wrongUse(spec, read.problem)
    if (found.has(read.name)) return wrongUse(spec, `--${read.name} is given twice.`)
    found.set(read.name, read.value)
    if (read.isNextTaken) at += 1
  }
  const problem = checkPositionals(positionals, spec.positionals ?? [])
  if (problem !== undefined) return wrongUse(spec, problem)
  const flags = Object.entries<FlagSpec>(spec.flags).map(([name, flag]) => [
    name,
    found.get(name) ?? (flag.type === 'boolean' ? false : flag.default),
  ])
  return { kind: 'run', flags: Object.fromEntries(flags), positionals } as ParsedArguments<Spec>
}

/** Prints help or wrong use where it belongs; returns the exit code. */
export function printExit({ exitCode, text }: CommandExit, io: Io): number {
  const stream = exitCode === 0 ? io.stdout : io.stderr
  stream.write(text)
  return exitCode
}

/** The help text of a command. */
export function formatHelp(spec: CommandSpec): string {
  const positionals = spec.positionals ?? []
  const usage = ['backplane', spec.name, ...positionals.map(showPositional)]
  const options = [
    ...Object.entries(spec.flags).map(([name, flag]) => describeFlag(name, flag)),
    ['-h, --help', 'Print this help.'] as const,
  ]
  const sections = [
    `${usage.join(' ')} [options]\n\n${spec.summary}\n`,
    ...(positionals.length > 0
      ? [`Arguments:\n${formatColumns(positionals.map((each) => [each.name, each.description]))}`]
      : []),
    `Options:\n${formatColumns(options)}`,
    ...(spec.notes === undefined ? [] : [`${spec.notes.join('\n')}\n`]),
  ]
  return sections.join('\n')
}

type ReadFlag =
  | { readonly problem: string }
  | { readonly name: string; readonly value: string | true; readonly isNextTaken: boolean }

function readFlag(word: string, next: string | undefined, spec: CommandSpec): ReadFlag {
  const equals = word.startsWith('--') ? word.indexOf('=') : -1
  const given = equals < 0 ? word : word.slice(0, equals)
  const found = findFlag(given, spec)
  if (found === undefined) return { problem: explainUnknown(given, spec) }
  const [name, flag] = found
  if (flag.type === 'boolean') {
    if (equals >= 0) return { problem: `${given} takes no value.` }
    return { name, value: true, isNextTaken: false }
  }
  const value = equals < 0 ? next : word.slice(equals + 1)
  // A value that looks like a flag was most likely forgotten; `--config=-x` says that it is meant.
  if (
    value === undefined ||
    value === '' ||
    (equals < 0 && value.startsWith('-') && value !== '-')
  ) {
    return { problem: `${given} needs a value: ${given} ${flag.value}.` }
  }
  return { name, value, isNextTaken: equals < 0 }
}

function findFlag(given: string, spec: CommandSpec): readonly [string, FlagSpec] | undefined {
  return Object.entries(spec.flags).find(([name, { short }]) =>
    given.startsWith('--') ? name === given.slice(2) : short === given.slice(1),
  )
}

function explainUnknown(given: string, spec: CommandSpec): string {
  const nearest = nearestWord(given.replace(/^-+/, ''), [...Object.keys(spec.flags), 'help'])
  const hint = nearest === undefined ? '' : ` Did you mean --${nearest}?`
  return `there is no option ${given}.${hint}`
}

function checkPositionals(
  given: readonly string[],
  specs: readonly PositionalSpec[],
): string | undefined {
  const missing = specs.find((each, index) => !each.isOptional && given[index] === undefined)
  if (missing !== undefined) return `${missing.name} is missing: ${missing.description}`
  const extra = specs.at(-1)?.isMany ? undefined : given[specs.length]
  return extra === undefined ? undefined : `'${extra}' is one argument too many.`
}

function wrongUse(spec: CommandSpec, problem: string): CommandExit {
  const text = `backplane ${spec.name}: ${problem}\n'backplane ${spec.name} --help' tells more.\n`
  return { kind: 'exit', exitCode: 2, text }
}

function showPositional({ name, isOptional, isMany }: PositionalSpec): string {
  const text = isMany ? `${name}...` : name
  return isOptional ? `[${text}]` : text
}

function describeFlag(name: string, flag: FlagSpec): readonly [string, string] {
  const long = flag.type === 'boolean' ? `--${name}` : `--${name} ${flag.value}`
  const left = flag.short === undefined ? `    ${long}` : `-${flag.short}, ${long}`
  const isDefaulted = flag.type === 'value' && flag.default !== undefined
  return [left, isDefaulted ? `${flag.description} Default: ${flag.default}` : flag.description]
}

function formatColumns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}\n`).join('')
}
