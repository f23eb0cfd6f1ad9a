import { SearchError, type Comparison, type Expression } from './expression.ts'
import { scanSearch, type Token } from './scan.ts'
import { SEVERITY, severityOfName } from './severity.ts'

/** Characters of a search. */
export const SEARCH_LENGTH_MAX = 8_192
/** Parentheses and negations within each other. */
export const SEARCH_DEPTH_MAX = 64

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['ns', 0.000_001],
  ['us', 0.001],
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
])

/**
 * Reads a search: `service:orders level>=warn "declined" http.status:5* -user:42 duration>200ms`. Terms stand side by side or with AND, OR binds weaker,
 * `-` or NOT negates, parentheses group, `field:(a OR b)` asks one field for several values. Throws `SearchError` with the position.
 */
export function parseSearch(text: string): Expression {
  if (text.length > SEARCH_LENGTH_MAX) {
    throw new SearchError(`A search has at most ${SEARCH_LENGTH_MAX} characters`, SEARCH_LENGTH_MAX)
  }
  const reader = new Reader(scanSearch(text))
  if (reader.peek().kind === 'end') return { kind: 'all' }
  const expression = parseOr(reader, '', 0)
  const rest = reader.peek()
  if (rest.kind !== 'end') throw new SearchError(`Unexpected '${rest.text}'`, rest.at)
  return expression
}

class Reader {
  readonly #tokens: readonly Token[]
  #next = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  peek(): Token {
    return this.#tokens[this.#next]!
  }

  take(): Token {
    const token = this.peek()
    if (token.kind !== 'end') this.#next++
    return token
  }
}

function isWord(token: Token, word: string): boolean {
  return token.kind === 'word' && token.text === word
}

/** `field`: values stand alone and belong to it; '' outside of `field:(...)`. */
function parseOr(reader: Reader, field: string, depth: number): Expression {
  const parts = [parseAnd(reader, field, depth)]
  while (isWord(reader.peek(), 'OR')) {
    reader.take()
    parts.push(parseAnd(reader, field, depth))
  }
  return parts.length === 1 ? parts[0]! : { kind: 'or', parts }
}

function parseAnd(reader: Reader, field: string, depth: number): Expression {
  const parts = [parseUnary(reader, field, depth)]
  for (;;) {
    const token = reader.peek()
    if (token.kind === 'end' || token.kind === 'close' || isWord(token, 'OR')) break
    if (isWord(token, 'AND')) reader.take()
    parts.push(parseUnary(reader, field, depth))
  }
  return parts.length === 1 ? parts[0]! : { kind: 'and', parts }
}

function parseUnary(reader: Reader, field: string, depth: number): Expression {
  const token = reader.take()
  if (depth > SEARCH_DEPTH_MAX) {
    throw new SearchError(`More than ${SEARCH_DEPTH_MAX} parts within each other`, token.at)
  }
  if (token.kind === 'not' || isWord(token, 'NOT')) {
    return { kind: 'not', part: parseUnary(reader, field, depth + 1) }
  }
  if (token.kind === 'open') return parseGroup(reader, token, field, depth)
  if (token.kind === 'end')
    throw new SearchError('The search ends where a term is expected', token.at)
  if (token.kind === 'close') throw new SearchError("')' without '('", token.at)
  if (token.kind === 'operator') throw new SearchError(`'${token.text}' without a field`, token.at)
  if (isWord(token, 'AND') || isWord(token, 'OR')) {
    throw new SearchError(`'${token.text}' without a term on both sides`, token.at)
  }
  const next = reader.peek()
  if (next.kind === 'operator' && token.kind === 'word' && next.at === token.end) {
    if (field !== '') throw new SearchError(`A field within the values of '${field}'`, token.at)
    reader.take()
    return parseField(reader, token.text, next, depth)
  }
  return field === '' ? textOf(token) : equalsOf(field, token)
}

function parseGroup(reader: Reader, open: Token, field: string, depth: number): Expression {
  const inside = parseOr(reader, field, depth + 1)
  if (reader.take().kind !== 'close') throw new SearchError("'(' without ')'", open.at)
  return inside
}

function parseField(reader: Reader, field: string, operator: Token, depth: number): Expression {
  const value = reader.take()
  if (value.kind === 'open' && operator.text === ':') return parseGroup(reader, value, field, depth)
  // `field:-1` and `field>-1`: here the minus belongs to the number.
  const negated = value.kind === 'not' && reader.peek().at === value.end ? reader.take() : undefined
  const text = negated === undefined ? value.text : `-${negated.text}`
  const kind = negated?.kind ?? value.kind
  if (kind !== 'word' && kind !== 'quoted') {
    throw new SearchError(`'${field}${operator.text}' without a value`, operator.at)
  }
  if (operator.text === ':' || operator.text === '=') {
    return equalsOf(field, { ...value, kind, text })
  }
  return compareOf(field, operator.text as Comparison, { ...value, text })
}

function textOf({ kind, text, at }: Token): Expression {
  const bare = kind === 'word' ? text.replaceAll('*', '') : text
  if (bare === '' && kind === 'quoted') throw new SearchError('Empty quotes', at)
  return bare === '' ? { kind: 'all' } : { kind: 'text', text: bare }
}

function equalsOf(field: string, { kind, text }: Token): Expression {
  if (kind === 'word' && /^\*+$/.test(text)) return { kind: 'exists', field }
  if (field === 'level') return levelIs(text)
  return { kind: 'equals', field, pieces: kind === 'word' ? text.split(/\*+/) : [text] }
}

function levelIs(text: string): Expression {
  const from = severityOfName(text)
  const first = Object.values(SEVERITY).findLast((one) => one <= from)
  // A name that is no level: nothing has it.
  if (first === undefined) return { kind: 'equals', field: 'level', pieces: [text] }
  const compare = (operator: Comparison, value: number): Expression => ({
    kind: 'compare',
    field: 'severity',
    operator,
    value,
  })
  return { kind: 'and', parts: [compare('>=', first), compare('<', first + 4)] }
}

function compareOf(field: string, operator: Comparison, { text, at }: Token): Expression {
  if (field === 'level') return compareLevel(operator, text, at)
  const [, number, unit = ''] = /^(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)([a-z]+)?$/i.exec(text) ?? []
  const factor = unit === '' ? 1 : UNIT_MS.get(unit)
  if (number === undefined || factor === undefined) {
    throw new SearchError(`'${text}' is no number, and no duration such as 200ms`, at)
  }
  return { kind: 'compare', field, operator, value: Number(number) * factor }
}

function compareLevel(operator: Comparison, text: string, at: number): Expression {
  const from = severityOfName(text)
  const first = Object.values(SEVERITY).findLast((one) => one <= from)
  if (first === undefined) {
    throw new SearchError(`'${text}' is no level: trace, debug, info, warn, error or fatal`, at)
  }
  // A level has four numbers: above it begins behind them.
  const value = operator === '>' || operator === '<=' ? first + 3 : first
  return { kind: 'compare', field: 'severity', operator, value }
}
