import { compareLabels, noLabels, type Labels } from '../labels/labels.ts'
import type { FloatHistogram } from '../native-histogram/float-histogram.ts'
import { QueryError } from './eval/errors.ts'
import { evaluateInto, type FinishedRows } from './eval/finish.ts'
import type { Evaluation, EvaluationOptions } from './eval/evaluation.ts'
import { recursion } from './eval/evaluate.ts'
import { createGrid, type Grid } from './eval/grid.ts'
import { Notes, type Annotations } from './eval/notes.ts'
import { streamRuns, windowLooks } from './eval/range-call.ts'
import type { Run } from './eval/runs.ts'
import { planSelects, resolveDurations, type SelectPlan } from './eval/select-plan.ts'
import { TooManySamplesError, type Queryable, type Series } from './queryable.ts'
import { unwrap, type Call, type Expr, type VectorSelector } from './syntax/ast.ts'
import { documentedType, typeOf } from './syntax/check-types.ts'

/** When a query is evaluated: once, or at steps. Milliseconds. */
export type QueryTime =
  | { readonly kind: 'instant'; readonly timeMs: number }
  | {
      readonly kind: 'range'
      readonly startMs: number
      readonly endMs: number
      readonly stepMs: number
    }

/** An element of a vector. `value` means nothing where there is a histogram. */
export interface VectorSample {
  readonly labels: Labels
  readonly value: number
  readonly histogram: FloatHistogram | undefined
}

/** What a query answers. A range query answers a matrix, sorted by labels. */
export type QueryValue =
  | { readonly kind: 'scalar'; readonly timeMs: number; readonly value: number }
  | { readonly kind: 'string'; readonly timeMs: number; readonly value: string }
  | { readonly kind: 'vector'; readonly timeMs: number; readonly samples: readonly VectorSample[] }
  | { readonly kind: 'matrix'; readonly series: readonly Series[] }

/** What a query cost. */
export interface QueryStats {
  /** Samples that were looked at, once for each time at which they were (`totalQueryableSamples`). */
  readonly samplesTotal: number
  /** The most samples in memory at one time (`peakSamples`). */
  readonly samplesPeak: number
}

/** An answer with what should be known about it. */
export interface QueryOutcome {
  readonly value: QueryValue
  readonly annotations: Annotations
  readonly stats: QueryStats
}

/** A query to evaluate: its tree, and the text that its places refer to. */
export interface Query {
  readonly text: string
  readonly expr: Expr
  readonly time: QueryTime
  readonly options: EvaluationOptions
}

/**
 * Evaluates a query: everything that it selects is asked for side by side, then it is calculated without a pause, within its limits.
 * Throws QueryError, QueryTimeoutError, QueryCanceledError, TooManySamplesError, and what the store throws.
 */
export async function evaluateQuery(queryable: Queryable, query: Query): Promise<QueryOutcome> {
  const { time, options, text } = query
  checkType(query)
  const isRange = time.kind === 'range'
  const startMs = isRange ? time.startMs : time.timeMs
  const endMs = isRange ? time.endMs : time.timeMs
  const stepMs = isRange ? time.stepMs : 0
  const expr = resolveDurations(query.expr, { stepMs, rangeMs: endMs - startMs })
  const grid = createGrid(startMs, endMs, stepMs)
  if (grid.count > options.samplesMax) throw new TooManySamplesError()
  const plan = planSelects({ ...options, grid, endMs, stepMs }, expr)
  const [selected, selectedInfo] = await selectAll(queryable, plan)
  const evaluation: Evaluation = {
    grid,
    endMs,
    stepMs,
    options,
    notes: new Notes(text),
    stats: { samplesTotal: 0, samplesPeak: 0, samplesNow: 0 },
    selected,
    selectedInfo,
    recur: recursion,
    countdown: 0,
  }
  const value = isRange ? rangeValue(evaluation, expr) : instantValue(evaluation, expr, startMs)
  const { samplesTotal, samplesPeak } = evaluation.stats
  return { value, annotations: evaluation.notes.read(), stats: { samplesTotal, samplesPeak } }
}

function checkType({ expr, time }: Query): void {
  if (time.kind === 'instant') return
  const type = typeOf(expr)
  if (type === 'scalar' || type === 'vector') return
  const told = `invalid expression type "${documentedType(type)}" for range query`
  throw new QueryError(`${told}, must be Scalar or instant Vector`)
}

async function selectAll(
  queryable: Queryable,
  plan: SelectPlan,
): Promise<
  readonly [ReadonlyMap<VectorSelector, readonly Series[]>, ReadonlyMap<Call, readonly Series[]>]
> {
  const [selectors, infos] = await Promise.all([
    Promise.all(
      plan.selectors.map(
        async ([selector, query]) => [selector, await queryable.select(query)] as const,
      ),
    ),
    Promise.all(
      plan.infos.map(async ([call, query]) => [call, await queryable.select(query)] as const),
    ),
  ])
  return [new Map(selectors), new Map(infos)]
}

