import { quote } from '../../go-text/go-text.ts'
import { labelsOf, noLabels, type Labels } from '../../labels/labels.ts'
import { scaleHistogram } from '../../native-histogram/arithmetic.ts'
import {
  unwrap,
  isSetOp,
  type Aggregate,
  type Binary,
  type Call,
  type Expr,
} from '../syntax/ast.ts'
import { typeOf } from '../syntax/check-types.ts'
import { streamAggregate } from './aggregate.ts'
import { streamChosen } from './aggregate-chosen.ts'
import { binaryScalars, streamVectorScalar } from './binary-scalar.ts'
import { streamSet } from './binary-sets.ts'
import { streamVectors } from './binary-vectors.ts'
import { QueryError } from './errors.ts'
import type { Evaluation, Recursion } from './evaluation.ts'
import type { Grid } from './grid.ts'
import { streamHistogramCall } from './histogram-call.ts'
import { streamInfo } from './info-call.ts'
import { streamLabelJoin, streamLabelReplace, streamSorted } from './label-functions.ts'
import { streamMapCall } from './map-functions.ts'
import { createNameDropSink } from './name-drop.ts'
import { presentInWindows, rangeOf, streamRangeCall } from './range-call.ts'
import {
  absent,
  createRow,
  float,
  histogram,
  histogramAt,
  isEmpty,
  setHistogram,
  type RowSink,
} from './rows.ts'
import { streamSelector } from './vector-selector.ts'

/** How expressions are evaluated. */
export const recursion: Recursion = { vector: streamVector, scalar: evaluateScalar }

/** Gives out the rows of a vector at the times of a grid. */
function streamVector(evaluation: Evaluation, expr: Expr, grid: Grid, sink: RowSink): void {
  switch (expr.kind) {
    case 'selector':
      streamSelector(evaluation, expr, grid, sink)
      return
    case 'paren':
      streamVector(evaluation, expr.expr, grid, sink)
      return
    case 'unary':
      if (expr.op === '+') streamVector(evaluation, expr.expr, grid, sink)
      else streamNegated(evaluation, expr.expr, grid, sink)
      return
    case 'binary':
      streamBinary(evaluation, expr, grid, sink)
      return
    case 'aggregate':
      streamAggregation(evaluation, expr, grid, sink)
      return
    case 'call':
      streamCall(evaluation, expr, grid, sink)
      return
    case 'number':
    case 'string':
    case 'matrix':
    case 'subquery':
      throw new QueryError(`${expr.kind} is no instant vector`)
  }
}

function streamNegated(evaluation: Evaluation, expr: Expr, grid: Grid, sink: RowSink): void {
  const drop = createNameDropSink(evaluation, expr, grid, sink)
  streamVector(evaluation, expr, grid, (row) => {
    for (let step = 0; step < row.kinds.length; step++) {
      if (row.kinds[step] === float) row.values[step] = -row.values[step]!
      else if (row.kinds[step] === histogram) {
        setHistogram(row, step, scaleHistogram(histogramAt(row, step), -1))
      }
    }
    drop.push(row)
  })
  drop.flush()
}

function streamBinary(evaluation: Evaluation, binary: Binary, grid: Grid, sink: RowSink): void {
  const { left, right, op, matching } = binary
  const isLeftScalar = typeOf(left) === 'scalar'
  if (isLeftScalar || typeOf(right) === 'scalar') {
    const sides = isLeftScalar
      ? { vector: right, scalar: left, isVectorLeft: false }
      : { vector: left, scalar: right, isVectorLeft: true }
    streamVectorScalar(evaluation, binary, sides, grid, sink)
    return
  }
  if (matching === undefined)
    throw new QueryError(`${op} between vectors does not say how they match`)
  if (isSetOp(op)) streamSet(evaluation, binary, matching, grid, sink)
  else streamVectors(evaluation, binary, matching, grid, sink)
}

function streamAggregation(
  evaluation: Evaluation,
  aggregate: Aggregate,
  grid: Grid,
  sink: RowSink,
): void {
  switch (aggregate.op) {
    case 'sum':
    case 'avg':
    case 'min':
    case 'max':
    case 'count':
    case 'group':
    case 'stddev':
    case 'stdvar':
      streamAggregate(evaluation, aggregate, aggregate.op, grid, sink)
      return
    case 'topk':
    case 'bottomk':
    case 'limitk':
    case 'limit_ratio':
    case 'quantile':
    case 'count_values':
      streamChosen(evaluation, aggregate, aggregate.op, grid, sink)
      return
  }
}

type CallStream = (evaluation: Evaluation, call: Call, grid: Grid, sink: RowSink) => void

const calls: ReadonlyMap<string, CallStream> = new Map<string, CallStream>([
  ['absent', streamAbsent],
  ['absent_over_time', streamAbsentOverTime],
  ['histogram_fraction', streamHistogramCall],
  ['histogram_quantile', streamHistogramCall],
  ['histogram_quantiles', streamHistogramCall],
  ['info', streamInfo],
  ['label_join', streamLabelJoin],
  ['label_replace', streamLabelReplace],
  ['sort', streamSorted],
  ['sort_by_label', streamSorted],
  ['sort_by_label_desc', streamSorted],
  ['sort_desc', streamSorted],
  ['timestamp', streamTimestamp],
  ['vector', streamScalarVector],
])

function streamCall(evaluation: Evaluation, call: Call, grid: Grid, sink: RowSink): void {
  const stream = calls.get(call.func)
  if (stream !== undefined) stream(evaluation, call, grid, sink)
  else if (!streamMapCall(evaluation, call, grid, sink))
    streamRangeCall(evaluation, call, grid, sink)
}

