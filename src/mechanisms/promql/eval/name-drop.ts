import type { Expr } from '../syntax/ast.ts'
import type { Evaluation } from './evaluation.ts'
import type { Grid } from './grid.ts'
import { createNameDrop } from './label-shapes.ts'
import { RowMerger } from './merge-rows.ts'
import type { RowSink } from './rows.ts'

/** Where rows go whose metrics have another meaning than their names say. `flush` comes after the last one. */
export interface NameDrop {
  readonly push: RowSink
  readonly flush: () => void
}

/**
 * Takes the names of metrics from rows of `source`: at once, or at the end of the evaluation where that is wanted. Rows that are equal
 * without their names become one.
 */
export function createNameDropSink(
  evaluation: Evaluation,
  source: Expr,
  grid: Grid,
  sink: RowSink,
): NameDrop {
  const nothing = () => undefined
  if (evaluation.options.delayedNameRemoval) {
    const push: RowSink = (row) => {
      row.dropsName = true
      sink(row)
    }
    return { push, flush: nothing }
  }
  const drop = createNameDrop()
  if (hasOneName(source)) {
    const push: RowSink = (row) => {
      row.labels = drop(row.labels)
      sink(row)
    }
    return { push, flush: nothing }
  }
  const merger = new RowMerger(evaluation, grid, sink, !isRange(source))
  const push: RowSink = (row) => {
    row.labels = drop(row.labels)
    merger.push(row)
  }
  return { push, flush: () => merger.flush() }
}

/** Whether all series of an expression have the same name for certain: then no two of them are equal without it. */
function hasOneName(expr: Expr): boolean {
  switch (expr.kind) {
    case 'selector':
      return expr.matchers.some(({ name, kind }) => name === '__name__' && kind === '=')
    case 'matrix':
      return hasOneName(expr.selector)
    case 'paren':
    case 'unary':
    case 'subquery':
      return hasOneName(expr.expr)
    case 'aggregate':
      return !expr.isWithout && !expr.grouping.includes('__name__')
    case 'call':
    case 'binary':
    case 'number':
    case 'string':
      return false
  }
}

function isRange(expr: Expr): boolean {
  return expr.kind === 'matrix' || expr.kind === 'subquery'
}