function rangeValue(evaluation: Evaluation, expr: Expr): QueryValue {
  const { grid } = evaluation
  if (typeOf(expr) === 'scalar') {
    const values = evaluation.recur.scalar(evaluation, expr, grid)
    return { kind: 'matrix', series: [{ labels: noLabels, timestamps: timesOf(grid), values }] }
  }
  const rows = evaluateInto(evaluation, expr, grid)
  const times = timesOf(grid)
  const series = rows.labels.map((labels, index) => seriesOf(rows, index, { labels, times }))
  return {
    kind: 'matrix',
    series: series.toSorted((one, other) => compareLabels(one.labels, other.labels)),
  }
}

function instantValue(evaluation: Evaluation, expr: Expr, timeMs: number): QueryValue {
  const { grid } = evaluation
  const type = typeOf(expr)
  switch (type) {
    case 'string': {
      const inner = unwrap(expr)
      return { kind: 'string', timeMs, value: inner.kind === 'string' ? inner.value : '' }
    }
    case 'scalar':
      return {
        kind: 'scalar',
        timeMs,
        value: evaluation.recur.scalar(evaluation, expr, grid)[0] ?? NaN,
      }
    case 'matrix':
      return { kind: 'matrix', series: rawSeries(evaluation, expr, grid) }
    case 'vector': {
      const rows = evaluateInto(evaluation, expr, grid)
      const samples = rows.labels.map((labels, index) => ({
        labels,
        value: rows.values[index] ?? NaN,
        histogram: rows.histogramAt(index, 0),
      }))
      return { kind: 'vector', timeMs, samples }
    }
  }
}

function timesOf({ startMs, stepMs, count }: Grid): Float64Array {
  return new Float64Array(count).map((_, step) => startMs + step * stepMs)
}

interface Named {
  readonly labels: Labels
  readonly times: Float64Array
}

/** The samples of a row. Where there is one at every time, the times are those of all rows. */
function seriesOf(rows: FinishedRows, index: number, { labels, times }: Named): Series {
  const { count } = rows
  const at = index * count
  const steps: number[] = []
  let hasHistogram = false
  for (let step = 0; step < count; step++) {
    const kind = rows.kinds[at + step]
    if (kind !== 0) steps.push(step)
    if (kind === 2) hasHistogram = true
  }
  if (steps.length === count && !hasHistogram) {
    return { labels, timestamps: times, values: rows.values.slice(at, at + count) }
  }
  const histograms = steps.map((step) => rows.histogramAt(index, step))
  return {
    labels,
    timestamps: Float64Array.from(steps, (step) => times[step] ?? 0),
    values: Float64Array.from(steps, (step) => rows.values[at + step] ?? 0),
    ...(hasHistogram ? { histograms } : {}),
  }
}

/** A range selector on its own answers its samples. */
function rawSeries(evaluation: Evaluation, expr: Expr, grid: Grid): readonly Series[] {
  const source = unwrap(expr)
  if (source.kind !== 'matrix' && source.kind !== 'subquery')
    throw new QueryError('no range vector')
  const { endMs, rangeMs } = windowLooks(evaluation, source, grid)
  const series: Series[] = []
  let total = 0
  streamRuns(evaluation, source, grid, (labels, _dropsName, run) => {
    const one = cut(labels, run, { afterMs: endMs - rangeMs, untilMs: endMs })
    total += one.timestamps.length
    if (total > evaluation.options.samplesMax) throw new TooManySamplesError()
    if (one.timestamps.length > 0) series.push(one)
  })
  evaluation.stats.samplesTotal += total
  evaluation.stats.samplesPeak = Math.max(evaluation.stats.samplesPeak, total)
  return series.toSorted((one, other) => compareLabels(one.labels, other.labels))
}

function cut(
  labels: Labels,
  run: Run,
  { afterMs, untilMs }: { readonly afterMs: number; readonly untilMs: number },
): Series {
  const isWithin = (time: number) => time > afterMs && time <= untilMs
  const samples: { time: number; value: number; histogram: FloatHistogram | undefined }[] = []
  for (const [index, time] of run.times.entries()) {
    if (isWithin(time))
      samples.push({ time, value: run.values[index] ?? NaN, histogram: undefined })
  }
  for (const [index, time] of run.histogramTimes.entries()) {
    if (isWithin(time)) samples.push({ time, value: NaN, histogram: run.histograms[index] })
  }
  if (run.histograms.length > 0) samples.sort((one, other) => one.time - other.time)
  return {
    labels,
    timestamps: Float64Array.from(samples, ({ time }) => time),
    values: Float64Array.from(samples, ({ value }) => value),
    ...(run.histograms.length > 0 ? { histograms: samples.map(({ histogram }) => histogram) } : {}),
  }
}
