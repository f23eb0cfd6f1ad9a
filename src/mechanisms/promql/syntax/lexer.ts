import { quote, quoteCharacter } from '../../go-text/go-text.ts'
import { scanNumberOrDuration } from './number-text.ts'
import { ParseError, type TextRange } from './parse-error.ts'
import { checkString } from './string-text.ts'
import { kindOfWord, type Token, type TokenKind } from './tokens.ts'

/** Where a query is read. What a character means depends on what is open around it. */
export interface Lexer {
  readonly text: string
  position: number
  parenDepth: number
  isBraceOpen: boolean
  isBracketOpen: boolean
  /** Behind `[`, until a number was read: a duration may begin, a name may not. */
  isDurationExpected: boolean
  hasDuration: boolean
  hasColon: boolean
}

/** A lexer at the beginning of a text. */
export function createLexer(text: string): Lexer {
  return {
    text,
    position: 0,
    parenDepth: 0,
    isBraceOpen: false,
    isBracketOpen: false,
    isDurationExpected: false,
    hasDuration: false,
    hasColon: false,
  }
}

const spaces = /[ \t\n\r]*/y
const word = /[A-Za-z_:][A-Za-z0-9_:]*/y
const labelWord = /[A-Za-z_][A-Za-z0-9_]*/y
const durationWord = /[A-Za-z_]+/y
const comment = /#[^\n\r]*/y
const durationNames: ReadonlyMap<string, TokenKind> = new Map<string, TokenKind>([
  ['step', 'step'],
  ['range', 'range'],
  ['min_of', 'identifier'],
  ['max_of', 'identifier'],
])

/** The next token; comments and space are skipped. Throws ParseError for what is none. */
export function nextToken(lexer: Lexer): Token {
  skipSpace(lexer)
  const { text, position } = lexer
  if (position >= text.length) return readEnd(lexer)
  if (lexer.isBraceOpen) return readInBraces(lexer)
  if (lexer.isBracketOpen && lexer.isDurationExpected) return readDuration(lexer)
  return readStatement(lexer)
}

function skipSpace(lexer: Lexer): void {
  for (;;) {
    lexer.position += match(lexer, spaces).length
    const mayComment = !(lexer.isBracketOpen && lexer.isDurationExpected)
    const found = mayComment ? match(lexer, comment) : ''
    if (found === '') return
    lexer.position += found.length
  }
}

function readEnd(lexer: Lexer): Token {
  const at = lexer.text.length
  if (lexer.isBraceOpen) throw fail(lexer, at, 'unexpected end of input inside braces')
  if (lexer.isBracketOpen && lexer.isDurationExpected) {
    throw fail(lexer, at, 'unexpected end of input in duration expression')
  }
  if (lexer.parenDepth !== 0) throw fail(lexer, at, 'unclosed left parenthesis')
  if (lexer.isBracketOpen) throw fail(lexer, at, 'unclosed left bracket')
  return { kind: 'eof', text: '', start: at, end: at }
}

function readStatement(lexer: Lexer): Token {
  const { text, position } = lexer
  const character = text[position] ?? ''
  const following = text[position + 1] ?? ''
  switch (character) {
    case ',':
    case '*':
    case '/':
    case '%':
    case '+':
    case '-':
    case '^':
    case '@':
      return take(lexer, character)
    case '=':
      if (following === '~') throw failAfter(lexer, '=', following)
      return take(lexer, following === '=' ? '==' : '=')
    case '!':
      if (following !== '=') throw failAfter(lexer, '!', following)
      return take(lexer, '!=')
    case '<':
      return take(lexer, following === '=' ? '<=' : following === '/' ? '</' : '<')
    case '>':
      return take(lexer, following === '=' ? '>=' : following === '/' ? '>/' : '>')
    case '"':
    case "'":
    case '`':
      return readString(lexer)
    case '(':
    case ')':
      return readParen(lexer, character)
    case '{':
      lexer.isBraceOpen = true
      return take(lexer, character)
    case '[':
      return openBracket(lexer)
    case ']':
      return closeBracket(lexer)
    default:
      return readWordOrNumber(lexer, character)
  }
}

function readWordOrNumber(lexer: Lexer, character: string): Token {
  if (startsNumber(lexer)) return readNumber(lexer)
  if (!/[A-Za-z_:]/.test(character)) {
    throw fail(lexer, lexer.position, `unexpected character: ${quoteAt(lexer)}`)
  }
  if (!lexer.isBracketOpen) {
    const found = match(lexer, word)
    return takeText(lexer, kindOfWord(found), found)
  }
  if (character === ':') return readColon(lexer, 'unexpected colon')
  const found = match(lexer, durationWord)
  const kind = durationNames.get(found.toLowerCase())
  if (kind !== undefined) return takeText(lexer, kind, found)
  throw fail(lexer, lexer.position, `unexpected character: '${character}', expected ':'`)
}

