import type { AggregateOp } from './ast.ts'
import { quote } from '../../go-text/go-text.ts'

/** What a piece of a query is. A word that means something is a kind of its own, in lower case. */
export type TokenKind =
  | 'eof'
  | 'identifier'
  | 'metric identifier'
  | 'number'
  | 'duration'
  | 'string'
  | Punctuation
  | Operator
  | Keyword
  | AggregateOp
  | Preprocessor

/** A piece of a query. Offsets are those of the text. */
export interface Token {
  readonly kind: TokenKind
  readonly text: string
  readonly start: number
  readonly end: number
}

type Punctuation = '(' | ')' | '{' | '}' | '[' | ']' | ',' | ':' | '='
type Operator =
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '^'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | '</'
  | '>/'
  | '=~'
  | '!~'
  | '@'
  | 'and'
  | 'or'
  | 'unless'
  | 'atan2'
type Keyword = (typeof keywords)[number]
type Preprocessor = 'start' | 'end' | 'step' | 'range'

const keywords = [
  'anchored',
  'bool',
  'by',
  'fill',
  'fill_left',
  'fill_right',
  'group_left',
  'group_right',
  'ignoring',
  'offset',
  'on',
  'smoothed',
  'without',
] as const

const aggregateOps = [
  'avg',
  'bottomk',
  'count',
  'count_values',
  'group',
  'limit_ratio',
  'limitk',
  'max',
  'min',
  'quantile',
  'stddev',
  'stdvar',
  'sum',
  'topk',
] as const satisfies readonly AggregateOp[]

const preprocessors = ['start', 'end', 'step', 'range'] as const
const wordOperators = ['and', 'or', 'unless', 'atan2'] as const
const operators: ReadonlySet<string> = new Set([
  ...wordOperators,
  '+',
  '-',
  '*',
  '/',
  '%',
  '^',
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  '</',
  '>/',
  '=~',
  '!~',
  '@',
])
const keywordSet: ReadonlySet<string> = new Set(keywords)
const aggregateSet: ReadonlySet<string> = new Set(aggregateOps)

const words: ReadonlyMap<string, TokenKind> = new Map<string, TokenKind>([
  ...[...keywords, ...aggregateOps, ...preprocessors, ...wordOperators].map(
    (word) => [word, word] as const,
  ),
  ['inf', 'number'],
  ['nan', 'number'],
])

/** Words that cannot be the name of a metric, since they stand where one may begin an expression. */
const noMetrics: ReadonlySet<string> = new Set([
  'atan2',
  'bool',
  'group_left',
  'group_right',
  'ignoring',
  'on',
])

/** The kind of a word, whatever its case. */
export function kindOfWord(word: string): TokenKind {
  const kind = words.get(word.toLowerCase())
  if (kind !== undefined) return kind
  return word.includes(':') ? 'metric identifier' : 'identifier'
}

/** Whether a token is the name of an aggregation. */
export function isAggregateOp(kind: TokenKind): kind is AggregateOp {
  return aggregateSet.has(kind)
}

/** Whether a token may be the name of a metric. */
export function isMetricName(kind: TokenKind): boolean {
  return isLabelName(kind) && !noMetrics.has(kind)
}

/** Whether a token may be the name of a label in a list of labels. */
export function isLabelName(kind: TokenKind): boolean {
  if (kind === 'identifier' || kind === 'metric identifier') return true
  return words.has(kind) && kind !== 'number'
}

/** How Prometheus names a token in an error. */
export function describeToken({ kind, text }: Token): string {
  const name: string = kind
  switch (name) {
    case 'eof':
      return 'end of input'
    case 'identifier':
    case 'metric identifier':
      return `${kind} ${quote(text)}`
    case 'number':
    case 'duration':
    case 'string':
      return `${kind} ${quoteShort(text)}`
    default:
      if (keywordSet.has(kind)) return `<${text}>`
      if (operators.has(kind)) return `<op:${text}>`
      return aggregateSet.has(kind) ? `<aggr:${text}>` : quoteShort(text)
  }
}

function quoteShort(text: string): string {
  const characters = Array.from(text)
  return characters.length > 10 ? `${quote(characters.slice(0, 10).join(''))}...` : quote(text)
}
