import type { FloatHistogram } from '../../native-histogram/float-histogram.ts'
import { nativeVariance } from '../../native-histogram/quantile.ts'
import type { Call } from '../syntax/ast.ts'
import type { FunctionName } from '../syntax/functions.ts'
import type { Evaluation } from './evaluation.ts'
import type { Grid } from './grid.ts'
import { createNameDropSink } from './name-drop.ts'
import { absent, createRow, float, histogram, isEmpty, type RowSink } from './rows.ts'

type FloatMap = (value: number) => number
/** With the scalar arguments at the same time. */
type ScalarMap = (value: number, first: number, second: number) => number
type HistogramMap = (value: FloatHistogram) => number

const floatMaps: ReadonlyMap<FunctionName, FloatMap> = new Map<FunctionName, FloatMap>([
  ['abs', Math.abs],
  ['acos', Math.acos],
  ['acosh', Math.acosh],
  ['asin', Math.asin],
  ['asinh', Math.asinh],
  ['atan', Math.atan],
  ['atanh', Math.atanh],
  ['ceil', Math.ceil],
  ['cos', Math.cos],
  ['cosh', Math.cosh],
  ['deg', (value) => (value * 180) / Math.PI],
  ['exp', Math.exp],
  ['floor', Math.floor],
  ['ln', Math.log],
  ['log10', Math.log10],
  ['log2', Math.log2],
  ['rad', (value) => (value * Math.PI) / 180],
  ['sgn', (value) => (value < 0 ? -1 : value > 0 ? 1 : value)],
  ['sin', Math.sin],
  ['sinh', Math.sinh],
  ['sqrt', Math.sqrt],
  ['tan', Math.tan],
  ['tanh', Math.tanh],
])

const dateMaps: ReadonlyMap<FunctionName, (date: Date) => number> = new Map<
  FunctionName,
  (date: Date) => number
>([
  ['day_of_month', (date) => date.getUTCDate()],
  ['day_of_week', (date) => date.getUTCDay()],
  ['day_of_year', dayOfYear],
  [
    'days_in_month',
    (date) => new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate(),
  ],
  ['hour', (date) => date.getUTCHours()],
  ['minute', (date) => date.getUTCMinutes()],
  ['month', (date) => date.getUTCMonth() + 1],
  ['year', (date) => date.getUTCFullYear()],
])

const scalarMaps: ReadonlyMap<FunctionName, ScalarMap> = new Map<FunctionName, ScalarMap>([
  ['clamp', (value, min, max) => larger(min, smaller(max, value))],
  ['clamp_max', (value, max) => smaller(max, value)],
  ['clamp_min', (value, min) => larger(min, value)],
  // By the inverse, which loses less.
  ['round', (value, nearest) => Math.floor(value * (1 / nearest) + 0.5) / (1 / nearest)],
])

const histogramMaps: ReadonlyMap<FunctionName, HistogramMap> = new Map<FunctionName, HistogramMap>([
  ['histogram_avg', ({ sum, count }) => sum / count],
  ['histogram_count', ({ count }) => count],
  ['histogram_stddev', (value) => Math.sqrt(nativeVariance(value))],
  ['histogram_stdvar', nativeVariance],
  ['histogram_sum', ({ sum }) => sum],
])

/** The rows of a function of single samples, if the call is one. */
export function streamMapCall(
  evaluation: Evaluation,
  call: Call,
  grid: Grid,
  sink: RowSink,
): boolean {
  const floatMap = floatMaps.get(call.func)
  if (floatMap !== undefined) return mapFloats(evaluation, call, { grid, map: floatMap }, sink)
  const dateMap = dateMaps.get(call.func)
  if (dateMap !== undefined) {
    const map = (seconds: number) => dateMap(new Date(Math.trunc(seconds) * 1_000))
    if (call.args.length > 0) return mapFloats(evaluation, call, { grid, map }, sink)
    return mapTimes(grid, map, sink)
  }
  const scalarMap = scalarMaps.get(call.func)
  if (scalarMap !== undefined)
    return mapWithScalars(evaluation, call, { grid, map: scalarMap }, sink)
  const histogramMap = histogramMaps.get(call.func)
  if (histogramMap === undefined) return false
  return mapHistograms(evaluation, call, { grid, map: histogramMap }, sink)
}

interface Mapping<T> {
  readonly grid: Grid
  readonly map: T
}

function mapFloats(
  evaluation: Evaluation,
  call: Call,
  { grid, map }: Mapping<FloatMap>,
  sink: RowSink,
): true {
  const [arg] = call.args
  if (arg === undefined) return true
  const drop = createNameDropSink(evaluation, arg, grid, sink)
  evaluation.recur.vector(evaluation, arg, grid, (row) => {
    const { values, kinds } = row
    for (let step = 0; step < kinds.length; step++) {
      if (kinds[step] === float) values[step] = map(values[step]!)
      else kinds[step] = absent
    }
    row.histograms = undefined
    if (!isEmpty(row)) drop.push(row)
  })
  drop.flush()
  return true
}

function mapTimes(grid: Grid, map: FloatMap, sink: RowSink): true {
  const row = createRow(grid.count)
  for (let step = 0; step < grid.count; step++) {
    row.kinds[step] = float
    row.values[step] = map(Math.trunc((grid.startMs + step * grid.stepMs) / 1_000))
  }
  sink(row)
  return true
}

function mapWithScalars(
  evaluation: Evaluation,
  call: Call,
  { grid, map }: Mapping<ScalarMap>,
  sink: RowSink,
): true {
  const [arg, ...rest] = call.args
  if (arg === undefined) return true
  const ones = new Float64Array(grid.count).fill(1)
  const scalars = rest.map((each) => evaluation.recur.scalar(evaluation, each, grid))
  const [first = ones, second = ones] = scalars
  const isClamp = call.func === 'clamp'
  const drop = createNameDropSink(evaluation, arg, grid, sink)
  evaluation.recur.vector(evaluation, arg, grid, (row) => {
    const { values, kinds } = row
    for (let step = 0; step < kinds.length; step++) {
      const isAnswered = kinds[step] === float && !(isClamp && second[step]! < first[step]!)
      if (isAnswered) values[step] = map(values[step]!, first[step]!, second[step]!)
      else kinds[step] = absent
    }
    row.histograms = undefined
    if (!isEmpty(row)) drop.push(row)
  })
  drop.flush()
  return true
}

function mapHistograms(
  evaluation: Evaluation,
  call: Call,
  { grid, map }: Mapping<HistogramMap>,
  sink: RowSink,
): true {
  const [arg] = call.args
  if (arg === undefined) return true
  const drop = createNameDropSink(evaluation, arg, grid, sink)
  evaluation.recur.vector(evaluation, arg, grid, (row) => {
    const { values, kinds, histograms } = row
    for (let step = 0; step < kinds.length; step++) {
      const value = kinds[step] === histogram ? histograms?.[step] : undefined
      kinds[step] = value === undefined ? absent : float
      if (value !== undefined) values[step] = map(value)
    }
    row.histograms = undefined
    if (!isEmpty(row)) drop.push(row)
  })
  drop.flush()
  return true
}

/** As Go: an infinity wins over NaN. */
function larger(one: number, other: number): number {
  return one === Infinity || other === Infinity ? Infinity : Math.max(one, other)
}

function smaller(one: number, other: number): number {
  return one === -Infinity || other === -Infinity ? -Infinity : Math.min(one, other)
}

function dayOfYear(date: Date): number {
  const start = Date.UTC(date.getUTCFullYear(), 0, 1)
  return Math.floor((date.getTime() - start) / 86_400_000) + 1
}
