import { goFunctions } from './functions.ts'
import type { Command, Operand, Pipe, Template, TemplateNode } from './tree.ts'
import {
  isList,
  isMap,
  isRecord,
  isTrue,
  TemplateError,
  textOf,
  typeNameOf,
  type TemplateFunction,
  type TemplateValue,
} from './values.ts'

/** Characters that a template may make. */
export const OUTPUT_LENGTH_MAX = 256 * 1024
/** Nodes that it may run: a range within a range within a range comes to an end. */
const STEPS_MAX = 100_000
/** Templates that call each other. */
const CALLS_MAX = 100

/** What a template is run with. */
export interface TemplateInput {
  readonly dot: TemplateValue
  /** Besides those of Go. */
  readonly functions: ReadonlyMap<string, TemplateFunction>
  /** Variables that are there from the beginning, with `$`. */
  readonly variables: ReadonlyMap<string, TemplateValue>
}

/** Runs a template. Throws `TemplateError`, and what its functions throw. */
export async function runTemplate(template: Template, input: TemplateInput): Promise<string> {
  const run = new TemplateRun(template, input.functions)
  const scope: Scope = {
    values: new Map([['$', input.dot], ...input.variables]),
    outer: undefined,
  }
  await run.nodes(template.body, input.dot, scope)
  return run.output
}

interface Scope {
  readonly values: Map<string, TemplateValue>
  readonly outer: Scope | undefined
}

type Left = 'done' | 'break' | 'continue'

class TemplateRun {
  output = ''
  readonly #template: Template
  readonly #functions: ReadonlyMap<string, TemplateFunction>
  #steps = 0
  #calls = 0

  constructor(template: Template, functions: ReadonlyMap<string, TemplateFunction>) {
    this.#template = template
    this.#functions = functions
  }

  async nodes(nodes: readonly TemplateNode[], dot: TemplateValue, scope: Scope): Promise<Left> {
    for (const node of nodes) {
      if (++this.#steps > STEPS_MAX) throw new TemplateError(`more than ${STEPS_MAX} steps`)
      const left = await this.#node(node, dot, scope)
      if (left !== 'done') return left
    }
    return 'done'
  }

  async #node(node: TemplateNode, dot: TemplateValue, scope: Scope): Promise<Left> {
    switch (node.kind) {
      case 'text':
        this.#print(node.text)
        return 'done'
      case 'print': {
        const value = await this.#pipe(node.pipe, dot, scope)
        if (node.pipe.variables.length === 0) this.#print(textOf(value))
        return 'done'
      }
      case 'if':
      case 'with': {
        const inner = below(scope)
        const value = await this.#pipe(node.pipe, dot, inner)
        const within = node.kind === 'with' && isTrue(value) ? value : dot
        return this.nodes(isTrue(value) ? node.body : node.otherwise, within, below(inner))
      }
      case 'range':
        return this.#range(node, dot, scope)
      case 'template':
        await this.#call(node.name, node.pipe, dot, scope)
        return 'done'
      case 'break':
      case 'continue':
        return node.kind
    }
  }

