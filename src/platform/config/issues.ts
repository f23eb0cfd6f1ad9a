import type { z } from 'zod'
import { nearestWord } from '../../mechanisms/nearest-word/nearest-word.ts'
import type { SettingPath, SettingProblem } from './problems.ts'
import { describeType, knownNames, schemaOptions, schemasAt, unwrapSchema } from './schema.ts'
import type { Schema } from './schema.ts'
import { unitOf } from './units.ts'

type Issue = z.core.$ZodIssue

/** What Zod found, in words for the person who wrote the file. `data` is what was parsed. */
export function explainIssues(
  issues: readonly Issue[],
  schema: Schema,
  data: unknown,
): readonly SettingProblem[] {
  return issues.flatMap((issue) => explainIssue(issue, schema, data, []))
}

function explainIssue(
  issue: Issue,
  schema: Schema,
  data: unknown,
  prefix: SettingPath,
): readonly SettingProblem[] {
  const path = [...prefix, ...issue.path.filter((part) => typeof part !== 'symbol')]
  const value = valueAt(data, path)
  const [here] = schemasAt(schema, path)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => explainUnknown(path, key, schema))
  }
  if (issue.code === 'invalid_union') return explainUnion(issue, schema, data, path)
  if (issue.code === 'invalid_value')
    return [explainChoice(path, value, issue.values.map(String), here)]
  if (issue.code === 'invalid_key') {
    const message = `as a name ${issue.issues[0]?.message ?? 'it is refused'}`
    return [{ path, code: 'ERR_CONFIG_VALUE_INVALID', message, at: 'key' }]
  }
  return [invalid(path, describeIssue(issue, value, here))]
}

function describeIssue(issue: Issue, value: unknown, here: Schema | undefined): string {
  // Units and schemas with their own message already speak to people.
  const isUnit = here !== undefined && unitOf(unwrapSchema(here)) !== undefined
  if (isUnit && /^(must|is) /.test(issue.message)) return issue.message
  const demand = describeDemand(issue, here)
  if (value === undefined) return `is missing; it ${demand}`
  if (value === null) return `is empty; it ${demand}`
  return `${demand}; is ${showValue(value)}${probablyMeant(value, here)}`
}

/** `d: node d.js`: a command where the map that has it is wanted. */
function probablyMeant(value: unknown, here: Schema | undefined): string {
  const isService = here !== undefined && (knownNames(here) ?? []).includes('run')
  if (typeof value !== 'string' || value === '' || !isService) return ''
  return `; write { run: ${showValue(value)} }`
}

function describeDemand(issue: Issue, here: Schema | undefined): string {
  if (issue.message.startsWith('must ')) return issue.message
  if (issue.code === 'invalid_type') {
    return `must be ${here === undefined ? issue.expected : describeType(here)}`
  }
  if (issue.code === 'too_small')
    return `must ${boundOf(issue.origin, 'least', Number(issue.minimum))}`
  if (issue.code === 'too_big')
    return `must ${boundOf(issue.origin, 'most', Number(issue.maximum))}`
  if (issue.code === 'invalid_format') return `must match ${issue.pattern ?? issue.format}`
  return issue.message
}

function boundOf(origin: string, side: 'least' | 'most', limit: number): string {
  if (origin === 'array') return `have at ${side} ${limit} ${limit === 1 ? 'entry' : 'entries'}`
  if (origin === 'string')
    return `have at ${side} ${limit} ${limit === 1 ? 'character' : 'characters'}`
  return `be at ${side} ${limit}`
}

function explainUnknown(path: SettingPath, key: string, schema: Schema): SettingProblem {
  const known = schemasAt(schema, path).flatMap((each) => knownNames(each) ?? [])
  const nearest = nearestWord(key, known) ?? equalOf(key, known)
  const message = `unknown setting; ${hintFor(key, nearest, known)}`
  return { path: [...path, key], code: 'ERR_CONFIG_UNKNOWN_SETTING', message, nearest, at: 'key' }
}

function hintFor(key: string, nearest: string | undefined, known: readonly string[]): string {
  if (nearest !== undefined) return `did you mean ${nearest}?`
  const elsewhere = ELSEWHERE.get(key.toLowerCase())
  if (elsewhere !== undefined && known.includes('run')) return elsewhere
  // Nobody reads a long list.
  const shown = known.slice(0, NAMES_SHOWN_MAX).join(', ')
  const more = known.length - NAMES_SHOWN_MAX
  return `known here are ${shown}${more > 0 ? ` and ${more} more, see docs/settings.md` : ''}`
}

const NAMES_SHOWN_MAX = 6

