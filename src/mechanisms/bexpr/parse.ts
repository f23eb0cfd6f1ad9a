import { BEXPR_LIMITS, BexprError, type Expression, type Term } from './expression.ts'

const space = /[ \t\r\n]+/y
const identifier = /[a-zA-Z][a-zA-Z0-9_/]*/y
const digits = /\.[0-9]+/y
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?/y
const rawString = /`[^`]*`/y
const doubleString = /"[^"]*"/y
const jsonPointer = /"((?:\/[\p{L}\p{N}\-_.~:|]+)+)"/uy

/** Operators behind a selector, longest first. Those of a value (`in`) stand apart. */
const operators: readonly (readonly [pattern: RegExp, operator: Term['operator'], not: boolean])[] =
  [
    [/\s*==\s*/y, 'equal', false],
    [/\s*!=\s*/y, 'equal', true],
    [/\s+is\s+not\s+empty/y, 'empty', true],
    [/\s+is\s+empty/y, 'empty', false],
    [/\s+not\s+contains\s+/y, 'in', true],
    [/\s+contains\s+/y, 'in', false],
    [/\s+not\s+matches\s+/y, 'matches', true],
    [/\s+matches\s+/y, 'matches', false],
  ]
const notIn = /\s+not\s+in\s+/y
const within = /\s+in\s+/y

/**
 * Parses a filter expression of the grammar of https://github.com/hashicorp/go-bexpr: comparisons, `not`, `and`, `or`, parentheses. Throws
 * `BexprError`.
 */
export function parseExpression(text: string): Expression {
  if (text.length > BEXPR_LIMITS.filterCharactersMax) {
    throw new BexprError(
      `the filter is longer than ${BEXPR_LIMITS.filterCharactersMax} characters (filterCharactersMax)`,
    )
  }
  const parser = new Parser(text)
  return parser.whole()
}

interface Selector {
  readonly path: readonly string[]
  readonly raw: string
}

class Parser {
  readonly #text: string
  #at = 0
  #depth = 0
  #terms = 0

  constructor(text: string) {
    this.#text = text
  }

  whole(): Expression {
    this.#take(space)
    const found = this.#or()
    this.#take(space)
    if (this.#at < this.#text.length) throw this.#wrong('"and", "or" or the end was expected')
    return found
  }

  #or(): Expression {
    return this.#chain('or', () => this.#chain('and', () => this.#not()))
  }

  #chain(kind: 'and' | 'or', operand: () => Expression): Expression {
    const first = operand()
    const operands = [first]
    const joint = kind === 'and' ? /\s+and\s+/y : /\s+or\s+/y
    while (this.#take(joint) !== undefined) operands.push(operand())
    return operands.length === 1 ? first : { kind, operands }
  }

  #not(): Expression {
    const from = this.#at
    if (this.#take(/not\s+/y) === undefined) return this.#grouped()
    // A field may be called `not`: then an operator follows.
    const end = this.#at
    this.#at = from
    if (this.#isFieldNamedNot()) return this.#term()
    this.#at = end
    this.#enter()
    const operand = this.#not()
    this.#depth--
    return { kind: 'not', operand }
  }

  #isFieldNamedNot(): boolean {
    const pattern = /not\s+(?:is\s+(?:not\s+)?empty(?:\s|\)|$)|contains\s|matches\s|==|!=)/y
    pattern.lastIndex = this.#at
    return pattern.test(this.#text)
  }

  #grouped(): Expression {
    if (this.#take(/\(\s*/y) === undefined) return this.#term()
    this.#enter()
    const inner = this.#or()
    if (this.#take(/\s*\)/y) === undefined) throw this.#wrong('Unmatched parentheses')
    this.#depth--
    return inner
  }

  #term(): Expression {
    if (++this.#terms > BEXPR_LIMITS.filterTermsMax) {
      throw this.#wrong(`more than ${BEXPR_LIMITS.filterTermsMax} comparisons (filterTermsMax)`)
    }
    const from = this.#at
    const selector = this.#selector()
    if (selector !== undefined) {
      for (const [pattern, operator, isNegated] of operators) {
        if (this.#take(pattern) === undefined) continue
        const value = operator === 'empty' ? '' : this.#value()
        return { kind: 'term', path: selector.path, operator, isNegated, value }
      }
    }
    this.#at = from
    const value = this.#value()
    const isNegated = this.#take(notIn) !== undefined
    if (!isNegated && this.#take(within) === undefined) {
      throw this.#wrong('an operator was expected: ==, !=, in, contains, matches, is empty')
    }
    const place = this.#selector()
    if (place === undefined) throw this.#wrong('Invalid selector')
    return { kind: 'term', path: place.path, operator: 'in', isNegated, value }
  }

  #selector(): Selector | undefined {
    const pointer = this.#take(jsonPointer)
    if (pointer !== undefined) {
      const raw = pointer.slice(1, -1)
      const path = raw.slice(1).split('/')
      return { raw, path: path.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')) }
    }
    const first = this.#take(identifier)
    if (first === undefined) return undefined
    const path = [first]
    for (;;) {
      const next = this.#part()
      if (next === undefined) return { path, raw: path.join('.') }
      path.push(next)
    }
  }

  #part(): string | undefined {
    const at = this.#text[this.#at]
    if (at === '.') {
      const index = this.#take(digits)
      if (index !== undefined) return index.slice(1)
      this.#at++
      const name = this.#take(identifier)
      if (name === undefined) throw this.#wrong('a name was expected')
      return name
    }
    if (this.#take(/\[\s*/y) === undefined) return undefined
    const key = this.#string()
    if (key === undefined) throw this.#wrong('Invalid index')
    if (this.#take(/\s*\]/y) === undefined) throw this.#wrong('Unclosed index expression')
    return key
  }

  #value(): string {
    const selector = this.#selector()
    if (selector !== undefined) return selector.raw
    const found = this.#take(number)
    if (found !== undefined) {
      const next = this.#text[this.#at] ?? ' '
      if (!/[ \t\r\n)]/.test(next)) throw this.#wrong('Invalid number literal')
      return found
    }
    const text = this.#string()
    if (text === undefined) throw this.#wrong('a value was expected')
    return text
  }

  #string(): string | undefined {
    const raw = this.#take(rawString)
    if (raw !== undefined) return raw.slice(1, -1)
    const quoted = this.#take(doubleString)
    if (quoted !== undefined) return this.#unquote(quoted)
    const at = this.#text[this.#at]
    if (at === '"' || at === '`') throw this.#wrong('Unterminated string literal')
    return undefined
  }

  /** The grammar ends a string at the first quote, so an escaped one cannot stand in it. */
  #unquote(quoted: string): string {
    if (/[\n\r]/.test(quoted)) throw this.#wrong('a line break in a string')
    return this.#unescape(quoted.slice(1, -1))
  }

  #unescape(text: string): string {
    return text.replaceAll(
      /\\(?:([abfnrtv\\])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.?))/gs,
      (_whole, simple: string | undefined, two?: string, four?: string) => {
        const hex = two ?? four
        if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
        const meant = simple === undefined ? undefined : escapes.get(simple)
        if (meant === undefined) throw this.#wrong('invalid escape in a string')
        return meant
      },
    )
  }

  #enter(): void {
    if (++this.#depth > BEXPR_LIMITS.filterDepthMax) {
      throw this.#wrong(`deeper than ${BEXPR_LIMITS.filterDepthMax} (filterDepthMax)`)
    }
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found === undefined) return undefined
    this.#at += found.length
    return found
  }

  #wrong(why: string): BexprError {
    return new BexprError(`1:${this.#at + 1} (${this.#at}): ${why}`)
  }
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['a', '\u0007'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
  ['\\', '\\'],
])
