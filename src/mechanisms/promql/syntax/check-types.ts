import { compileMatcher } from '../../labels/matchers.ts'
import type { Matcher } from '../queryable.ts'
import { isComparison, isSetOp, type Aggregate, type Binary, type Call, type Expr } from './ast.ts'
import type { VectorSelector } from './ast.ts'
import { findFunction, type Signature, type ValueType } from './functions.ts'
import { quote } from '../../go-text/go-text.ts'
import { ParseError, type TextRange } from './parse-error.ts'

/** What a query is checked in. */
interface Check {
  readonly text: string
}

/**
 * Checks that every part of a query has the type that its place demands, in the order in which Prometheus does, and throws ParseError
 * where not. Answers the tree with what only types tell: how elements of operators match.
 */
export function checkTypes(text: string, expr: Expr): Expr {
  return check({ text }, expr)
}

/** What an expression evaluates to. */
export function typeOf(expr: Expr): ValueType {
  switch (expr.kind) {
    case 'number':
      return 'scalar'
    case 'string':
      return 'string'
    case 'selector':
    case 'aggregate':
      return 'vector'
    case 'matrix':
    case 'subquery':
      return 'matrix'
    case 'paren':
    case 'unary':
      return typeOf(expr.expr)
    case 'binary':
      return typeOf(expr.left) === 'scalar' && typeOf(expr.right) === 'scalar' ? 'scalar' : 'vector'
    case 'call':
      return findFunction(expr.func)?.returns ?? 'vector'
  }
}

/** A type as the documentation calls it. */
export function documentedType(type: ValueType): string {
  switch (type) {
    case 'vector':
      return 'instant vector'
    case 'matrix':
      return 'range vector'
    case 'scalar':
    case 'string':
      return type
  }
}

function check(context: Check, expr: Expr): Expr {
  switch (expr.kind) {
    case 'number':
    case 'string':
      return expr
    case 'selector':
      checkSelector(context, expr)
      return expr
    case 'matrix':
      checkSelector(context, expr.selector)
      return expr
    case 'subquery': {
      const inner = check(context, expr.expr)
      const type = typeOf(inner)
      if (type !== 'vector') {
        const problem = `subquery is only allowed on instant vector, got ${type} instead`
        throw fail(context, expr.range, problem)
      }
      return { ...expr, expr: inner }
    }
    case 'paren':
      return { ...expr, expr: check(context, expr.expr) }
    case 'unary': {
      const inner = check(context, expr.expr)
      const type = typeOf(inner)
      if (type !== 'scalar' && type !== 'vector') {
        const problem = `unary expression only allowed on expressions of type scalar or instant vector, got ${quote(documentedType(type))}`
        throw fail(context, expr.range, problem)
      }
      return { ...expr, expr: inner }
    }
    case 'binary':
      return checkBinary(context, expr)
    case 'aggregate':
      return checkAggregate(context, expr)
    case 'call':
      return checkCall(context, expr)
  }
}

function checkSelector(context: Check, { name, matchers, range }: VectorSelector): void {
  if (name === '') {
    if (matchers.some((matcher) => !matchesEmpty(matcher))) return
    throw fail(context, range, 'vector selector must contain at least one non-empty matcher')
  }
  const other = matchers.slice(0, -1).find((matcher) => matcher.name === '__name__')
  if (other === undefined) return
  const problem = `metric name must not be set twice: ${quote(name)} or ${quote(other.value)}`
  throw fail(context, range, problem)
}

function matchesEmpty(matcher: Matcher): boolean {
  return compileMatcher(matcher).matchesEmpty
}

function checkAggregate(context: Check, aggregate: Aggregate): Aggregate {
  const expr = expectType(context, aggregate.expr, 'vector', 'aggregation expression')
  if (aggregate.param === undefined) return { ...aggregate, expr }
  const type = aggregate.op === 'count_values' ? 'string' : 'scalar'
  const param = expectType(context, aggregate.param, type, 'aggregation parameter')
  return { ...aggregate, expr, param }
}

function expectType(context: Check, expr: Expr, wanted: ValueType, where: string): Expr {
  const checked = check(context, expr)
  const type = typeOf(checked)
  if (type === wanted) return checked
  const problem = `expected type ${documentedType(wanted)} in ${where}, got ${documentedType(type)}`
  throw fail(context, expr.range, problem)
}

