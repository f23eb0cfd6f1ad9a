import type { FloatHistogram } from '../../native-histogram/float-histogram.ts'
import type { Labels } from '../../labels/labels.ts'
import type { Expr } from '../syntax/ast.ts'
import { Collector, type Evaluation } from './evaluation.ts'
import type { Grid } from './grid.ts'
import { createNameDrop } from './label-shapes.ts'
import { RowMerger } from './merge-rows.ts'

/** The rows of an answer. */
export interface FinishedRows {
  readonly count: number
  readonly labels: readonly Labels[]
  readonly values: Float64Array
  readonly kinds: Uint8Array
  readonly histogramAt: (index: number, step: number) => FloatHistogram | undefined
}

/**
 * Evaluates a vector and takes away the names that were kept until now; rows that are of the same series then become one. Where names
 * go at once every operation sees to it that its rows are of different series.
 */
export function evaluateInto(evaluation: Evaluation, expr: Expr, grid: Grid): FinishedRows {
  const collector = new Collector(evaluation, grid)
  if (!evaluation.options.delayedNameRemoval) {
    evaluation.recur.vector(evaluation, expr, grid, collector.push)
    return rowsOf(collector)
  }
  const drop = createNameDrop()
  const merger = new RowMerger(evaluation, grid, collector.push)
  evaluation.recur.vector(evaluation, expr, grid, (row) => {
    if (row.dropsName) {
      row.labels = drop(row.labels)
      row.dropsName = false
    }
    merger.push(row)
  })
  merger.flush()
  return rowsOf(collector)
}

function rowsOf({ table }: Collector): FinishedRows {
  return {
    count: table.count,
    labels: table.labels,
    values: table.values,
    kinds: table.kinds,
    histogramAt: (index, step) => table.histogramAt(index, step),
  }
}
