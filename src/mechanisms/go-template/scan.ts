import { checkString, unquote } from '../promql/syntax/string-text.ts'
import { TemplateError } from './values.ts'

/** A piece of a template: text outside of actions, or a token within one. */
export type TemplateToken =
  | { readonly kind: 'text'; readonly text: string; readonly line: number }
  | { readonly kind: 'open' | 'close'; readonly text: string; readonly line: number }
  | {
      /** `field` is `.name`, `variable` `$` or `$name`, `symbol` one of `| ( ) , := =` and `.`. */
      readonly kind: 'word' | 'field' | 'variable' | 'number' | 'string' | 'char' | 'symbol'
      readonly text: string
      readonly line: number
      /** Whether blanks stand before it: `.a.b` is one operand, `.a .b` are two. */
      readonly isApart: boolean
    }

const BLANKS = /[ \t\r\n]*/y
const WORD = /[\p{L}_][\p{L}\p{N}_]*/uy
const NUMBER =
  /[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)/y
const SYMBOL = /:=|[|(),=.]/y

/** Cuts a template into tokens (text/template's rules of trimming and comments). Throws `TemplateError`. */
export function scanTemplate(source: string): readonly TemplateToken[] {
  const tokens: TemplateToken[] = []
  let at = 0
  let line = 1
  let trimsNext = false
  for (;;) {
    const open = source.indexOf('{{', at)
    const raw = source.slice(at, open < 0 ? undefined : open)
    const trimsEnd = open >= 0 && /^-[ \t\r\n]/.test(source.slice(open + 2, open + 4))
    let text = trimsNext ? raw.replace(/^[ \t\r\n]+/, '') : raw
    if (trimsEnd) text = text.replace(/[ \t\r\n]+$/, '')
    if (text !== '') tokens.push({ kind: 'text', text, line })
    line += newlines(raw)
    if (open < 0) return tokens
    const inner = open + (trimsEnd ? 4 : 2)
    const comment = commentAt(source, inner, line)
    if (comment === undefined) {
      const action = new ActionScanner(source, inner, line)
      tokens.push({ kind: 'open', text: '{{', line }, ...action.tokens(), {
        kind: 'close',
        text: '}}',
        line,
      })
      ;({ at, line, trimsNext } = action)
    } else {
      line += newlines(source.slice(inner, comment.at))
      ;({ at, trimsNext } = comment)
    }
  }
}

function commentAt(
  source: string,
  inner: number,
  line: number,
): { readonly at: number; readonly trimsNext: boolean } | undefined {
  if (!source.startsWith('/*', inner)) return undefined
  const end = source.indexOf('*/', inner)
  if (end < 0) throw new TemplateError(`${line}: unclosed comment`)
  const close = /^([ \t\r\n]-)?\}\}/.exec(source.slice(end + 2, end + 6))
  if (close === null) throw new TemplateError(`${line}: comment ends before closing delimiter`)
  return { at: end + 2 + close[0].length, trimsNext: close[1] !== undefined }
}

/** The tokens of one action, up to its end. */
class ActionScanner {
  at: number
  line: number
  trimsNext = false
  readonly #source: string

  constructor(source: string, at: number, line: number) {
    this.#source = source
    this.at = at
    this.line = line
  }

  tokens(): readonly TemplateToken[] {
    const tokens: TemplateToken[] = []
    for (;;) {
      const blanks = this.#match(BLANKS) ?? ''
      const isTrimming = blanks !== '' && this.#source.startsWith('-}}', this.at)
      if (isTrimming || this.#source.startsWith('}}', this.at)) {
        this.at += isTrimming ? 3 : 2
        this.trimsNext = isTrimming
        return tokens
      }
      tokens.push(this.#token(blanks !== '' || tokens.length === 0))
    }
  }

  #token(isApart: boolean): TemplateToken {
    const { line } = this
    const first = this.#source[this.at]
    if (first === undefined) throw new TemplateError(`${line}: unclosed action`)
    if (first === '"' || first === '`' || first === "'") return this.#quoted(first, isApart)
    if (first === '$') {
      this.at++
      return { kind: 'variable', text: `$${this.#match(WORD) ?? ''}`, line, isApart }
    }
    const number = this.#match(NUMBER)
    if (number !== undefined) return { kind: 'number', text: number, line, isApart }
    if (first === '.') {
      this.at++
      const name = this.#match(WORD)
      return name === undefined
        ? { kind: 'symbol', text: '.', line, isApart }
        : { kind: 'field', text: name, line, isApart }
    }
    const word = this.#match(WORD)
    if (word !== undefined) return { kind: 'word', text: word, line, isApart }
    const symbol = this.#match(SYMBOL)
    if (symbol !== undefined) return { kind: 'symbol', text: symbol, line, isApart }
    throw new TemplateError(`${line}: unexpected ${JSON.stringify(first)} in action`)
  }

  #quoted(mark: string, isApart: boolean): TemplateToken {
    const { line } = this
    const { end, problem } = checkString(this.#source, this.at)
    if (problem !== undefined) throw new TemplateError(`${line}: ${problem}`)
    const text = unquote(this.#source.slice(this.at, end))
    this.line += newlines(this.#source.slice(this.at, end))
    this.at = end
    return { kind: mark === "'" ? 'char' : 'string', text, line, isApart }
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.#source)?.[0]
    if (found === undefined) return undefined
    this.at += found.length
    this.line += newlines(found)
    return found
  }
}

function newlines(text: string): number {
  return text.split('\n').length - 1
}
