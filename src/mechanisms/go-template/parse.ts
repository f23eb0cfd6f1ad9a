import { scanTemplate, type TemplateToken } from './scan.ts'
import type { Command, Operand, Pipe, Template, TemplateNode } from './tree.ts'
import { TemplateError } from './values.ts'

/** A longer template is refused. */
export const TEMPLATE_LENGTH_MAX = 64 * 1024
/** Actions within actions, and pipes within pipes. */
const DEPTH_MAX = 100

/** What a template may use: functions, and variables that are there from the beginning. */
export interface TemplateNames {
  readonly functions: ReadonlySet<string>
  /** With `$`; `$` itself is always there. */
  readonly variables: readonly string[]
}

/** Reads a template of Go's text/template. Throws `TemplateError`: line, and what is wrong. */
export function parseTemplate(source: string, names: TemplateNames): Template {
  if (source.length > TEMPLATE_LENGTH_MAX) {
    throw new TemplateError(`1: template has more than ${TEMPLATE_LENGTH_MAX} characters`)
  }
  const parser = new TemplateParser(scanTemplate(source), names)
  const { nodes, ended } = parser.list(new Set(['$', ...names.variables]), 0)
  if (ended !== 'eof') throw parser.fail(`unexpected {{${ended}}}`)
  return { body: nodes, defined: parser.defined }
}

type Ended = 'eof' | 'end' | 'else'

class TemplateParser {
  readonly defined = new Map<string, readonly TemplateNode[]>()
  readonly #tokens: readonly TemplateToken[]
  readonly #functions: ReadonlySet<string>
  #at = 0
  #loops = 0

  constructor(tokens: readonly TemplateToken[], { functions }: TemplateNames) {
    this.#tokens = tokens
    this.#functions = functions
  }

  fail(problem: string): TemplateError {
    const token = this.#tokens[Math.min(this.#at, this.#tokens.length - 1)]
    return new TemplateError(`${token?.line ?? 1}: ${problem}`)
  }

  /** Nodes up to `{{end}}`, `{{else` or the end of all. What follows `else` stays unread. */
  list(scope: Set<string>, depth: number): { nodes: readonly TemplateNode[]; ended: Ended } {
    if (depth > DEPTH_MAX) throw this.fail(`more than ${DEPTH_MAX} levels`)
    const nodes: TemplateNode[] = []
    for (;;) {
      const token = this.#tokens[this.#at]
      if (token === undefined) return { nodes, ended: 'eof' }
      this.#at++
      if (token.kind === 'text') {
        nodes.push({ kind: 'text', text: token.text })
        continue
      }
      const word = this.#peekWord()
      if (word === 'end') {
        this.#at++
        this.#close()
        return { nodes, ended: 'end' }
      }
      if (word === 'else') {
        this.#at++
        return { nodes, ended: 'else' }
      }
      const node = this.#action(word, scope, depth)
      if (node !== undefined) nodes.push(node)
    }
  }

  #action(word: string | undefined, scope: Set<string>, depth: number): TemplateNode | undefined {
    switch (word) {
      case 'if':
      case 'with':
      case 'range':
        this.#at++
        return this.#block(word, scope, depth)
      case 'define':
        this.#at++
        this.#define(depth)
        return undefined
      case 'template':
        this.#at++
        return this.#template(scope, depth)
      case 'break':
      case 'continue':
        this.#at++
        if (this.#loops === 0) throw this.fail(`{{${word}}} outside {{range}}`)
        this.#close()
        return { kind: word }
      case undefined:
      default: {
        const pipe = this.#pipe(scope, depth)
        this.#close()
        return { kind: 'print', pipe }
      }
    }
  }

