import { isComparison, type Binary, type Expr } from '../syntax/ast.ts'
import { QueryError } from './errors.ts'
import type { Evaluation } from './evaluation.ts'
import type { Grid } from './grid.ts'
import { changesMeaning, combineElements, findFloatOp, type FloatOp } from './element-op.ts'
import { createNameDropSink } from './name-drop.ts'
import {
  absent,
  float,
  histogram,
  histogramAt,
  isEmpty,
  setHistogram,
  type Row,
  type RowSink,
} from './rows.ts'

/** The values of an operator between two scalars. */
export function binaryScalars(evaluation: Evaluation, binary: Binary, grid: Grid): Float64Array {
  const calculate = findFloatOp(binary.op)
  if (calculate === undefined) {
    throw new QueryError(`operator "${binary.op}" not allowed for Scalar operations`)
  }
  const left = evaluation.recur.scalar(evaluation, binary.left, grid)
  const right = evaluation.recur.scalar(evaluation, binary.right, grid)
  for (let step = 0; step < left.length; step++) {
    left[step] = calculate(left[step]!, right[step]!)
  }
  return left
}

/** A vector beside a scalar. */
interface Sides {
  readonly vector: Expr
  readonly scalar: Expr
  readonly isVectorLeft: boolean
}

/** The rows of an operator between a vector and a scalar. */
export function streamVectorScalar(
  evaluation: Evaluation,
  binary: Binary,
  { vector, scalar, isVectorLeft }: Sides,
  grid: Grid,
  sink: RowSink,
): void {
  const scalars = evaluation.recur.scalar(evaluation, scalar, grid)
  const drops = binary.isBool || changesMeaning(binary.op)
  const drop = drops
    ? createNameDropSink(evaluation, vector, grid, sink)
    : { push: sink, flush: () => undefined }
  const operation: Operation = {
    binary,
    scalars,
    isVectorLeft,
    calculate: findFloatOp(binary.op),
    isFilter: isComparison(binary.op) && !binary.isBool,
  }
  evaluation.recur.vector(evaluation, vector, grid, (row) => {
    if (row.histograms === undefined && operation.calculate !== undefined) {
      mapFloats(operation, operation.calculate, row)
    } else mapElements(evaluation, operation, row)
    if (!isEmpty(row)) drop.push(row)
  })
  drop.flush()
}

interface Operation {
  readonly binary: Binary
  readonly scalars: Float64Array
  readonly isVectorLeft: boolean
  readonly calculate: FloatOp | undefined
  /** The values stay, unless the comparison is false. */
  readonly isFilter: boolean
}

function mapFloats(
  { scalars, isVectorLeft, isFilter }: Operation,
  calculate: FloatOp,
  { values, kinds }: Row,
): void {
  for (let step = 0; step < kinds.length; step++) {
    if (kinds[step] !== float) continue
    const [value, scalar] = [values[step]!, scalars[step]!]
    const result = isVectorLeft ? calculate(value, scalar) : calculate(scalar, value)
    if (!isFilter) values[step] = result
    else if (result === 0) kinds[step] = absent
  }
}

function mapElements(evaluation: Evaluation, operation: Operation, row: Row): void {
  const { binary, scalars, isVectorLeft, isFilter, calculate } = operation
  for (let step = 0; step < row.kinds.length; step++) {
    const kind = row.kinds[step]
    if (kind === absent) continue
    const scalar = scalars[step]!
    if (kind === float && calculate !== undefined) {
      const value = row.values[step]!
      const result = isVectorLeft ? calculate(value, scalar) : calculate(scalar, value)
      if (!isFilter) row.values[step] = result
      else if (result === 0) row.kinds[step] = absent
      continue
    }
    const element = kind === histogram ? histogramAt(row, step) : row.values[step]!
    const [left, right] = isVectorLeft ? [element, scalar] : [scalar, element]
    const result = combineElements(evaluation, binary, left, right)
    if (result === undefined || typeof result.value === 'number') row.kinds[step] = absent
    else setHistogram(row, step, result.value)
  }
}
