import { formatFixed, formatGeneral, quote } from '../../go-text/go-text.ts'
import { histogramText } from '../../native-histogram/text.ts'
import { unwrap, type Aggregate } from '../syntax/ast.ts'
import { seriesRatio } from './series-hash.ts'
import { QueryError } from './errors.ts'
import { checkEnd, Collector, type Evaluation } from './evaluation.ts'
import type { Grid } from './grid.ts'
import { createGrouping, createKey, isLabelName, withLabel } from './label-shapes.ts'
import { warnShare } from './range-aggregates.ts'
import { absent, createRow, float, histogram, isEmpty, type RowSink, type Table } from './rows.ts'
import { quantileOf } from './sums.ts'

/** Aggregations that have to see all elements of a group at once. */
export type ChosenOp = 'topk' | 'bottomk' | 'limitk' | 'limit_ratio' | 'quantile' | 'count_values'

/** The rows of such an aggregation. */
export function streamChosen(
  evaluation: Evaluation,
  aggregate: Aggregate,
  op: ChosenOp,
  grid: Grid,
  sink: RowSink,
): void {
  const { param } = aggregate
  if (param === undefined) return
  const collector = new Collector(evaluation, grid)
  if (op === 'count_values') {
    const text = unwrap(param)
    const name = text.kind === 'string' ? text.value : ''
    if (!isLabelName(name)) throw new QueryError(`invalid label name ${quote(name)}`)
    evaluation.recur.vector(evaluation, aggregate.expr, grid, collector.push)
    countValues(evaluation, { aggregate, table: collector.table, grid, name }, sink)
  } else {
    const params = evaluation.recur.scalar(evaluation, param, grid)
    checkParams(op, params)
    evaluation.recur.vector(evaluation, aggregate.expr, grid, collector.push)
    const chosen: Chosen = { evaluation, aggregate, op, table: collector.table, params, grid }
    if (op === 'quantile') streamQuantile(chosen, sink)
    else streamSome(chosen, sink)
  }
  collector.release()
}

interface Chosen {
  readonly evaluation: Evaluation
  readonly aggregate: Aggregate
  readonly op: Exclude<ChosenOp, 'count_values'>
  readonly table: Table
  readonly params: Float64Array
  readonly grid: Grid
}

function checkParams(op: Chosen['op'], params: Float64Array): void {
  if (op === 'quantile') return
  for (const param of params) {
    if (param !== param) {
      throw new QueryError(op === 'limit_ratio' ? 'Ratio value is NaN' : 'Parameter value is NaN')
    }
    if (op === 'limit_ratio') continue
    if (param >= 2 ** 63)
      throw new QueryError(`Scalar value ${formatGeneral(param)} overflows int64`)
    if (param <= -(2 ** 63)) {
      throw new QueryError(`Scalar value ${formatGeneral(param)} underflows int64`)
    }
  }
}

/** The rows of each group, by the order of their first ones. */
function groupRows({ aggregate, table }: Pick<Chosen, 'aggregate' | 'table'>): readonly number[][] {
  const key = createKey(aggregate.grouping, aggregate.isWithout)
  const groups = new Map<string, number[]>()
  for (let index = 0; index < table.length; index++) {
    const text = key(table.labels[index]!)
    const known = groups.get(text)
    if (known === undefined) groups.set(text, [index])
    else known.push(index)
  }
  return [...groups.values()]
}

function streamQuantile(chosen: Chosen, sink: RowSink): void {
  const { evaluation, aggregate, table, params, grid } = chosen
  for (const share of params) {
    warnShare(share, evaluation.notes, aggregate.param?.range ?? aggregate.range)
  }
  const grouping = createGrouping(aggregate.grouping, aggregate.isWithout)
  const row = createRow(grid.count)
  for (const rows of groupRows(chosen)) {
    checkEnd(evaluation)
    const numbers = new Float64Array(rows.length)
    row.labels = grouping(table.labels[rows[0]!]!)
    row.dropsName = rows.some((index) => table.dropsName[index])
    for (let step = 0; step < grid.count; step++) {
      let count = 0
      for (const index of rows) {
        const cell = index * grid.count + step
        const kind = table.kinds[cell]!
        if (kind === float) numbers[count++] = table.values[cell]!
        else if (kind === histogram) informIgnored(chosen, aggregate.expr.range)
      }
      row.kinds[step] = count === 0 ? absent : float
      if (count > 0) row.values[step] = quantileOf(numbers.subarray(0, count), params[step]!)
    }
    if (!isEmpty(row)) sink(row)
  }
}

