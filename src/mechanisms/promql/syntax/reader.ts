import { createLexer, nextToken, type Lexer } from './lexer.ts'
import { ParseError, type TextRange } from './parse-error.ts'
import { describeToken, type Token, type TokenKind } from './tokens.ts'

/** Which parts of the language that Prometheus keeps behind flags are known. */
export interface Features {
  /** Functions that may change (`--enable-feature=promql-experimental-functions`). */
  readonly experimentalFunctions: boolean
  /** `anchored` and `smoothed` (`promql-extended-range-selectors`). */
  readonly extendedRangeSelectors: boolean
  /** `fill(0)` beside an operator (`promql-binop-fill-modifiers`). */
  readonly fillModifiers: boolean
}

/** What a parser said it was at when it met a token that it cannot use. */
export interface Context {
  readonly where: string
  readonly expected: string
}

/** A query on its way from text to tree: the token that is looked at, and what may be said if it is wrong. */
export interface Reader {
  readonly text: string
  readonly features: Features
  readonly lexer: Lexer
  token: Token
  /** The end of the last token that may end an expression. */
  lastEnd: number
  readonly contexts: Context[]
  depth: number
  /** How many expressions lie within each other in the one that was read last. */
  height: number
}

/** Expressions in expressions; more than this are refused, so that no query can exhaust the stack. */
export const depthMax = 400

/** The same counted from the leaves: a row of operators is as high as it is long. */
export const heightMax = 800

/** A reader at the first token. */
export function createReader(text: string, features: Features): Reader {
  const lexer = createLexer(text)
  return {
    text,
    features,
    lexer,
    token: nextToken(lexer),
    lastEnd: 0,
    contexts: [],
    depth: 0,
    height: 0,
  }
}

/** Takes the token that is looked at, and looks at the next one. */
export function advance(reader: Reader): Token {
  const { token } = reader
  if (token.kind !== 'eof') reader.lastEnd = token.end
  reader.token = nextToken(reader.lexer)
  return token
}

/** Whether the token that is looked at is of a kind. */
export function isAt(reader: Reader, kind: TokenKind): boolean {
  return reader.token.kind === kind
}

/** Takes the token if it is of a kind. */
export function accept(reader: Reader, kind: TokenKind): boolean {
  if (reader.token.kind !== kind) return false
  advance(reader)
  return true
}

/** Takes a token that must be of a kind. */
export function expect(reader: Reader, kind: TokenKind): Token {
  if (reader.token.kind !== kind) throw unexpected(reader)
  return advance(reader)
}

/** Reads something; a wrong token in it is told with this context, unless something inside knows better. */
export function within<T>(reader: Reader, context: Context, read: () => T): T {
  reader.contexts.push(context)
  const result = read()
  reader.contexts.pop()
  return result
}

/** Reads something one level deeper. */
export function deeper<T>(reader: Reader, read: () => T): T {
  if (++reader.depth > depthMax) {
    throw failAt(reader, reader.token, `expression is nested more than ${depthMax} levels deep`)
  }
  const result = read()
  reader.depth--
  return result
}

/** Sets the height of what was read: that of what is within, and one more. */
export function raise(reader: Reader, within: number): void {
  reader.height = within + 1
  if (reader.height <= heightMax) return
  throw failAt(reader, reader.token, `expression is nested more than ${heightMax} levels deep`)
}

/** The error for the token that is looked at. */
export function unexpected(reader: Reader, given?: Context): ParseError {
  const context = given ?? reader.contexts.at(-1)
  const where = context === undefined || context.where === '' ? '' : ` in ${context.where}`
  const expected =
    context === undefined || context.expected === '' ? '' : `, expected ${context.expected}`
  return failAt(
    reader,
    reader.token,
    `unexpected ${describeToken(reader.token)}${where}${expected}`,
  )
}

/** An error at a place. */
export function failAt(reader: Reader, { start, end }: TextRange, problem: string): ParseError {
  return new ParseError(reader.text, { start, end }, problem)
}
