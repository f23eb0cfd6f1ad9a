import { quote } from '../../go-text/go-text.ts'
import type { Labels } from '../../labels/labels.ts'
import type { FloatHistogram } from '../../native-histogram/float-histogram.ts'
import type { Aggregate } from '../syntax/ast.ts'
import { holdSamples, releaseSamples, type Evaluation } from './evaluation.ts'
import type { Grid } from './grid.ts'
import { HistogramMean, HistogramSum } from './histogram-sums.ts'
import { createGrouping, createKey } from './label-shapes.ts'
import {
  absent,
  createRow,
  float,
  histogram,
  setHistogram,
  type Row,
  type RowSink,
} from './rows.ts'

/** Aggregations whose groups need no more than a few numbers a time. */
export type StreamedOp = 'sum' | 'avg' | 'min' | 'max' | 'count' | 'group' | 'stddev' | 'stdvar'

/** The state of all groups at all times: what it means depends on the operation. */
interface Groups {
  readonly stepCount: number
  readonly labels: Labels[]
  readonly dropsName: boolean[]
  values: Float64Array
  /** What was lost by rounding; for deviations the mean. */
  rests: Float64Array
  counts: Float64Array
  /** For each cell: whether it has numbers, has histograms, cannot be calculated, is a mean step by step. */
  flags: Uint8Array
  readonly histograms: Map<number, HistogramSum | HistogramMean>
}

const hasFloat = 1
const hasHistogram = 2
const isBroken = 4
const isStepped = 8

/** The rows of an aggregation. Rows of the vector are taken in one by one, none is kept. */
export function streamAggregate(
  evaluation: Evaluation,
  aggregate: Aggregate,
  op: StreamedOp,
  grid: Grid,
  sink: RowSink,
): void {
  const groups = createGroups(grid.count)
  const key = createKey(aggregate.grouping, aggregate.isWithout)
  const grouping = createGrouping(aggregate.grouping, aggregate.isWithout)
  const indices = new Map<string, number>()
  const add = adderOf(op)
  const context: Adding = { evaluation, aggregate, groups, op }
  evaluation.recur.vector(evaluation, aggregate.expr, grid, (row) => {
    const text = key(row.labels)
    let index = indices.get(text)
    if (index === undefined) {
      index = groups.labels.length
      indices.set(text, index)
      addGroup(evaluation, groups, grouping(row.labels))
    }
    if (row.dropsName) groups.dropsName[index] = true
    add(context, row, index * grid.count)
  })
  emitGroups(context, sink)
  releaseSamples(evaluation, groups.labels.length * grid.count)
}

function createGroups(stepCount: number): Groups {
  const length = 4 * stepCount
  return {
    stepCount,
    labels: [],
    dropsName: [],
    values: new Float64Array(length),
    rests: new Float64Array(length),
    counts: new Float64Array(length),
    flags: new Uint8Array(length),
    histograms: new Map(),
  }
}

function addGroup(evaluation: Evaluation, groups: Groups, labels: Labels): void {
  const length = (groups.labels.length + 1) * groups.stepCount
  holdSamples(evaluation, groups.stepCount)
  groups.labels.push(labels)
  groups.dropsName.push(false)
  if (length <= groups.values.length) return
  groups.values = grow(groups.values)
  groups.rests = grow(groups.rests)
  groups.counts = grow(groups.counts)
  const flags = new Uint8Array(groups.flags.length * 2)
  flags.set(groups.flags)
  groups.flags = flags
}

function grow(array: Float64Array): Float64Array {
  const larger = new Float64Array(array.length * 2)
  larger.set(array)
  return larger
}

interface Adding {
  readonly evaluation: Evaluation
  readonly aggregate: Aggregate
  readonly groups: Groups
  readonly op: StreamedOp
}

type Adder = (adding: Adding, row: Row, at: number) => void

