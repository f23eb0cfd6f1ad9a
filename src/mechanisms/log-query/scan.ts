import { SearchError } from './expression.ts'

/** A piece of a search. `end` is the position behind it. */
export interface Token {
  readonly kind: 'word' | 'quoted' | 'operator' | 'not' | 'open' | 'close' | 'end'
  readonly text: string
  readonly at: number
  readonly end: number
}

/** Pieces of one search. */
const TOKENS_MAX = 1_024
const OPERATORS = [':', '>=', '<=', '>', '<', '='] as const

/** Cuts a search into pieces; the last one is the end. Throws `SearchError`. */
export function scanSearch(text: string): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    if (/\s/.test(text[at]!)) {
      at++
      continue
    }
    // Behind a field its value may begin with anything that is no space: `path:/a=b`.
    const before = tokens.at(-1)
    const isValue = before?.kind === 'operator' && before.end === at
    const token = scanToken(text, at, isValue)
    tokens.push(token)
    at = token.end
    if (tokens.length > TOKENS_MAX) {
      throw new SearchError(`A search has at most ${TOKENS_MAX} terms`, token.at)
    }
  }
  tokens.push({ kind: 'end', text: '', at: text.length, end: text.length })
  return tokens
}

function scanToken(text: string, at: number, isValue: boolean): Token {
  const character = text[at]!
  if (character === '(') return { kind: 'open', text: '(', at, end: at + 1 }
  if (character === ')') return { kind: 'close', text: ')', at, end: at + 1 }
  if (character === '"') return scanQuoted(text, at)
  if (character === '-' && at + 1 < text.length && !/\s/.test(text[at + 1]!)) {
    return { kind: 'not', text: '-', at, end: at + 1 }
  }
  const operator = isValue ? undefined : OPERATORS.find((one) => text.startsWith(one, at))
  if (operator !== undefined) {
    return { kind: 'operator', text: operator, at, end: at + operator.length }
  }
  return scanWord(text, at, isValue)
}

function scanQuoted(text: string, at: number): Token {
  let value = ''
  for (let next = at + 1; next < text.length; next++) {
    const character = text[next]!
    if (character === '"') return { kind: 'quoted', text: value, at, end: next + 1 }
    if (character === '\\' && next + 1 < text.length) next++
    value += text[next]!
  }
  throw new SearchError('A quote that does not end', at)
}

/** A field ends at its operator; `\` takes the next character as it is. */
function scanWord(text: string, at: number, isValue: boolean): Token {
  let value = ''
  let next = at
  for (; next < text.length; next++) {
    const character = text[next]!
    if (/[\s()"]/.test(character)) break
    if (!isValue && OPERATORS.some((one) => text.startsWith(one, next))) break
    if (character === '\\' && next + 1 < text.length) next++
    value += text[next]!
  }
  return { kind: 'word', text: value, at, end: next }
}