  async #range(
    node: Extract<TemplateNode, { kind: 'if' | 'with' | 'range' }>,
    dot: TemplateValue,
    scope: Scope,
  ): Promise<Left> {
    const inner = below(scope)
    const value = await this.#pipe({ ...node.pipe, variables: [] }, dot, inner)
    const entries = entriesOf(value)
    if (entries.length === 0) return this.nodes(node.otherwise, dot, below(inner))
    for (const [key, entry] of entries) {
      const turn = below(inner)
      const { variables, isDeclaration } = node.pipe
      const named = variables.length === 2 ? [key, entry] : [entry]
      for (const [at, name] of variables.entries()) {
        if (isDeclaration) turn.values.set(name, named[at])
        else assign(turn, name, named[at])
      }
      if ((await this.nodes(node.body, entry, turn)) === 'break') break
    }
    return 'done'
  }

  async #call(
    name: string,
    pipe: Pipe | undefined,
    dot: TemplateValue,
    scope: Scope,
  ): Promise<void> {
    const body = this.#template.defined.get(name)
    if (body === undefined) throw new TemplateError(`template ${JSON.stringify(name)} not defined`)
    if (++this.#calls > CALLS_MAX) throw new TemplateError('exceeded maximum template depth')
    const value = pipe === undefined ? undefined : await this.#pipe(pipe, dot, scope)
    await this.nodes(body, value, { values: new Map([['$', value]]), outer: undefined })
    this.#calls--
  }

  async #pipe(pipe: Pipe, dot: TemplateValue, scope: Scope): Promise<TemplateValue> {
    let value: TemplateValue
    try {
      for (const [at, command] of pipe.commands.entries()) {
        value = await this.#command(command, at === 0 ? [] : [value], dot, scope)
      }
    } catch (error) {
      if (error instanceof TemplateError && !/^\d+: /.test(error.message)) {
        throw new TemplateError(`${pipe.line}: ${error.message}`)
      }
      throw error
    }
    for (const name of pipe.variables) {
      if (pipe.isDeclaration) scope.values.set(name, value)
      else assign(scope, name, value)
    }
    return value
  }

  async #command(
    [first, ...rest]: Command,
    last: readonly TemplateValue[],
    dot: TemplateValue,
    scope: Scope,
  ): Promise<TemplateValue> {
    if (first?.kind !== 'function') {
      if (rest.length + last.length > 0) {
        throw new TemplateError("can't give argument to non-function")
      }
      return first === undefined ? undefined : this.#operand(first, dot, scope)
    }
    const { name } = first
    const called = this.#functions.get(name) ?? goFunctions.get(name)
    if (called === undefined) throw new TemplateError(`function "${name}" not defined`)
    const args: TemplateValue[] = []
    for (const operand of rest) {
      const value = await this.#operand(operand, dot, scope)
      // What decides is the answer: the rest is not looked at.
      if (name === 'and' && !isTrue(value)) return value
      if (name === 'or' && isTrue(value)) return value
      args.push(value)
    }
    return called([...args, ...last])
  }

  async #operand(operand: Operand, dot: TemplateValue, scope: Scope): Promise<TemplateValue> {
    switch (operand.kind) {
      case 'literal':
        return operand.value
      case 'dot':
        return operand.names.reduce(fieldOf, dot)
      case 'variable':
        return operand.names.reduce(fieldOf, valueOf(scope, operand.name))
      case 'pipe':
        return operand.names.reduce(fieldOf, await this.#pipe(operand.pipe, dot, scope))
      case 'function':
        return this.#command([operand], [], dot, scope)
    }
  }

  #print(text: string): void {
    this.output += text
    if (this.output.length > OUTPUT_LENGTH_MAX) {
      throw new TemplateError(`the text has more than ${OUTPUT_LENGTH_MAX} characters`)
    }
  }
}

function below(outer: Scope): Scope {
  return { values: new Map(), outer }
}

function valueOf(scope: Scope, name: string): TemplateValue {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    if (at.values.has(name)) return at.values.get(name)
  }
  throw new TemplateError(`undefined variable: ${name}`)
}

function assign(scope: Scope, name: string, value: TemplateValue): void {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    if (!at.values.has(name)) continue
    at.values.set(name, value)
    return
  }
}

function fieldOf(value: TemplateValue, name: string): TemplateValue {
  if (isMap(value)) return value.get(name) ?? ''
  if (isRecord(value) && value.fields.has(name)) return value.fields.get(name)
  if (value === undefined) throw new TemplateError(`nil pointer evaluating ${name}`)
  throw new TemplateError(`can't evaluate field ${name} in type ${typeNameOf(value)}`)
}

function entriesOf(value: TemplateValue): readonly (readonly [TemplateValue, TemplateValue])[] {
  if (value === undefined) return []
  if (isList(value)) return value.map((entry, at) => [BigInt(at), entry])
  if (isMap(value)) return [...value].toSorted(([one], [other]) => (one < other ? -1 : 1))
  throw new TemplateError(`range can't iterate over ${textOf(value)}`)
}