/** Words of other tools (Docker Compose, Kubernetes, systemd, Procfile runners), and what they are called here. */
const EQUALS: ReadonlyMap<string, string> = new Map([
  ['depends_on', 'after'],
  ['dependson', 'after'],
  ['requires', 'after'],
  ['environment', 'env'],
  ['env_vars', 'env'],
  ['command', 'run'],
  ['cmd', 'run'],
  ['exec', 'run'],
  ['execstart', 'run'],
  ['entrypoint', 'run'],
  ['replicas', 'instances'],
  ['scale', 'instances'],
  ['count', 'instances'],
  ['working_dir', 'folder'],
  ['workingdir', 'folder'],
  ['workdir', 'folder'],
  ['cwd', 'folder'],
  ['healthcheck', 'health'],
  ['readinessprobe', 'health'],
  ['livenessprobe', 'health'],
  ['stop_grace_period', 'stop'],
  ['links', 'calls'],
  ['path_prefix', 'path'],
  ['location', 'path'],
  ['uri', 'path'],
  ['proxy_pass', 'to'],
  ['backend', 'to'],
  ['upstream', 'to'],
  ['service', 'to'],
  ['strip_path', 'strip'],
  ['hosts', 'host'],
  ['method', 'methods'],
])

/** Words of other tools that a service here has in another place, or not at all. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['image', 'services are programs of this machine here, not images: write run: and the command'],
  ['build', 'services are programs of this machine here, not images: write run: and the command'],
  [
    'ports',
    'write port: where a program cannot be told its port ($PORT); routes of the gateway and listen: open ports to the outside',
  ],
  ['volumes', 'services run on this machine, with its files'],
  ['networks', 'services reach each other by the addresses in their environment (ORDERS_URL)'],
  ['env_file', 'variables stand in .env beside this file, or in env:'],
])

/** What a word of another tool is called here, where that is known at this place. */
function equalOf(key: string, known: readonly string[]): string | undefined {
  const equal = EQUALS.get(key.toLowerCase())
  return equal !== undefined && known.includes(equal) ? equal : undefined
}

function explainChoice(
  path: SettingPath,
  value: unknown,
  known: readonly string[],
  here: Schema | undefined,
): SettingProblem {
  const demand = known.length === 1 ? `must be ${known[0]}` : `must be one of ${known.join(', ')}`
  if (value === undefined) return invalid(path, `is missing; it ${demand}`)
  if (value === null) return invalid(path, `is empty; it ${demand}`)
  const nearest = typeof value === 'string' ? nearestWord(value, known) : undefined
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`
  // Within a union the other forms are allowed too.
  const all =
    here !== undefined && schemaOptions(here).length > 1 ? `must be ${describeType(here)}` : demand
  return { ...invalid(path, `${all}; is ${showValue(value)}${hint}`), nearest }
}

/** Where only one option has the right shape, its problems are the ones meant; else all forms are named. */
function explainUnion(
  issue: z.core.$ZodIssueInvalidUnion,
  schema: Schema,
  data: unknown,
  path: SettingPath,
): readonly SettingProblem[] {
  const [here] = schemasAt(schema, path)
  const value = valueAt(data, path)
  if (here === undefined || unitOf(unwrapSchema(here)) !== undefined) {
    return [invalid(path, unitMessage(issue.message, value, here))]
  }
  const isOfShape = (errors: readonly Issue[]): boolean =>
    !errors.some(
      ({ path: at, code }) =>
        at.length === 0 && (code === 'invalid_type' || code === 'invalid_value'),
    )
  const close = issue.errors.filter(isOfShape)
  const [only] = close
  if (close.length === 1 && only !== undefined) {
    return only.flatMap((each) => explainIssue(each, schema, data, path))
  }
  if (value === undefined) return [invalid(path, `is missing; it must be ${describeType(here)}`)]
  if (value === null) return [invalid(path, `is empty; it must be ${describeType(here)}`)]
  return [invalid(path, `must be ${describeType(here)}; is ${showValue(value)}`)]
}

/** Of a secret not even a wrong value is shown. */
function unitMessage(message: string, value: unknown, here: Schema | undefined): string {
  const isSecret = here !== undefined && unitOf(unwrapSchema(here))?.kind === 'secret'
  if (!isSecret) return message
  if (value === undefined) return `is missing; it ${message}`
  return value === null ? `is empty; it ${message}` : message
}

function invalid(path: SettingPath, message: string): SettingProblem {
  return { path, code: 'ERR_CONFIG_VALUE_INVALID', message }
}

/** The value at a path of plain data, or undefined. */
export function valueAt(data: unknown, path: SettingPath): unknown {
  let value = data
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string | number, unknown>)[key]
  }
  return value
}

const SHOWN_TEXT_MAX = 60

function showValue(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object') return 'a map'
  const text = `${value as string | number | boolean}`
  if (text === '') return 'an empty text'
  return text.length > SHOWN_TEXT_MAX ? `${text.slice(0, SHOWN_TEXT_MAX)}…` : text
}
