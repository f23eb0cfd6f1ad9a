import { RE2JS } from 're2js'
import { BexprError, type Expression, type Term } from './expression.ts'
import { parseExpression } from './parse.ts'

/** What can be selected: which fields there are, and of what kind. A selector that is none of them is refused, also where nothing is filtered. */
export type Shape =
  | 'text'
  | 'number'
  | 'flag'
  | { readonly list: Shape }
  | { readonly map: Shape }
  | { readonly fields: ReadonlyMap<string, Shape> }

/** Fields of a shape, by name. */
export function fieldsOf(fields: Readonly<Record<string, Shape>>): Shape {
  return { fields: new Map(Object.entries(fields)) }
}

/** Compiles a filter for values of a shape. Throws `BexprError`. */
export function compileFilter(text: string, shape: Shape): (value: unknown) => boolean {
  return compile(parseExpression(text), shape)
}

type Test = (value: unknown) => boolean

function compile(expression: Expression, shape: Shape): Test {
  switch (expression.kind) {
    case 'term':
      return compileTerm(expression, shape)
    case 'not': {
      const test = compile(expression.operand, shape)
      return (value) => !test(value)
    }
    case 'and': {
      const tests = expression.operands.map((one) => compile(one, shape))
      return (value) => tests.every((test) => test(value))
    }
    case 'or': {
      const tests = expression.operands.map((one) => compile(one, shape))
      return (value) => tests.some((test) => test(value))
    }
  }
}

/** Of a map without the key: nothing is equal to it, in it or matched by it, and it is empty. */
const MISSING = Symbol('missing')

function compileTerm(term: Term, shape: Shape): Test {
  const { read, found } = select(term.path, shape)
  const test = testOf(term, found)
  const whenMissing = term.operator === 'empty'
  return (value) => {
    const one = read(value)
    const isTrue = one === MISSING ? whenMissing : test(one)
    return isTrue !== term.isNegated
  }
}

function select(
  path: readonly string[],
  shape: Shape,
): { readonly read: (value: unknown) => unknown; readonly found: Shape } {
  let found = shape
  for (const part of path) {
    const next = typeof found === 'string' ? undefined : shapeBelow(found, part)
    if (next === undefined) throw new BexprError(`Selector ${path.join('.')} is not valid`)
    found = next
  }
  const read = (value: unknown): unknown => {
    let one = value
    for (const part of path) {
      if (typeof one !== 'object' || one === null || !Object.hasOwn(one, part)) return MISSING
      one = Reflect.get(one, part)
    }
    return one ?? MISSING
  }
  return { read, found }
}

function shapeBelow(shape: Exclude<Shape, string>, part: string): Shape | undefined {
  if ('map' in shape) return shape.map
  return 'fields' in shape ? shape.fields.get(part) : undefined
}

function testOf({ operator, value, path }: Term, shape: Shape): Test {
  const refuse = (): never => {
    throw new BexprError(`Invalid match operator "${operator}" for selector "${path.join('.')}"`)
  }
  switch (operator) {
    case 'equal':
      return typeof shape === 'string' ? equalTo(value, shape) : refuse()
    case 'empty':
      if (shape === 'number' || shape === 'flag') return refuse()
      return (one) => sizeOf(one) === 0
    case 'matches':
      return shape === 'text' ? matching(value) : refuse()
    case 'in':
      return within(value, shape) ?? refuse()
  }
}

function equalTo(value: string, shape: 'text' | 'number' | 'flag'): Test {
  if (shape === 'text') return (one) => one === value
  if (shape === 'number') {
    const wanted = Number(value)
    if (value === '' || Number.isNaN(wanted)) throw new BexprError(`"${value}" is not a number`)
    return (one) => one === wanted
  }
  const isTrue = /^(?:1|t|T|TRUE|true|True)$/.test(value)
  if (!isTrue && !/^(?:0|f|F|FALSE|false|False)$/.test(value)) {
    throw new BexprError(`"${value}" is neither true nor false`)
  }
  return (one) => one === isTrue
}

function within(value: string, shape: Shape): Test | undefined {
  if (shape === 'text') return (one) => typeof one === 'string' && one.includes(value)
  if (typeof shape === 'string') return undefined
  if ('map' in shape)
    return (one) => typeof one === 'object' && one !== null && Object.hasOwn(one, value)
  if (!('list' in shape) || typeof shape.list !== 'string') return undefined
  const isEqual = equalTo(value, shape.list)
  return (one) => Array.isArray(one) && one.some(isEqual)
}

/** Linear in the text, whatever the pattern: Go's own syntax. */
function matching(pattern: string): Test {
  let compiled: RE2JS
  try {
    compiled = RE2JS.compile(pattern)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new BexprError(`Failed to compile regular expression "${pattern}": ${why}`)
  }
  return (one) => typeof one === 'string' && compiled.matcher(one).find()
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0
}