function adderOf(op: StreamedOp): Adder {
  switch (op) {
    case 'sum':
      return addSum
    case 'avg':
      return addMean
    case 'min':
      return (adding, row, at) => addExtreme(adding, row, at, true)
    case 'max':
      return (adding, row, at) => addExtreme(adding, row, at, false)
    case 'count':
    case 'group':
      return addCount
    case 'stddev':
    case 'stdvar':
      return addDeviation
  }
}

function addSum(adding: Adding, row: Row, at: number): void {
  const { values: sums, rests, flags } = adding.groups
  const { values, kinds } = row
  for (let step = 0; step < kinds.length; step++) {
    const kind = kinds[step]!
    if (kind === absent) continue
    const cell = at + step
    if (kind === histogram) {
      addHistogram(adding, row, step, cell)
      continue
    }
    flags[cell]! |= hasFloat
    const value = values[step]!
    const sum = sums[cell]!
    const next = sum + value
    if (next === Infinity || next === -Infinity) rests[cell] = 0
    else if (Math.abs(sum) >= Math.abs(value)) rests[cell]! += sum - next + value
    else rests[cell]! += value - next + sum
    sums[cell] = next
  }
}

function addMean(adding: Adding, row: Row, at: number): void {
  const { values: sums, rests, flags, counts } = adding.groups
  const { values, kinds } = row
  for (let step = 0; step < kinds.length; step++) {
    const kind = kinds[step]!
    if (kind === absent) continue
    const cell = at + step
    if (kind === histogram) {
      addHistogram(adding, row, step, cell)
      continue
    }
    const value = values[step]!
    const isFirst = (flags[cell]! & hasFloat) === 0
    flags[cell]! |= hasFloat
    const count = ++counts[cell]!
    if (isFirst) {
      sums[cell] = value
      continue
    }
    if ((flags[cell]! & isStepped) === 0) {
      const sum = sums[cell]!
      const next = sum + value
      if (next !== Infinity && next !== -Infinity) {
        if (Math.abs(sum) >= Math.abs(value)) rests[cell]! += sum - next + value
        else rests[cell]! += value - next + sum
        sums[cell] = next
        continue
      }
      // The sum is too large for a number: from here on the mean goes step by step.
      flags[cell]! |= isStepped
      sums[cell] = sum / (count - 1)
      rests[cell]! /= count - 1
    }
    addStepped(adding.groups, cell, value)
  }
}

function addStepped({ values: means, rests, counts }: Groups, cell: number, value: number): void {
  const count = counts[cell]!
  const share = (count - 1) / count
  const mean = means[cell]! * share
  const part = value / count
  const next = mean + part
  let rest = rests[cell]! * share
  if (next === Infinity || next === -Infinity) rest = 0
  else if (Math.abs(mean) >= Math.abs(part)) rest += mean - next + part
  else rest += part - next + mean
  means[cell] = next
  rests[cell] = rest
}

function addExtreme(adding: Adding, row: Row, at: number, isMin: boolean): void {
  const { values: bests, flags } = adding.groups
  const { values, kinds } = row
  for (let step = 0; step < kinds.length; step++) {
    const kind = kinds[step]!
    if (kind === absent) continue
    if (kind === histogram) {
      informIgnored(adding)
      continue
    }
    const cell = at + step
    const value = values[step]!
    const best = bests[cell]!
    const isFirst = flags[cell] === 0
    flags[cell] = hasFloat
    if (isFirst || best !== best || (isMin ? value < best : value > best)) bests[cell] = value
  }
}

function addCount({ groups: { counts, flags } }: Adding, { kinds }: Row, at: number): void {
  for (let step = 0; step < kinds.length; step++) {
    if (kinds[step] === absent) continue
    flags[at + step] = hasFloat
    counts[at + step]!++
  }
}