  #block(kind: 'if' | 'with' | 'range', outer: Set<string>, depth: number): TemplateNode {
    const scope = new Set(outer)
    const pipe = this.#pipe(scope, depth, kind === 'range')
    this.#close()
    if (kind === 'range') this.#loops++
    const body = this.list(new Set(scope), depth + 1)
    if (kind === 'range') this.#loops--
    if (body.ended === 'eof') throw this.fail('unexpected EOF')
    if (body.ended === 'end') return { kind, pipe, body: body.nodes, otherwise: [] }
    const chained = this.#peekWord()
    if (chained === kind && chained !== 'range') {
      this.#at++
      const inner = this.#block(kind, scope, depth + 1)
      return { kind, pipe, body: body.nodes, otherwise: [inner] }
    }
    this.#close()
    const rest = this.list(new Set(scope), depth + 1)
    if (rest.ended === 'eof') throw this.fail('unexpected EOF')
    if (rest.ended === 'else') throw this.fail('expected end; found {{else}}')
    return { kind, pipe, body: body.nodes, otherwise: rest.nodes }
  }

  #define(depth: number): void {
    const token = this.#next()
    if (token?.kind !== 'string') throw this.fail('unexpected token in define clause')
    if (depth > 0) throw this.fail('unexpected {{define}}')
    this.#close()
    const { nodes, ended } = this.list(new Set(['$']), depth + 1)
    if (ended !== 'end') throw this.fail('unexpected EOF')
    this.defined.set(token.text, nodes)
  }

  #template(scope: Set<string>, depth: number): TemplateNode {
    const token = this.#next()
    if (token?.kind !== 'string') throw this.fail('unexpected token in template clause')
    const isOver = this.#tokens[this.#at]?.kind === 'close'
    const pipe = isOver ? undefined : this.#pipe(scope, depth)
    this.#close()
    return { kind: 'template', name: token.text, pipe }
  }

  #pipe(scope: Set<string>, depth: number, isRange = false): Pipe {
    if (depth > DEPTH_MAX) throw this.fail(`more than ${DEPTH_MAX} levels`)
    const line = this.#tokens[this.#at]?.line ?? 1
    const { variables, isDeclaration } = this.#assignment(scope, isRange)
    const commands: Command[] = []
    do commands.push(this.#command(scope, depth))
    while (this.#accept('|'))
    if (isDeclaration) for (const name of variables) scope.add(name)
    return { variables, isDeclaration, commands, line }
  }

  /** `$x :=`, `$x =`, and in a range `$index, $value :=`. */
  #assignment(
    scope: ReadonlySet<string>,
    isRange: boolean,
  ): Pick<Pipe, 'variables' | 'isDeclaration'> {
    const begin = this.#at
    const variables: string[] = []
    do {
      const token = this.#tokens[this.#at]
      if (token?.kind !== 'variable') break
      variables.push(token.text)
      this.#at++
    } while (isRange && variables.length < 2 && this.#accept(','))
    if (variables.length > 0) {
      if (this.#accept(':=')) return { variables, isDeclaration: true }
      if (this.#accept('=')) {
        for (const name of variables) this.#demand(name, scope)
        return { variables, isDeclaration: false }
      }
    }
    this.#at = begin
    return { variables: [], isDeclaration: false }
  }

  #command(scope: Set<string>, depth: number): Command {
    const operands: Operand[] = []
    for (;;) {
      const token = this.#tokens[this.#at]
      const isOver =
        token === undefined ||
        token.kind === 'close' ||
        (token.kind === 'symbol' && (token.text === '|' || token.text === ')'))
      if (isOver) break
      this.#at++
      operands.push(this.#operand(token, scope, depth))
    }
    const [first] = operands
    if (first === undefined) throw this.fail('missing value for command')
    if (first.kind === 'literal' && operands.length > 1) {
      throw this.fail("can't give argument to non-function")
    }
    return operands
  }

  #operand(token: TemplateToken, scope: Set<string>, depth: number): Operand {
    switch (token.kind) {
      case 'string':
        return { kind: 'literal', value: token.text }
      case 'char':
        return { kind: 'literal', value: BigInt(token.text.codePointAt(0) ?? 0) }
      case 'number':
        return { kind: 'literal', value: numberOf(token.text) }
      case 'field':
        return { kind: 'dot', names: [token.text, ...this.#fields()] }
      case 'variable':
        this.#demand(token.text, scope)
        return { kind: 'variable', name: token.text, names: this.#fields() }
      case 'word':
        return this.#word(token.text)
      case 'symbol':
        if (token.text === '.') return { kind: 'dot', names: [] }
        if (token.text === '(') {
          const pipe = this.#pipe(scope, depth + 1)
          if (!this.#accept(')')) throw this.fail('unclosed left paren')
          return { kind: 'pipe', pipe, names: this.#fields() }
        }
        break
      case 'text':
      case 'open':
      case 'close':
        break
    }
    throw this.fail(`unexpected ${JSON.stringify(token.text)} in operand`)
  }

  #word(name: string): Operand {
    if (name === 'true' || name === 'false') return { kind: 'literal', value: name === 'true' }
    if (name === 'nil') return { kind: 'literal', value: undefined }
    if (!this.#functions.has(name)) throw this.fail(`function ${JSON.stringify(name)} not defined`)
    return { kind: 'function', name }
  }

  #fields(): readonly string[] {
    const names: string[] = []
    for (;;) {
      const token = this.#tokens[this.#at]
      if (token?.kind !== 'field' || token.isApart) return names
      names.push(token.text)
      this.#at++
    }
  }

  #demand(name: string, scope: ReadonlySet<string>): void {
    if (!scope.has(name)) throw this.fail(`undefined variable ${JSON.stringify(name)}`)
  }

  #peekWord(): string | undefined {
    const token = this.#tokens[this.#at]
    return token?.kind === 'word' ? token.text : undefined
  }

  #next(): TemplateToken | undefined {
    return this.#tokens[this.#at++]
  }

  #accept(symbol: string): boolean {
    const token = this.#tokens[this.#at]
    const isThere = token?.kind === 'symbol' && token.text === symbol
    if (isThere) this.#at++
    return isThere
  }

  #close(): void {
    const token = this.#next()
    if (token?.kind === 'close') return
    throw this.fail(`unexpected ${JSON.stringify(token?.text ?? 'EOF')} in action`)
  }
}

function numberOf(text: string): number | bigint {
  const plain = text.replaceAll('_', '')
  const isWhole = /^[+-]?(?:0[xXbBoO][0-9a-fA-F]+|\d+)$/.test(plain)
  if (!isWhole) return Number(plain)
  const whole = BigInt(plain.replace(/^[+-]/, ''))
  return plain.startsWith('-') ? -whole : whole
}
