import type { Matcher } from '../queryable.ts'
import type { Aggregate, BinaryOp, Expr, Unary, VectorMatching } from './ast.ts'
import { hasParam } from './ast.ts'
import { checkTypes } from './check-types.ts'
import { findFunction } from './functions.ts'
import { quote } from '../../go-text/go-text.ts'
import { ParseError, type TextRange } from './parse-error.ts'
import { readNumber } from './read-duration.ts'
import { readLabels, readSelector } from './read-selector.ts'
import { readSuffixes } from './read-suffixes.ts'
import {
  accept,
  advance,
  createReader,
  deeper,
  failAt,
  isAt,
  raise,
  unexpected,
  within,
  type Features,
  type Reader,
} from './reader.ts'
import { unquote } from './string-text.ts'
import { isAggregateOp, isMetricName, type Token, type TokenKind } from './tokens.ts'

/** The longest query, in characters. */
export const queryLengthMax = 1_000_000

const mulPrecedence = 5
const precedences: ReadonlyMap<TokenKind, number> = new Map<TokenKind, number>([
  ['or', 1],
  ['and', 2],
  ['unless', 2],
  ['==', 3],
  ['!=', 3],
  ['<', 3],
  ['<=', 3],
  ['>', 3],
  ['>=', 3],
  ['</', 3],
  ['>/', 3],
  ['+', 4],
  ['-', 4],
  ['*', mulPrecedence],
  ['/', mulPrecedence],
  ['%', mulPrecedence],
  ['atan2', mulPrecedence],
  ['^', 6],
])

/** The tree of a query, its types checked. Throws ParseError, worded and placed as Prometheus does. */
export function parseQuery(text: string, features: Features): Expr {
  if (text.length > queryLengthMax) {
    const problem = `query has more than ${queryLengthMax} characters`
    throw new ParseError(text, { start: 0, end: text.length }, problem)
  }
  const reader = createReader(text, features)
  if (isAt(reader, 'eof'))
    throw failAt(reader, { start: 0, end: 0 }, 'no expression found in input')
  const expr = readExpr(reader, 0)
  if (!isAt(reader, 'eof')) throw unexpected(reader)
  return checkTypes(text, expr)
}

/** The matchers of a selector, as in `match[]`. Throws ParseError. */
export function parseSelector(text: string, features: Features): readonly Matcher[] {
  const reader = createReader(text, features)
  const name = isMetricName(reader.token.kind) ? advance(reader) : undefined
  if (name === undefined && !isAt(reader, '{')) throw unexpected(reader)
  const selector = readSelector(reader, name)
  if (!isAt(reader, 'eof')) throw unexpected(reader)
  return selector.matchers
}

/** An expression of operators that bind at least so tight. */
function readExpr(reader: Reader, precedenceMin: number): Expr {
  return deeper(reader, () => {
    let left = readOperand(reader)
    let { height } = reader
    for (;;) {
      const op = reader.token
      const precedence = precedences.get(op.kind)
      if (precedence === undefined || precedence < precedenceMin) {
        reader.height = height
        return left
      }
      advance(reader)
      left = readBinary(reader, left, op, precedence)
      raise(reader, Math.max(height, reader.height))
      height = reader.height
    }
  })
}

function readBinary(reader: Reader, left: Expr, op: Token, precedence: number): Expr {
  const isBool = accept(reader, 'bool')
  const matching = readMatching(reader)
  const opEnd = reader.lastEnd
  const right = readExpr(reader, op.kind === '^' ? precedence : precedence + 1)
  return {
    kind: 'binary',
    // Only operators have a precedence.
    op: op.kind as BinaryOp,
    left,
    right,
    isBool,
    matching,
    opRange: { start: op.start, end: Math.max(op.end, opEnd) },
    range: { start: left.range.start, end: right.range.end },
  }
}

function readMatching(reader: Reader): VectorMatching {
  const none: VectorMatching = {
    card: 'one-to-one',
    labels: [],
    isOn: false,
    include: [],
    fillLeft: undefined,
    fillRight: undefined,
  }
  if (!isAt(reader, 'on') && !isAt(reader, 'ignoring')) return readFill(reader, none)
  const isOn = advance(reader).kind === 'on'
  const matching = { ...none, isOn, labels: readLabels(reader) }
  if (!isAt(reader, 'group_left') && !isAt(reader, 'group_right')) return readFill(reader, matching)
  const isLeft = advance(reader).kind === 'group_left'
  const include = isAt(reader, '(') ? readLabels(reader) : []
  return readFill(reader, { ...matching, card: isLeft ? 'many-to-one' : 'one-to-many', include })
}

/** `fill(0)`, or `fill_left(0)` and `fill_right(0)` in any order. A metric may have such a name: it is followed by no number. */
function readFill(reader: Reader, matching: VectorMatching): VectorMatching {
  let { fillLeft, fillRight } = matching
  while (isAt(reader, 'fill') || isAt(reader, 'fill_left') || isAt(reader, 'fill_right')) {
    if (!isFill(reader)) break
    const { kind, start } = advance(reader)
    advance(reader)
    const sign = isAt(reader, '-') ? -1 : 1
    if (isAt(reader, '-') || isAt(reader, '+')) advance(reader)
    if (!isAt(reader, 'number') && !isAt(reader, 'duration')) throw unexpected(reader)
    const value = sign * readNumber(reader).value
    if (!accept(reader, ')')) throw unexpected(reader)
    if (!reader.features.fillModifiers) {
      const problem = 'binop fill modifiers are experimental and not enabled'
      throw failAt(reader, { start, end: reader.lastEnd }, problem)
    }
    if (kind !== 'fill_right') fillLeft = value
    if (kind !== 'fill_left') fillRight = value
  }
  return { ...matching, fillLeft, fillRight }
}