/** Behind `[`: only what a duration is calculated from. */
function readDuration(lexer: Lexer): Token {
  const character = lexer.text[lexer.position] ?? ''
  switch (character) {
    case ']':
      return closeBracket(lexer)
    case ':':
      if (!lexer.hasDuration) {
        const problem = 'unexpected colon before duration in duration expression'
        throw fail(lexer, lexer.position + 1, problem)
      }
      return readColon(lexer, 'unexpected repeated colon in duration expression')
    case '(':
    case ')':
      return readParen(lexer, character)
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
    case '^':
    case ',':
      return take(lexer, character)
    default: {
      if (startsNumber(lexer)) return readNumber(lexer)
      const found = match(lexer, durationWord)
      const kind = durationNames.get(found.toLowerCase())
      if (kind === undefined) {
        const problem = `unexpected character in duration expression: ${quoteAt(lexer)}`
        throw fail(lexer, lexer.position, problem)
      }
      if (kind === 'step' || kind === 'range') lexer.hasDuration = true
      return takeText(lexer, kind, found)
    }
  }
}

function readInBraces(lexer: Lexer): Token {
  const { text, position } = lexer
  const character = text[position] ?? ''
  const following = text[position + 1] ?? ''
  switch (character) {
    case ',':
      return take(lexer, character)
    case '"':
    case "'":
    case '`':
      return readString(lexer)
    case '=':
      return take(lexer, following === '~' ? '=~' : '=')
    case '!':
      if (following === '~') return take(lexer, '!~')
      if (following === '=') return take(lexer, '!=')
      throw fail(
        lexer,
        position,
        `unexpected character after '!' inside braces: ${quoteEnd(following)}`,
      )
    case '{':
      throw fail(lexer, position, "unexpected left brace '{'")
    case '}':
      lexer.isBraceOpen = false
      return take(lexer, character)
    default: {
      const found = match(lexer, labelWord)
      if (found !== '') return takeText(lexer, 'identifier', found)
      throw fail(lexer, position, `unexpected character inside braces: ${quoteAt(lexer)}`)
    }
  }
}

function readParen(lexer: Lexer, kind: '(' | ')'): Token {
  lexer.parenDepth += kind === '(' ? 1 : -1
  if (lexer.parenDepth >= 0) return take(lexer, kind)
  throw fail(lexer, lexer.position + 1, "unexpected right parenthesis ')'")
}

function openBracket(lexer: Lexer): Token {
  if (lexer.isBracketOpen) throw fail(lexer, lexer.position, "unexpected left bracket '['")
  lexer.isBracketOpen = true
  lexer.isDurationExpected = true
  lexer.hasColon = false
  lexer.hasDuration = false
  return take(lexer, '[')
}

function closeBracket(lexer: Lexer): Token {
  if (!lexer.isBracketOpen) throw fail(lexer, lexer.position, "unexpected right bracket ']'")
  lexer.isBracketOpen = false
  lexer.isDurationExpected = false
  return take(lexer, ']')
}

function readColon(lexer: Lexer, problem: string): Token {
  if (lexer.hasColon) {
    const told = problem.endsWith('colon') ? `${problem} ':'` : problem
    throw fail(lexer, lexer.position, told)
  }
  lexer.hasColon = true
  return take(lexer, ':')
}

function startsNumber({ text, position }: Lexer): boolean {
  return /\d/.test(text[position] ?? '') || /^\.\d/.test(text.slice(position, position + 2))
}

function readNumber(lexer: Lexer): Token {
  const { kind, end } = scanNumberOrDuration(lexer.text, lexer.position)
  const found = lexer.text.slice(lexer.position, end)
  if (kind === 'bad') {
    throw fail(lexer, lexer.position, `bad number or duration syntax: ${quote(found)}`)
  }
  lexer.isDurationExpected = false
  lexer.hasDuration = true
  return takeText(lexer, kind, found)
}

function readString(lexer: Lexer): Token {
  const { end, problem } = checkString(lexer.text, lexer.position)
  if (problem !== undefined) throw fail(lexer, lexer.position, problem)
  return takeText(lexer, 'string', lexer.text.slice(lexer.position, end))
}

function take(lexer: Lexer, kind: TokenKind): Token {
  return takeText(lexer, kind, kind)
}

function takeText(lexer: Lexer, kind: TokenKind, text: string): Token {
  const start = lexer.position
  lexer.position += text.length
  return { kind, text, start, end: lexer.position }
}

function match(lexer: Lexer, pattern: RegExp): string {
  pattern.lastIndex = lexer.position
  return pattern.exec(lexer.text)?.[0] ?? ''
}

function fail(lexer: Lexer, start: number, problem: string): ParseError {
  const range: TextRange = { start, end: lexer.text.length }
  return new ParseError(lexer.text, range, problem)
}

function failAfter(lexer: Lexer, mark: string, following: string): ParseError {
  const problem = `unexpected character after '${mark}': ${quoteEnd(following)}`
  return fail(lexer, lexer.position, problem)
}

function quoteAt({ text, position }: Lexer): string {
  return quoteCharacter(String.fromCodePoint(text.codePointAt(position) ?? 0))
}

/** The character behind the end is Go's -1, which it writes as the replacement character. */
function quoteEnd(character: string): string {
  return character === '' ? "'\ufffd'" : quoteCharacter(character)
}
