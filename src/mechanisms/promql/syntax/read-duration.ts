import type { Duration, DurationExpr, DurationNumber } from './ast.ts'
import { durationSecondsMax, parseDuration, secondsToMs } from './durations.ts'
import { parseNumber } from './number-text.ts'
import type { TextRange } from './parse-error.ts'
import {
  accept,
  advance,
  deeper,
  expect,
  failAt,
  isAt,
  unexpected,
  within,
  type Context,
  type Reader,
} from './reader.ts'
import type { Token } from './tokens.ts'

type ArithmeticOp = '+' | '-' | '*' | '/' | '%' | '^'

const rangeContext: Context = {
  where: 'subquery or range selector',
  expected: 'number, duration, step(), or range()',
}
const offsetContext: Context = {
  where: 'offset',
  expected: 'number, duration, step(), or range()',
}
const mulPrecedence = 2

/** The value of a number or a duration, in seconds for the latter. */
export function readNumber(reader: Reader): { value: number; isDuration: boolean; token: Token } {
  const token = advance(reader)
  const isDuration = token.kind === 'duration'
  const parsed = isDuration ? parseDuration(token.text) : parseNumber(token.text)
  if (typeof parsed === 'string') {
    throw failAt(reader, token, isDuration ? parsed : `error parsing number: ${parsed}`)
  }
  return { value: isDuration ? parsed / 1_000 : parsed, isDuration, token }
}

/** The duration of a range selector or a subquery, behind `[` or `:`. It is positive. */
export function readPositiveDuration(reader: Reader): Duration {
  const expr = within(reader, rangeContext, () => readArithmetic(reader, 0))
  if (expr.kind !== 'duration-number' || expr.isWrapped) return { ms: 0, expr }
  if (!(expr.seconds > 0)) throw failAt(reader, expr.range, 'duration must be greater than 0')
  return literal(reader, expr)
}

/** What stands behind `offset`: no arithmetic without parentheses. */
export function readOffset(reader: Reader): Duration {
  const expr = within(reader, offsetContext, () => readSigned(reader))
  return expr.kind === 'duration-number' && !expr.isWrapped
    ? literal(reader, expr)
    : { ms: 0, expr }
}

function literal(reader: Reader, { seconds, range }: DurationNumber): Duration {
  if (!(Math.abs(seconds) <= durationSecondsMax))
    throw failAt(reader, range, 'duration out of range')
  return { ms: secondsToMs(seconds), expr: undefined }
}

function readSigned(reader: Reader): DurationExpr {
  return isAt(reader, '+') || isAt(reader, '-')
    ? readUnary(reader, readPrimary)
    : readPrimary(reader)
}

function readArithmetic(reader: Reader, precedenceMin: number): DurationExpr {
  return deeper(reader, () => {
    let left =
      isAt(reader, '+') || isAt(reader, '-')
        ? readUnary(reader, () => readArithmetic(reader, mulPrecedence + 1))
        : readPrimary(reader)
    for (;;) {
      const op = reader.token.kind
      const precedence = precedenceOf(op)
      if (precedence === undefined || precedence < precedenceMin) return left
      const sign = advance(reader)
      const right = readArithmetic(reader, op === '^' ? precedence : precedence + 1)
      if (isZero(right) && op === '/') throw failAt(reader, sign, 'division by zero')
      if (isZero(right) && op === '%') throw failAt(reader, sign, 'modulo by zero')
      left = {
        kind: 'duration-binary',
        op: op as ArithmeticOp,
        left,
        right,
        isWrapped: false,
        range: { start: left.range.start, end: right.range.end },
      }
    }
  })
}

/** A sign changes a literal, and stands before all else. */
function readUnary(reader: Reader, readOperand: (reader: Reader) => DurationExpr): DurationExpr {
  const sign = advance(reader)
  const op = sign.kind === '-' ? '-' : '+'
  const operand = readOperand(reader)
  const range = { start: sign.start, end: operand.range.end }
  if (operand.kind === 'duration-number' && !operand.isWrapped) {
    return { ...operand, seconds: op === '-' ? -operand.seconds : operand.seconds, range }
  }
  return { kind: 'duration-unary', op, operand, isWrapped: false, range }
}

function readPrimary(reader: Reader): DurationExpr {
  const { token } = reader
  const kind: string = token.kind
  switch (kind) {
    case 'number':
    case 'duration': {
      const { value, isDuration } = readNumber(reader)
      return { kind: 'duration-number', seconds: value, isDuration, isWrapped: false, range: token }
    }
    case 'step':
    case 'range': {
      advance(reader)
      expect(reader, '(')
      const { end } = expect(reader, ')')
      const range = { start: token.start, end }
      return { kind: 'duration-read', name: kind, isWrapped: false, range }
    }
    case '(': {
      advance(reader)
      const inner = readArithmetic(reader, 0)
      expect(reader, ')')
      return { ...inner, isWrapped: true }
    }
    default:
      return readChoice(reader, token)
  }
}

/** `min_of(a, b)` or `max_of(a, b)`. */
function readChoice(reader: Reader, token: Token): DurationExpr {
  const op = token.text.toLowerCase()
  if (op !== 'min_of' && op !== 'max_of') throw unexpected(reader)
  advance(reader)
  expect(reader, '(')
  const left = readArithmetic(reader, 0)
  if (!accept(reader, ',')) throw unexpected(reader)
  const right = readArithmetic(reader, 0)
  const { end } = expect(reader, ')')
  const range: TextRange = { start: token.start, end }
  return { kind: 'duration-binary', op, left, right, isWrapped: false, range }
}

function isZero(expr: DurationExpr): boolean {
  return expr.kind === 'duration-number' && expr.seconds === 0
}

function precedenceOf(op: string): number | undefined {
  switch (op) {
    case '+':
    case '-':
      return 1
    case '*':
    case '/':
    case '%':
      return mulPrecedence
    case '^':
      return 3
    default:
      return undefined
  }
}
