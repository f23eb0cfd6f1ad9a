import { quote } from '../../go-text/go-text.ts'
import {
  addHistograms,
  divideHistogram,
  equalHistograms,
  scaleHistogram,
  subtractHistograms,
  type Combined,
} from '../../native-histogram/arithmetic.ts'
import { compact } from '../../native-histogram/buckets.ts'
import type { FloatHistogram } from '../../native-histogram/float-histogram.ts'
import { trimHistogram } from '../../native-histogram/trim.ts'
import { isComparison, type Binary, type BinaryOp } from '../syntax/ast.ts'
import type { Evaluation } from './evaluation.ts'

/** A number or a histogram. */
export type Element = number | FloatHistogram

/** What an operator makes of two numbers. For comparisons 1 is true. */
export type FloatOp = (left: number, right: number) => number

const floatOps: ReadonlyMap<BinaryOp, FloatOp> = new Map<BinaryOp, FloatOp>([
  ['+', (left, right) => left + right],
  ['-', (left, right) => left - right],
  ['*', (left, right) => left * right],
  ['/', (left, right) => left / right],
  ['%', (left, right) => left % right],
  ['^', power],
  ['atan2', Math.atan2],
  ['==', (left, right) => (left === right ? 1 : 0)],
  ['!=', (left, right) => (left !== right ? 1 : 0)],
  ['<', (left, right) => (left < right ? 1 : 0)],
  ['<=', (left, right) => (left <= right ? 1 : 0)],
  ['>', (left, right) => (left > right ? 1 : 0)],
  ['>=', (left, right) => (left >= right ? 1 : 0)],
])

/** The operator on numbers, where it is one that numbers have. */
export function findFloatOp(op: BinaryOp): FloatOp | undefined {
  return floatOps.get(op)
}

/** Whether the result is another thing than the left side, so that the name of its metric is wrong for it. */
export function changesMeaning(op: BinaryOp): boolean {
  return !isComparison(op) && op !== '</' && op !== '>/'
}

/**
 * An operator on two elements of which at least one is a histogram. For comparisons: the left element where it is true. Undefined
 * where there is no result; why is told.
 */
export function combineElements(
  { notes }: Evaluation,
  { op, range: place }: Pick<Binary, 'op' | 'range'>,
  left: Element,
  right: Element,
): { value: Element; isTrue: boolean } | undefined {
  if (typeof left !== 'number' && typeof right !== 'number') {
    if (op === '==' || op === '!=') {
      const isEqual = equalHistograms(compact(left), compact(right))
      return { value: left, isTrue: isEqual === (op === '==') }
    }
    if (op === '+' || op === '-') {
      const combined = op === '+' ? addHistograms(left, right) : subtractHistograms(left, right)
      const value = report(notes, combined, { op, place })
      return value === undefined ? undefined : { value, isTrue: true }
    }
  } else if (typeof left !== 'number' && typeof right === 'number') {
    const value = withNumber(op, left, right)
    if (value !== undefined) return { value, isTrue: true }
  } else if (op === '*' && typeof left === 'number' && typeof right !== 'number') {
    return { value: compact(scaleHistogram(right, left)), isTrue: true }
  }
  const types = `${typeOf(left)} ${op} ${typeOf(right)}`
  const problem = `incompatible sample types encountered for binary operator ${quote(op)}: ${types}`
  notes.inform(problem, place)
  return undefined
}

function withNumber(op: BinaryOp, left: FloatHistogram, right: number): FloatHistogram | undefined {
  switch (op) {
    case '*':
      return compact(scaleHistogram(left, right))
    case '/':
      return compact(divideHistogram(left, right))
    case '</':
      return trimHistogram(left, 'upper', right)
    case '>/':
      return trimHistogram(left, 'lower', right)
    case '+':
    case '-':
    case '%':
    case '^':
    case 'atan2':
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
    case 'and':
    case 'or':
    case 'unless':
      return undefined
  }
}

function report(
  notes: Evaluation['notes'],
  combined: Combined | undefined,
  { op, place }: { readonly op: BinaryOp; readonly place: Binary['range'] },
): FloatHistogram | undefined {
  if (combined === undefined) {
    notes.warn(`incompatible bucket layout encountered for binary operator ${op}`, place)
    return undefined
  }
  const name = op === '+' ? 'addition' : 'subtraction'
  if (combined.hasResetConflict) {
    notes.warn(`conflicting counter resets during histogram ${name}`, place)
  }
  if (combined.areBoundsReconciled) {
    notes.inform(`mismatched custom buckets were reconciled during ${name}`, place)
  }
  return combined.histogram
}

function typeOf(element: Element): string {
  return typeof element === 'number' ? 'float' : 'histogram'
}

/** As Go: 1 to any power and anything to the power of 0 are 1, NaN too; -1 to an infinite power is 1. */
function power(base: number, exponent: number): number {
  if (base === 1) return 1
  if (base === -1 && (exponent === Infinity || exponent === -Infinity)) return 1
  return base ** exponent
}
