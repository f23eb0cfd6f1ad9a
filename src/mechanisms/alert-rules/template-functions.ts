import { RE2JS } from 're2js'
import { demandText, queryEscape } from '../go-template/functions.ts'
import {
  isList,
  isMap,
  isRecord,
  TemplateError,
  textOf,
  typeNameOf,
  type TemplateFunction,
  type TemplateRecord,
  type TemplateValue,
} from '../go-template/values.ts'
import { replaceMatches } from '../labels/expand-groups.ts'
import { parseDuration } from '../promql/syntax/durations.ts'
import {
  humanize,
  humanize1024,
  humanizeDuration,
  humanizePercentage,
  humanizeTimestamp,
} from './humanize.ts'

/** One element of what a query within a template answers. */
export interface TemplateSample {
  readonly labels: ReadonlyMap<string, string>
  readonly value: number
  /** What `query` answers for an expression that is a string. */
  readonly text?: string
}

/** What templates of rules reach outside of them. */
export interface TemplateGround {
  /** Evaluates an expression at the time of the evaluation. */
  readonly query: (text: string) => Promise<readonly TemplateSample[]>
  /** Where people find this program, without a slash at its end. */
  readonly externalUrl: string
  /** The time of the evaluation. */
  readonly timeMs: number
}

/** The functions of Prometheus' templates (prometheus.io/docs/prometheus/latest/configuration/template_reference). */
export function templateFunctions(ground: TemplateGround): ReadonlyMap<string, TemplateFunction> {
  return new Map<string, TemplateFunction>([
    ...numberFunctions,
    ...textFunctions,
    ...sampleFunctions,
    ['query', async ([text]) => (await ground.query(demandText('query', text))).map(sampleOf)],
    ['externalURL', () => ground.externalUrl],
    ['pathPrefix', () => new URL(ground.externalUrl).pathname.replace(/\/$/, '')],
    ['now', () => ground.timeMs / 1_000],
    ['graphLink', ([text]) => linkTo(demandText('graphLink', text), 0)],
    ['tableLink', ([text]) => linkTo(demandText('tableLink', text), 1)],
  ])
}

/** A sample as templates see it: `.Labels.job`, `.Value`. */
export function sampleOf({ labels, value, text }: TemplateSample): TemplateRecord {
  const all = text === undefined ? labels : new Map([...labels, ['__value__', text]])
  return {
    fields: new Map<string, TemplateValue>([
      ['Labels', all],
      ['Value', value],
    ]),
    text: () => `{${textOf(all)} ${textOf(value)}}`,
  }
}

const numberFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ['humanize', ([value]) => humanize(numberOf('humanize', value))],
  ['humanize1024', ([value]) => humanize1024(numberOf('humanize1024', value))],
  ['humanizeDuration', ([value]) => humanizeDuration(numberOf('humanizeDuration', value))],
  ['humanizePercentage', ([value]) => humanizePercentage(numberOf('humanizePercentage', value))],
  ['humanizeTimestamp', ([value]) => humanizeTimestamp(numberOf('humanizeTimestamp', value))],
  ['toTime', ([value]) => humanizeTimestamp(numberOf('toTime', value))],
  ['toDuration', ([value]) => humanizeDuration(numberOf('toDuration', value))],
  [
    'parseDuration',
    ([value]) => {
      const ms = parseDuration(demandText('parseDuration', value))
      if (typeof ms === 'string') throw new TemplateError(`error calling parseDuration: ${ms}`)
      return ms / 1_000
    },
  ],
]

const textFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ['toUpper', ([text]) => demandText('toUpper', text).toUpperCase()],
  ['toLower', ([text]) => demandText('toLower', text).toLowerCase()],
  [
    'title',
    ([text]) =>
      demandText('title', text).replaceAll(
        /(^|[^\p{L}\p{N}_'])(\p{Ll})/gu,
        (_all, before: string, letter: string) => before + letter.toUpperCase(),
      ),
  ],
  ['safeHtml', ([text]) => demandText('safeHtml', text)],
  ['urlQueryEscape', ([text]) => queryEscape(demandText('urlQueryEscape', text))],
  ['match', ([pattern, text]) => patternOf('match', pattern).test(demandText('match', text))],
  [
    'reReplaceAll',
    ([pattern, replacement, text]) =>
      replaceMatches(
        patternOf('reReplaceAll', pattern),
        demandText('reReplaceAll', text),
        demandText('reReplaceAll', replacement),
      ),
  ],
  ['stripPort', ([text]) => splitPort(demandText('stripPort', text)).host],
  ['stripDomain', ([text]) => stripDomain(demandText('stripDomain', text))],
  ['args', (args) => new Map(args.map((arg, at) => [`arg${at}`, arg]))],
]

const sampleFunctions: readonly (readonly [string, TemplateFunction])[] = [
  [
    'first',
    ([samples]) => {
      if (!isList(samples)) {
        const got = typeNameOf(samples)
        throw new TemplateError(`wrong type for value; expected template.queryResult; got ${got}`)
      }
      if (samples.length > 0) return samples[0]
      throw new TemplateError('error calling first: first() called on vector with no elements')
    },
  ],
  ['label', ([name, sample]) => labelOf(sample, demandText('label', name))],
  ['value', ([sample]) => (isRecord(sample) ? sample.fields.get('Value') : Number.NaN)],
  ['strvalue', ([sample]) => labelOf(sample, '__value__')],
  [
    'sortByLabel',
    ([name, samples]) => {
      const label = demandText('sortByLabel', name)
      if (!isList(samples)) throw new TemplateError('error calling sortByLabel: no query result')
      return samples.toSorted((one, other) =>
        labelOf(one, label) < labelOf(other, label) ? -1 : 1,
      )
    },
  ],
]

function labelOf(sample: TemplateValue, name: string): string {
  const labels = isRecord(sample) ? sample.fields.get('Labels') : undefined
  const value = isMap(labels) ? labels.get(name) : undefined
  return typeof value === 'string' ? value : ''
}

/** Numbers may also come as texts: those of labels are. */
function numberOf(name: string, value: TemplateValue): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value))) {
    return Number(value)
  }
  const special = new Map([
    ['NaN', Number.NaN],
    ['+Inf', Infinity],
    ['Inf', Infinity],
    ['-Inf', -Infinity],
  ]).get(typeof value === 'string' ? value : '')
  if (special !== undefined) return special
  throw new TemplateError(
    `error calling ${name}: can't convert ${typeNameOf(value)} to float: ${textOf(value)}`,
  )
}

function patternOf(name: string, value: TemplateValue): RE2JS {
  try {
    return RE2JS.compile(demandText(name, value))
  } catch (error) {
    if (error instanceof TemplateError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new TemplateError(`error calling ${name}: ${reason}`)
  }
}

function linkTo(expression: string, tab: 0 | 1): string {
  return `/graph?g0.expr=${queryEscape(expression)}&g0.tab=${tab}`
}

function splitPort(address: string): { readonly host: string; readonly port: string } {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(address)
  return match === null
    ? { host: address, port: '' }
    : { host: match[1] ?? match[2] ?? '', port: match[3] ?? '' }
}

function stripDomain(address: string): string {
  const { host, port } = splitPort(address)
  const isIp = /^\d+\.\d+\.\d+\.\d+$/.test(host) || host.includes(':')
  const name = isIp ? host : (host.split('.')[0] ?? '')
  const shown = host.includes(':') && port !== '' ? `[${name}]` : name
  return port === '' ? shown : `${shown}:${port}`
}