function isFill(reader: Reader): boolean {
  return /^\s*\(\s*[+-]?\s*(?:[\d.]|inf\b|nan\b)/i.test(reader.text.slice(reader.token.end))
}

function readOperand(reader: Reader): Expr {
  if (!isAt(reader, '+') && !isAt(reader, '-')) return readSuffixes(reader, readPrimary(reader))
  const sign = advance(reader)
  const op: Unary['op'] = sign.kind === '-' ? '-' : '+'
  // As multiplication: `-2 ^ 2` is -4.
  const expr = readExpr(reader, mulPrecedence + 1)
  raise(reader, reader.height)
  const range = { start: sign.start, end: expr.range.end }
  if (expr.kind !== 'number') return { kind: 'unary', op, expr, range }
  return { ...expr, value: op === '-' ? -expr.value : expr.value, range }
}

function readPrimary(reader: Reader): Expr {
  const { token } = reader
  reader.height = 1
  const kind: string = token.kind
  switch (kind) {
    case 'number':
    case 'duration': {
      const { value, isDuration } = readNumber(reader)
      return { kind: 'number', value, isDuration, range: rangeOf(token) }
    }
    case 'string':
      advance(reader)
      return { kind: 'string', value: unquote(token.text), range: rangeOf(token) }
    case '(':
      return readParen(reader)
    case '{':
      return readSelector(reader, undefined)
    default:
      return readNamed(reader)
  }
}

function readParen(reader: Reader): Expr {
  const { start } = advance(reader)
  const expr = readExpr(reader, 0)
  raise(reader, reader.height)
  if (!isAt(reader, ')')) throw unexpected(reader)
  const { end } = advance(reader)
  return { kind: 'paren', expr, range: { start, end } }
}

/** What begins with a name: an aggregation, a function, a metric. */
function readNamed(reader: Reader): Expr {
  const { token } = reader
  if (isAggregateOp(token.kind) && isAggregation(reader)) return readAggregate(reader)
  if (!isMetricName(token.kind)) throw unexpected(reader)
  advance(reader)
  const isCall =
    isAt(reader, '(') && (token.kind === 'identifier' || findFunction(token.text) !== undefined)
  return isCall ? readCall(reader, token) : readSelector(reader, token)
}

function isAggregation(reader: Reader): boolean {
  return /^(?:\s|#[^\n\r]*)*(?:\(|(?:by|without)\b)/i.test(reader.text.slice(reader.token.end))
}

function readCall(reader: Reader, name: Token): Expr {
  const args = readArguments(reader)
  const signature = findFunction(name.text)
  if (signature === undefined) {
    throw failAt(reader, name, `unknown function with name ${quote(name.text)}`)
  }
  if (signature.isExperimental && !reader.features.experimentalFunctions) {
    throw failAt(reader, name, `function ${quote(name.text)} is not enabled`)
  }
  const range = { start: name.start, end: reader.lastEnd }
  return { kind: 'call', func: signature.name, args, range }
}

function readArguments(reader: Reader): readonly Expr[] {
  if (!isAt(reader, '(')) throw unexpected(reader)
  advance(reader)
  const args: Expr[] = []
  let height = 0
  while (!isAt(reader, ')')) {
    args.push(readExpr(reader, 0))
    height = Math.max(height, reader.height)
    if (isAt(reader, ')')) break
    if (!isAt(reader, ',')) throw unexpected(reader)
    const comma = advance(reader)
    if (isAt(reader, ')')) {
      throw failAt(reader, comma, 'trailing commas not allowed in function call args')
    }
  }
  advance(reader)
  raise(reader, height)
  return args
}

interface Grouping {
  readonly labels: readonly string[]
  readonly isWithout: boolean
}

function readAggregate(reader: Reader): Aggregate {
  const name = advance(reader)
  return within(reader, { where: 'aggregation', expected: '' }, () => {
    const before = readGrouping(reader)
    const args = readArguments(reader)
    const grouping = before ?? readGrouping(reader) ?? { labels: [], isWithout: false }
    return buildAggregate(reader, name, args, grouping)
  })
}

function readGrouping(reader: Reader): Grouping | undefined {
  if (!isAt(reader, 'by') && !isAt(reader, 'without')) return undefined
  const isWithout = advance(reader).kind === 'without'
  return { labels: readLabels(reader), isWithout }
}

function buildAggregate(
  reader: Reader,
  name: Token,
  args: readonly Expr[],
  { labels, isWithout }: Grouping,
): Aggregate {
  const range: TextRange = { start: name.start, end: reader.lastEnd }
  const op = name.kind as Aggregate['op']
  if (args.length === 0) {
    throw failAt(reader, range, 'no arguments for aggregate expression provided')
  }
  const isExperimental = op === 'limitk' || op === 'limit_ratio'
  if (isExperimental && !reader.features.experimentalFunctions) {
    const flag = '--enable-feature=promql-experimental-functions'
    throw failAt(reader, range, `${op}() is experimental and must be enabled with ${flag}`)
  }
  const wanted = hasParam(op) ? 2 : 1
  const [first, second] = args
  const expr = wanted === 2 ? second : first
  if (args.length !== wanted || expr === undefined) {
    const problem = `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`
    throw failAt(reader, range, problem)
  }
  const param = wanted === 2 ? first : undefined
  return { kind: 'aggregate', op, expr, param, grouping: labels, isWithout, range }
}

function rangeOf({ start, end }: Token): TextRange {
  return { start, end }
}