/** Welford's way: the mean and the sum of squared distances from it. */
function addDeviation(adding: Adding, row: Row, at: number): void {
  const { values: squares, rests: means, counts, flags } = adding.groups
  const { values, kinds } = row
  for (let step = 0; step < kinds.length; step++) {
    const kind = kinds[step]!
    if (kind === absent) continue
    if (kind === histogram) {
      informIgnored(adding)
      continue
    }
    const cell = at + step
    const value = values[step]!
    const isFirst = flags[cell] === 0
    flags[cell] = hasFloat
    const count = ++counts[cell]!
    if (isFirst) {
      means[cell] = value
      squares[cell] = Number.isFinite(value) ? 0 : NaN
      continue
    }
    const distance = value - means[cell]!
    means[cell]! += distance / count
    squares[cell]! += distance * (value - means[cell]!)
  }
}

function addHistogram(adding: Adding, row: Row, step: number, cell: number): void {
  const { groups, aggregate, evaluation, op } = adding
  const value = row.histograms?.[step]
  if (value === undefined || (groups.flags[cell]! & isBroken) !== 0) return
  groups.flags[cell]! |= hasHistogram
  let sum = groups.histograms.get(cell)
  if (sum === undefined) {
    sum = op === 'sum' ? new HistogramSum() : new HistogramMean()
    groups.histograms.set(cell, sum)
  }
  if (sum.add(value)) return
  groups.flags[cell]! |= isBroken
  const problem = 'vector contains a mix of histograms with exponential and custom buckets schemas'
  const name = quote(row.labels.get('__name__'))
  evaluation.notes.warn(`${problem} for metric name ${name}`, aggregate.expr.range)
}

function informIgnored({ evaluation, aggregate, op }: Adding): void {
  evaluation.notes.inform(`ignored histogram in ${op} aggregation`, aggregate.expr.range)
}

function emitGroups(adding: Adding, sink: RowSink): void {
  const { groups } = adding
  const row = createRow(groups.stepCount)
  for (const [index, labels] of groups.labels.entries()) {
    row.labels = labels
    row.dropsName = groups.dropsName[index] ?? false
    row.histograms = undefined
    let isAny = false
    for (let step = 0; step < groups.stepCount; step++) {
      const kind = emitCell(adding, row, step, index * groups.stepCount + step)
      row.kinds[step] = kind
      if (kind !== absent) isAny = true
    }
    if (isAny) sink(row)
  }
}

function emitCell(adding: Adding, row: Row, step: number, cell: number): number {
  const { groups, evaluation, aggregate } = adding
  const flags = groups.flags[cell]!
  if ((flags & hasHistogram) !== 0) {
    if ((flags & hasFloat) !== 0) {
      const problem = 'encountered a mix of histograms and floats for aggregation'
      evaluation.notes.warn(problem, aggregate.expr.range)
      return absent
    }
    const value = (flags & isBroken) === 0 ? resultOf(adding, cell) : undefined
    if (value === undefined) return absent
    setHistogram(row, step, value)
    return histogram
  }
  if (flags === 0) return absent
  row.values[step] = valueOf(adding, cell)
  return float
}

function resultOf(
  { groups, evaluation, aggregate }: Adding,
  cell: number,
): FloatHistogram | undefined {
  const sum = groups.histograms.get(cell)
  sum?.report(evaluation.notes, aggregate.expr.range)
  return sum?.result()
}

function valueOf({ groups, op }: Adding, cell: number): number {
  const { values, rests, counts, flags } = groups
  switch (op) {
    case 'sum':
      return values[cell]! + rests[cell]!
    case 'avg':
      return (flags[cell]! & isStepped) === 0
        ? (values[cell]! + rests[cell]!) / counts[cell]!
        : values[cell]! + rests[cell]!
    case 'min':
    case 'max':
      return values[cell]!
    case 'count':
      return counts[cell]!
    case 'group':
      return 1
    case 'stdvar':
      return values[cell]! / counts[cell]!
    case 'stddev':
      return Math.sqrt(values[cell]! / counts[cell]!)
  }
}
