import { quote } from '../../go-text/go-text.ts'
import type { Labels } from '../../labels/labels.ts'
import type { FloatHistogram } from '../../native-histogram/float-histogram.ts'
import { nativeFraction, nativeQuantile } from '../../native-histogram/quantile.ts'
import type { Call, Expr } from '../syntax/ast.ts'
import type { TextRange } from '../syntax/parse-error.ts'
import { bucketFraction, bucketQuantile, type ClassicBuckets } from './classic-buckets.ts'
import { QueryError } from './errors.ts'
import { checkEnd, Collector, type Evaluation } from './evaluation.ts'
import type { Grid } from './grid.ts'
import { createReader, isLabelName, withLabel } from './label-shapes.ts'
import { createNameDropSink } from './name-drop.ts'
import { forMetric } from './notes.ts'
import {
  absent,
  createRow,
  float,
  histogram,
  isEmpty,
  type Row,
  type RowSink,
  type Table,
} from './rows.ts'
import { warnShare } from './range-aggregates.ts'

/** What is asked of each histogram at a time. */
interface Question {
  readonly classic: (buckets: ClassicBuckets, step: number, metric: string) => number
  readonly native: (value: FloatHistogram, step: number, metric: string) => number
}

interface Ask {
  readonly arg: Expr
  readonly grid: Grid
  readonly place: TextRange
}

/** The rows of `histogram_quantile`, `histogram_quantiles` and `histogram_fraction`. */
export function streamHistogramCall(
  evaluation: Evaluation,
  call: Call,
  grid: Grid,
  sink: RowSink,
): void {
  const { args, func } = call
  const arg = func === 'histogram_quantiles' ? args[0] : args.at(-1)
  if (arg === undefined) return
  const ask: Ask = { arg, grid, place: arg.range }
  const scalar = (expr: Expr) => evaluation.recur.scalar(evaluation, expr, grid)
  if (func === 'histogram_fraction') {
    const [lower, upper] = args
    if (lower === undefined || upper === undefined) return
    const question = fractionQuestion(evaluation, ask, scalar(lower), scalar(upper))
    streamAnswers(evaluation, ask, [question], (row) => sink(row))
    return
  }
  if (func === 'histogram_quantile') {
    const [share] = args
    if (share === undefined) return
    const shares = scalar(share)
    for (const each of shares) warnShare(each, evaluation.notes, share.range)
    streamAnswers(evaluation, ask, [quantileQuestion(evaluation, ask, shares)], (row) => sink(row))
    return
  }
  streamQuantiles(evaluation, call, ask, sink)
}

/** Several quantiles, each with its share as a label. */
function streamQuantiles(evaluation: Evaluation, { args }: Call, ask: Ask, sink: RowSink): void {
  const [, name, ...shares] = args
  const label = name?.kind === 'string' ? name.value : ''
  if (!isLabelName(label)) throw new QueryError(`invalid label name ${quote(label)}`)
  const values = shares.map((share) => evaluation.recur.scalar(evaluation, share, ask.grid))
  for (const [nth, each] of values.entries()) {
    const place = shares[nth]?.range ?? ask.place
    for (const share of each) warnShare(share, evaluation.notes, place)
  }
  const questions = values.map((each) => quantileQuestion(evaluation, ask, each))
  const texts = values.map((each) => shareLabel(each[0] ?? NaN))
  streamAnswers(evaluation, ask, questions, (row, nth) => {
    row.labels = withLabel(row.labels, label, texts[nth] ?? '')
    sink(row)
  })
}

/** As OpenMetrics writes a number in a label: with a point. */
function shareLabel(share: number): string {
  if (!Number.isFinite(share)) return Number.isNaN(share) ? 'NaN' : share > 0 ? '+Inf' : '-Inf'
  const text = String(share)
  return /[.e]/.test(text) ? text : `${text}.0`
}

function quantileQuestion(
  { notes }: Evaluation,
  { place, grid }: Ask,
  shares: Float64Array,
): Question {
  return {
    classic: (buckets, step, metric) => {
      const { value, repair } = bucketQuantile(buckets, shares[step]!)
      if (repair !== undefined) {
        notes.informOfRise(metric, place, { ...repair, timeMs: grid.startMs + step * grid.stepMs })
      }
      return value
    },
    native: (value, step, metric) => {
      const { value: quantile, spoiled } = nativeQuantile(value, shares[step]!)
      if (spoiled !== 'no') {
        const result = spoiled === 'nan' ? 'is NaN' : 'is skewed higher'
        const problem = `input to histogram_quantile has NaN observations, result ${result}`
        notes.inform(problem + forMetric(metric), place)
      }
      return quantile
    },
  }
}