function streamScalarVector(
  evaluation: Evaluation,
  { args }: Call,
  grid: Grid,
  sink: RowSink,
): void {
  const [arg] = args
  if (arg === undefined) return
  const row = createRow(grid.count)
  row.kinds.fill(float)
  row.values.set(evaluateScalar(evaluation, arg, grid))
  sink(row)
}

/** The time of the sample itself for a plain selector, of the evaluation for all else. */
function streamTimestamp(evaluation: Evaluation, { args }: Call, grid: Grid, sink: RowSink): void {
  const [arg] = args
  if (arg === undefined) return
  const inner = unwrap(arg)
  const drop = createNameDropSink(evaluation, arg, grid, sink)
  if (inner.kind === 'selector') {
    streamSelector(evaluation, inner, grid, drop.push, 'times')
  } else {
    streamVector(evaluation, arg, grid, (row) => {
      for (let step = 0; step < row.kinds.length; step++) {
        if (row.kinds[step] === absent) continue
        row.kinds[step] = float
        row.values[step] = (grid.startMs + step * grid.stepMs) / 1_000
      }
      row.histograms = undefined
      drop.push(row)
    })
  }
  drop.flush()
}

function streamAbsent(evaluation: Evaluation, { args }: Call, grid: Grid, sink: RowSink): void {
  const [arg] = args
  if (arg === undefined) return
  const present = new Uint8Array(grid.count)
  streamVector(evaluation, arg, grid, ({ kinds }) => {
    for (let step = 0; step < kinds.length; step++) if (kinds[step] !== absent) present[step] = 1
  })
  emitAbsent(present, absentLabels(unwrap(arg)), sink)
}

function streamAbsentOverTime(evaluation: Evaluation, call: Call, grid: Grid, sink: RowSink): void {
  const source = rangeOf(call)
  if (source === undefined) return
  const present = presentInWindows(evaluation, source, grid)
  const labels = source.kind === 'matrix' ? absentLabels(source.selector) : noLabels
  emitAbsent(present, labels, sink)
}

function emitAbsent(present: Uint8Array, labels: Labels, sink: RowSink): void {
  const row = createRow(present.length)
  row.labels = labels
  for (let step = 0; step < present.length; step++) {
    if (present[step] === 1) continue
    row.kinds[step] = float
    row.values[step] = 1
  }
  if (!isEmpty(row)) sink(row)
}

/** What is known for certain of a series that is not there: the labels that are asked for once, by their values. */
function absentLabels(expr: Expr): Labels {
  if (expr.kind !== 'selector') return noLabels
  const known = new Map<string, string>()
  const seen = new Set<string>()
  for (const { name, kind, value } of expr.matchers) {
    if (name === '__name__') continue
    if (kind === '=' && !seen.has(name)) {
      known.set(name, value)
      seen.add(name)
    } else known.delete(name)
  }
  return labelsOf(known)
}

/** The values of a scalar at the times of a grid. The array is the caller's. */
function evaluateScalar(evaluation: Evaluation, expr: Expr, grid: Grid): Float64Array {
  switch (expr.kind) {
    case 'number':
      return new Float64Array(grid.count).fill(expr.value)
    case 'paren':
      return evaluateScalar(evaluation, expr.expr, grid)
    case 'unary': {
      const values = evaluateScalar(evaluation, expr.expr, grid)
      return expr.op === '-' ? values.map((value) => -value) : values
    }
    case 'binary':
      return binaryScalars(evaluation, expr, grid)
    case 'call':
      return evaluateScalarCall(evaluation, expr, grid)
    case 'string':
    case 'selector':
    case 'matrix':
    case 'subquery':
    case 'aggregate':
      throw new QueryError(`${expr.kind} is no scalar`)
  }
}

function evaluateScalarCall(
  evaluation: Evaluation,
  { func, args }: Call,
  grid: Grid,
): Float64Array {
  const constant = (value: number) => new Float64Array(grid.count).fill(value)
  const [first, second] = args
  const name: string = func
  switch (name) {
    case 'pi':
      return constant(Math.PI)
    case 'time':
      return constant(0).map((_, step) => (grid.startMs + step * grid.stepMs) / 1_000)
    case 'start':
      return constant(evaluation.grid.startMs / 1_000)
    case 'end':
      return constant(evaluation.endMs / 1_000)
    case 'range':
      return constant((evaluation.endMs - evaluation.grid.startMs) / 1_000)
    case 'step':
      return constant(evaluation.stepMs / 1_000)
    case 'min_of':
    case 'max_of': {
      if (first === undefined || second === undefined) break
      const right = evaluateScalar(evaluation, second, grid)
      const choose = name === 'min_of' ? Math.min : Math.max
      return evaluateScalar(evaluation, first, grid).map((value, step) =>
        choose(value, right[step]!),
      )
    }
    case 'scalar':
      if (first === undefined) break
      return scalarOf(evaluation, first, grid)
    default:
      break
  }
  throw new QueryError(`unknown function with name ${quote(func)}`)
}

/** The one number of a vector; NaN where there is none, or more than one. */
function scalarOf(evaluation: Evaluation, expr: Expr, grid: Grid): Float64Array {
  const values = new Float64Array(grid.count).fill(NaN)
  const counts = new Uint8Array(grid.count)
  streamVector(evaluation, expr, grid, (row) => {
    for (let step = 0; step < row.kinds.length; step++) {
      if (row.kinds[step] !== float) continue
      values[step] = counts[step] === 0 ? row.values[step]! : NaN
      counts[step] = 1
    }
  })
  return values
}