function checkBinary(context: Check, binary: Binary): Binary {
  const left = check(context, binary.left)
  const right = check(context, binary.right)
  const types = [typeOf(left), typeOf(right)] as const
  const { op, isBool, opRange, range, matching } = binary
  if (isBool && !isComparison(op)) {
    throw fail(context, opRange, 'bool modifier can only be used on comparison operators')
  }
  if (isComparison(op) && !isBool && types.every((type) => type === 'scalar')) {
    throw fail(context, opRange, 'comparisons between scalars must use BOOL modifier')
  }
  const twice = matching?.isOn
    ? matching.labels.find((label) => matching.include.includes(label))
    : undefined
  if (twice !== undefined) {
    const problem = `label ${quote(twice)} must not occur in ON and GROUP clause at once`
    throw fail(context, opRange, problem)
  }
  for (const [index, side] of [left, right].entries()) {
    if (types[index] === 'scalar' || types[index] === 'vector') continue
    const problem = 'binary expression must contain only scalar and instant vector types'
    throw fail(context, side.range, problem)
  }
  if (types.includes('scalar')) {
    checkScalarSide(context, binary)
    return { ...binary, left, right, matching: undefined }
  }
  if (!isSetOp(op) || matching === undefined) return { ...binary, left, right }
  if (matching.card !== 'one-to-one') {
    throw fail(context, range, `no grouping allowed for ${quote(op)} operation`)
  }
  if (matching.fillLeft !== undefined || matching.fillRight !== undefined) {
    throw fail(context, range, 'filling in missing series not allowed for set operators')
  }
  return { ...binary, left, right, matching: { ...matching, card: 'many-to-many' } }
}

function checkScalarSide(context: Check, { op, range, matching }: Binary): void {
  if (matching !== undefined && matching.labels.length > 0) {
    throw fail(context, range, 'vector matching only allowed between instant vectors')
  }
  if (matching?.fillLeft !== undefined || matching?.fillRight !== undefined) {
    throw fail(context, range, 'filling in missing series only allowed between instant vectors')
  }
  if (!isSetOp(op)) return
  throw fail(context, range, `set operator ${quote(op)} not allowed in binary scalar expression`)
}

function checkCall(context: Check, call: Call): Call {
  const signature = findFunction(call.func)
  if (signature === undefined) return call
  checkCount(context, call, signature)
  if (call.func === 'info') return checkInfo(context, call)
  const args = call.args.map((arg, index) => {
    const wanted = signature.args[Math.min(index, signature.args.length - 1)] ?? 'vector'
    return checkArgument(context, call, { arg, wanted })
  })
  return { ...call, args }
}

function checkArgument(
  context: Check,
  call: Call,
  { arg, wanted }: { readonly arg: Expr; readonly wanted: ValueType },
): Expr {
  const checked = check(context, arg)
  const type = typeOf(checked)
  if (type === wanted) return checked
  const problem = `expected type ${documentedType(wanted)} in call to function ${quote(call.func)}, got ${documentedType(type)}`
  throw fail(context, arg.range, problem)
}

function checkCount(context: Check, { args, range, func }: Call, signature: Signature): void {
  const { length } = signature.args
  const call = `in call to ${quote(func)}, got ${args.length}`
  if (signature.variadic === 0) {
    if (args.length === length) return
    throw fail(context, range, `expected ${length} argument(s) ${call}`)
  }
  if (args.length < length - 1) {
    throw fail(context, range, `expected at least ${length - 1} argument(s) ${call}`)
  }
  const max = length - 1 + signature.variadic
  if (signature.variadic < 0 || args.length <= max) return
  throw fail(context, range, `expected at most ${max} argument(s) ${call}`)
}

/** The second argument of `info` is no vector but matchers, which may all match nothing. */
function checkInfo(context: Check, call: Call): Call {
  const [vector, selector] = call.args
  if (vector === undefined) return call
  if (selector !== undefined) {
    const type = typeOf(selector)
    if (type !== 'vector') {
      const problem = `expected type instant vector in call to function "info", got ${documentedType(type)}`
      throw fail(context, call.range, problem)
    }
    if (selector.kind !== 'selector') {
      throw fail(context, selector.range, 'expected label selectors only')
    }
    if (selector.name !== '') {
      const problem = 'expected label selectors only, got vector selector instead'
      throw fail(context, selector.range, problem)
    }
  }
  const checked = checkArgument(context, call, { arg: vector, wanted: 'vector' })
  return { ...call, args: selector === undefined ? [checked] : [checked, selector] }
}

function fail({ text }: Check, range: TextRange, problem: string): ParseError {
  return new ParseError(text, range, problem)
}