function fractionQuestion(
  { notes }: Evaluation,
  { place }: Ask,
  lower: Float64Array,
  upper: Float64Array,
): Question {
  return {
    classic: (buckets, step) => bucketFraction(buckets, lower[step]!, upper[step]!),
    native: (value, step, metric) => {
      const { value: fraction, hasNan } = nativeFraction(value, lower[step]!, upper[step]!)
      if (hasNan) {
        const problem =
          'input to histogram_fraction has NaN observations, which are excluded from all fractions'
        notes.inform(problem + forMetric(metric), place)
      }
      return fraction
    },
  }
}

/** The rows that make up a classic histogram, by rising bounds; or the one row of a native one. */
interface Group {
  readonly labels: Labels
  readonly dropsName: boolean
  readonly buckets: { readonly bound: number; readonly index: number }[]
  readonly natives: number[]
}

function streamAnswers(
  evaluation: Evaluation,
  ask: Ask,
  questions: readonly Question[],
  sink: (row: Row, nth: number) => void,
): void {
  const { arg, grid } = ask
  const collector = new Collector(evaluation, grid)
  evaluation.recur.vector(evaluation, arg, grid, collector.push)
  const { table } = collector
  const groups = groupBuckets(evaluation, table, ask)
  for (const [nth, question] of questions.entries()) {
    const drop = createNameDropSink(evaluation, arg, grid, (row) => sink(row, nth))
    const row = createRow(grid.count)
    for (const group of groups) {
      checkEnd(evaluation)
      answerGroup(evaluation, { table, ask, question }, group, row)
      if (!isEmpty(row)) drop.push(row)
    }
    drop.flush()
  }
  collector.release()
}

function groupBuckets(evaluation: Evaluation, table: Table, { place }: Ask): readonly Group[] {
  const groups = new Map<string, Group>()
  const readBound = createReader('le')
  for (let index = 0; index < table.length; index++) {
    const labels = table.labels[index]!
    const text = readBound(labels)
    const { kinds } = table.row(index)
    if (kinds.includes(histogram)) {
      groupOf(groups, labels, table.dropsName[index] ?? false).natives.push(index)
    }
    if (!kinds.includes(float)) continue
    const bound = parseBound(text)
    if (bound === undefined) {
      const problem = `bucket label "le" is missing or has a malformed value of ${quote(text)}`
      evaluation.notes.warn(problem + forMetric(labels.get('__name__')), place)
      continue
    }
    const group = groupOf(groups, withLabel(labels, 'le', ''), table.dropsName[index] ?? false)
    group.buckets.push({ bound, index })
  }
  for (const { buckets } of groups.values()) buckets.sort((one, other) => one.bound - other.bound)
  return [...groups.values()]
}

function groupOf(groups: Map<string, Group>, labels: Labels, dropsName: boolean): Group {
  const key = labels.signature
  const known = groups.get(key)
  if (known !== undefined) return known
  const group: Group = { labels, dropsName, buckets: [], natives: [] }
  groups.set(key, group)
  return group
}

/** A bound as Go reads a float. Bounds of infinity are equal, so their difference is NaN: sorting keeps their order then. */
function parseBound(text: string): number | undefined {
  if (/^\+?inf(?:inity)?$/i.test(text)) return Infinity
  if (/^-inf(?:inity)?$/i.test(text)) return -Infinity
  const value = Number(text)
  return text.trim() !== text || text === '' || Number.isNaN(value) ? undefined : value
}

interface Answering {
  readonly table: Table
  readonly ask: Ask
  readonly question: Question
}

function answerGroup(
  evaluation: Evaluation,
  { table, ask, question }: Answering,
  group: Group,
  row: Row,
): void {
  const { count } = table
  const name = group.labels.get('__name__')
  // Where names go at once it is gone already.
  const metric = evaluation.options.delayedNameRemoval ? name : ''
  const buckets: ClassicBuckets = {
    bounds: new Float64Array(group.buckets.length),
    counts: new Float64Array(group.buckets.length),
    length: 0,
  }
  for (let step = 0; step < count; step++) {
    buckets.length = 0
    for (const { bound, index } of group.buckets) {
      if (table.kinds[index * count + step] !== float) continue
      buckets.bounds[buckets.length] = bound
      buckets.counts[buckets.length++] = table.values[index * count + step]!
    }
    const native = group.natives.find((index) => table.kinds[index * count + step] === histogram)
    const value = native === undefined ? undefined : table.histogramAt(native, step)
    row.kinds[step] = absent
    if (value !== undefined && buckets.length > 0) {
      const problem = 'vector contains a mix of classic and native histograms'
      evaluation.notes.warn(problem + forMetric(name), ask.place)
      continue
    }
    if (value === undefined && buckets.length === 0) continue
    row.kinds[step] = float
    row.values[step] =
      value === undefined
        ? question.classic(buckets, step, metric)
        : question.native(value, step, metric)
  }
  row.labels = group.labels
  row.dropsName = group.dropsName
  row.histograms = undefined
}
