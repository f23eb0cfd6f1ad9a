import type { AtModifier, Duration, Expr, MatrixSelector, Subquery, VectorSelector } from './ast.ts'
import { formatFixed } from '../../go-text/go-text.ts'
import type { TextRange } from './parse-error.ts'
import { readNumber, readOffset, readPositiveDuration } from './read-duration.ts'
import { accept, advance, failAt, isAt, unexpected, type Context, type Reader } from './reader.ts'

const atContext: Context = { where: '@', expected: 'timestamp' }
const stepContext: Context = {
  where: 'subquery selector',
  expected: 'number, duration, step(), range(), or "]"',
}
const stepEndContext: Context = { where: 'subquery selector', expected: '"]"' }
const rangeEndContext: Context = { where: 'subquery or range', expected: '":" or "]"' }
const misplaced =
  'must be preceded by an instant vector selector or range vector selector or a subquery'
const timeSecondsMax = 2 ** 63

/** What may follow an expression: ranges, subqueries, `offset`, `@`, `anchored`, `smoothed`, any number of them. */
export function readSuffixes(reader: Reader, expr: Expr): Expr {
  let result = expr
  for (;;) {
    const kind: string = reader.token.kind
    switch (kind) {
      case '[':
        result = readBrackets(reader, result)
        break
      case 'offset':
        advance(reader)
        result = addOffset(reader, result, readOffset(reader))
        break
      case '@':
        advance(reader)
        result = addAt(reader, result, readAt(reader, result.range))
        break
      case 'anchored':
      case 'smoothed':
        result = addExtension(reader, result, kind)
        break
      default:
        return result
    }
  }
}

function readBrackets(reader: Reader, expr: Expr): MatrixSelector | Subquery {
  const open = advance(reader)
  const window = readPositiveDuration(reader)
  if (isAt(reader, ':')) return readSubquery(reader, expr, window)
  if (!isAt(reader, ']')) throw unexpected(reader, rangeEndContext)
  const { end } = advance(reader)
  const brackets = { start: open.start, end }
  if (expr.kind !== 'selector') {
    throw failAt(reader, brackets, 'ranges only allowed for vector selectors')
  }
  if (expr.offset.ms !== 0 || expr.offset.expr !== undefined) {
    throw failAt(reader, brackets, 'no offset modifiers allowed before range')
  }
  if (expr.at !== undefined) {
    throw failAt(reader, brackets, 'no @ modifiers allowed before range')
  }
  return { kind: 'matrix', selector: expr, window, range: { start: expr.range.start, end } }
}

function readSubquery(reader: Reader, expr: Expr, window: Duration): Subquery {
  advance(reader)
  let step: Duration = { ms: 0, expr: undefined }
  if (!isAt(reader, ']')) {
    if (!mayBeginDuration(reader)) throw unexpected(reader, stepContext)
    step = readPositiveDuration(reader)
    if (!isAt(reader, ']')) throw unexpected(reader, stepEndContext)
  }
  const { end } = advance(reader)
  return {
    kind: 'subquery',
    expr,
    window,
    step,
    offset: { ms: 0, expr: undefined },
    at: undefined,
    range: { start: expr.range.start, end },
  }
}

function mayBeginDuration({ token: { kind } }: Reader): boolean {
  const starts = ['number', 'duration', '+', '-', '(', 'step', 'range', 'identifier']
  return starts.includes(kind)
}

type Timed = VectorSelector | MatrixSelector | Subquery

function addOffset(reader: Reader, expr: Expr, offset: Duration): Expr {
  if (!isTimed(expr)) throw failAt(reader, expr.range, `offset modifier ${misplaced}`)
  const { offset: before } = expr.kind === 'matrix' ? expr.selector : expr
  if (before.ms !== 0 || before.expr !== undefined) {
    throw failAt(reader, expr.range, 'offset may not be set multiple times')
  }
  return change(reader, expr, { offset })
}

function addAt(reader: Reader, expr: Expr, at: AtModifier): Expr {
  if (!isTimed(expr)) throw failAt(reader, expr.range, `@ modifier ${misplaced}`)
  if ((expr.kind === 'matrix' ? expr.selector : expr).at !== undefined) {
    throw failAt(reader, expr.range, '@ <timestamp> may not be set multiple times')
  }
  return change(reader, expr, { at })
}

function change(
  reader: Reader,
  expr: Timed,
  modifier: { readonly offset: Duration } | { readonly at: AtModifier },
): Timed {
  const range = { start: expr.range.start, end: reader.lastEnd }
  return expr.kind === 'matrix'
    ? { ...expr, selector: { ...expr.selector, ...modifier }, range }
    : { ...expr, ...modifier, range }
}

function isTimed(expr: Expr): expr is Timed {
  return expr.kind === 'selector' || expr.kind === 'matrix' || expr.kind === 'subquery'
}

function readAt(reader: Reader, range: TextRange): AtModifier {
  const { kind } = reader.token
  if (kind === 'start' || kind === 'end') {
    advance(reader)
    if (!accept(reader, '(')) throw unexpected(reader, atContext)
    if (!accept(reader, ')')) throw unexpected(reader, atContext)
    return { kind }
  }
  const sign = kind === '-' ? -1 : 1
  if (kind === '-' || kind === '+') advance(reader)
  if (!isAt(reader, 'number') && !isAt(reader, 'duration')) throw unexpected(reader, atContext)
  const seconds = sign * readNumber(reader).value
  if (!(Math.abs(seconds) < timeSecondsMax)) {
    const told = Number.isFinite(seconds) ? `${BigInt(seconds)}.000000` : formatFixed(seconds)
    throw failAt(reader, range, `timestamp out of bounds for @ modifier: ${told}`)
  }
  return { kind: 'time', timeMs: roundHalfAway(seconds * 1_000) }
}

function roundHalfAway(value: number): number {
  return Math.sign(value) * Math.round(Math.abs(value))
}

function addExtension(reader: Reader, expr: Expr, extension: 'anchored' | 'smoothed'): Expr {
  advance(reader)
  if (!reader.features.extendedRangeSelectors) {
    throw failAt(reader, expr.range, `${extension} modifier is experimental and not enabled`)
  }
  if (expr.kind === 'subquery') {
    throw failAt(reader, expr.range, `${extension} modifier is not supported for subqueries`)
  }
  if (expr.kind !== 'selector' && expr.kind !== 'matrix') {
    throw failAt(reader, expr.range, `${extension} modifier not implemented`)
  }
  const before = (expr.kind === 'matrix' ? expr.selector : expr).extension
  if (before !== undefined && before !== extension) {
    const problem = 'anchored and smoothed modifiers cannot be used together'
    throw failAt(reader, expr.range, problem)
  }
  return expr.kind === 'matrix'
    ? { ...expr, selector: { ...expr.selector, extension } }
    : { ...expr, extension }
}