/** Elements of the vector itself: those that are chosen at a time are there at that time. */
function streamSome(chosen: Chosen, sink: RowSink): void {
  const { evaluation, table, grid } = chosen
  const kept = new Uint8Array(table.length * grid.count)
  const order: number[] = []
  for (const rows of groupRows(chosen)) {
    for (let step = 0; step < grid.count; step++) {
      checkEnd(evaluation)
      const some = chooseAt(chosen, rows, step)
      for (const index of some) kept[index * grid.count + step] = 1
      if (grid.count === 1) order.push(...some)
    }
    if (grid.count > 1) order.push(...rows)
  }
  const row = createRow(grid.count)
  for (const index of order) {
    table.load(index, row)
    for (let step = 0; step < grid.count; step++) {
      if (kept[index * grid.count + step] === 0) row.kinds[step] = absent
    }
    if (!isEmpty(row)) sink(row)
  }
}

function chooseAt(chosen: Chosen, rows: readonly number[], step: number): readonly number[] {
  const { op, table, params, grid } = chosen
  const param = params[step]!
  const isThere = (index: number) => table.kinds[index * grid.count + step] !== absent
  if (op === 'limit_ratio') return chooseRatio(chosen, rows.filter(isThere), param)
  const count = Math.trunc(Math.min(param, rows.length))
  if (count < 1) return []
  if (op === 'limitk') return firstOf(rows, count, isThere)
  const floats = rows.filter((index) => {
    const kind = table.kinds[index * grid.count + step]
    if (kind === histogram) informIgnored(chosen, chosen.aggregate.range)
    return kind === float
  })
  const at = (index: number) => table.values[index * grid.count + step]!
  return chooseExtreme(floats, count, at, op === 'topk' ? -1 : 1)
}

function firstOf(
  rows: readonly number[],
  count: number,
  isThere: (index: number) => boolean,
): readonly number[] {
  const some: number[] = []
  for (const index of rows) {
    if (some.length === count) break
    if (isThere(index)) some.push(index)
  }
  return some
}

function chooseRatio(chosen: Chosen, rows: readonly number[], param: number): readonly number[] {
  const ratio = Math.max(-1, Math.min(1, param))
  if (ratio !== param) {
    const told = `got ${formatGeneral(param)}, capping to ${formatGeneral(ratio)}`
    const place = chosen.aggregate.param?.range ?? chosen.aggregate.range
    chosen.evaluation.notes.warn(`ratio value should be between -1 and 1, ${told}`, place)
  }
  if (ratio === 0) return []
  return rows.filter((index) => {
    const share = seriesRatio(chosen.table.labels[index]!)
    return ratio > 0 ? share < ratio : share >= 1 + ratio
  })
}

/** The first `count` by value, in order; NaN comes last, of equal ones those that came first. `sign` -1: the largest. */
function chooseExtreme(
  rows: readonly number[],
  count: number,
  at: (index: number) => number,
  sign: 1 | -1,
): readonly number[] {
  const isBefore = (one: number, other: number) => {
    const [left, right] = [at(one), at(other)]
    if (left !== left || right !== right) return right !== right && left === left
    return sign * (left - right) < 0
  }
  const compare = (one: number, other: number) =>
    isBefore(one, other) ? -1 : isBefore(other, one) ? 1 : 0
  if (rows.length <= count) return rows.toSorted(compare)
  // Few of many: what is not better than the worst so far is not looked at again.
  const some: number[] = []
  let worst: number | undefined
  for (const index of rows) {
    if (worst !== undefined && some.length >= count && !isBefore(index, worst)) continue
    some.push(index)
    if (some.length >= 2 * count + 64) {
      some.sort(compare)
      some.length = count
    }
    if (some.length === count) worst = some.toSorted(compare)[count - 1]
  }
  return some.toSorted(compare).slice(0, count)
}

function informIgnored({ evaluation, op }: Chosen, place: Aggregate['range']): void {
  evaluation.notes.inform(`ignored histogram in ${op} aggregation`, place)
}

interface Counting {
  readonly aggregate: Aggregate
  readonly table: Table
  readonly grid: Grid
  readonly name: string
}

/** How often each value is there, with the value as a label. */
function countValues(
  evaluation: Evaluation,
  { aggregate, table, grid, name }: Counting,
  sink: RowSink,
): void {
  const labels = aggregate.isWithout ? aggregate.grouping : [...aggregate.grouping, name]
  const grouping = createGrouping(labels, aggregate.isWithout)
  const counts = new Map<string, ReturnType<typeof createRow>>()
  for (let index = 0; index < table.length; index++) {
    checkEnd(evaluation)
    for (let step = 0; step < grid.count; step++) {
      const cell = index * grid.count + step
      if (table.kinds[cell] === absent) continue
      const value = table.histogramAt(index, step)
      const text = value === undefined ? formatFixed(table.values[cell]!) : histogramText(value)
      const grouped = grouping(withLabel(table.labels[index]!, name, text))
      let row = counts.get(grouped.signature)
      if (row === undefined) {
        row = createRow(grid.count)
        row.labels = grouped
        counts.set(grouped.signature, row)
      }
      row.kinds[step] = float
      row.values[step]!++
    }
  }
  for (const row of counts.values()) sink(row)
}
