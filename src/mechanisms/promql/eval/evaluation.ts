import type { FloatHistogram } from '../../native-histogram/float-histogram.ts'
import type { Series } from '../queryable.ts'
import { TooManySamplesError } from '../queryable.ts'
import type { Call, Expr, TimeModifiers, VectorSelector } from '../syntax/ast.ts'
import { QueryCanceledError, QueryTimeoutError } from './errors.ts'
import type { Grid } from './grid.ts'
import type { Notes } from './notes.ts'
import { absent, Table, type Row, type RowSink } from './rows.ts'

/** What an evaluation may do, and how it reads what the query leaves open. */
export interface EvaluationOptions {
  /** How far back a sample counts (5 minutes in Prometheus). */
  readonly lookbackMs: number
  /** The step of subqueries that name none. */
  readonly subqueryStepMs: number
  /** Samples that may be in memory at one time. */
  readonly samplesMax: number
  /** The names of metrics go at the end, so that labels can be made of them (`promql-delayed-name-removal`). */
  readonly delayedNameRemoval: boolean
  /** Series say by `__type__` what they are (`type-and-unit-labels`). */
  readonly typeAndUnitLabels: boolean
  /** Whether nobody waits any more. Asked often. */
  readonly isCanceled: () => boolean
  /** Whether the time is over. Asked often. */
  readonly isOver: () => boolean
}

/** Counts of an evaluation. */
export interface EvaluationStats {
  /** Samples that were looked at, once for each time at which they were. */
  samplesTotal: number
  /** The most samples in memory at one time. */
  samplesPeak: number
  samplesNow: number
}

/** One evaluation of one query: what it was asked, what was selected for it, what it has to tell. */
export interface Evaluation {
  readonly grid: Grid
  /** As it was asked for, for `end()`: the last time of the grid may be before it. */
  readonly endMs: number
  /** 0 for an instant query. */
  readonly stepMs: number
  readonly options: EvaluationOptions
  readonly notes: Notes
  readonly stats: EvaluationStats
  readonly selected: ReadonlyMap<VectorSelector, readonly Series[]>
  readonly selectedInfo: ReadonlyMap<Call, readonly Series[]>
  /** Evaluates what is within an expression. */
  readonly recur: Recursion
  countdown: number
}

/** How an evaluator calls the one for what is within. */
export interface Recursion {
  /** Gives out the rows of a vector. */
  readonly vector: (evaluation: Evaluation, expr: Expr, grid: Grid, sink: RowSink) => void
  /** The values of a scalar, one a time. */
  readonly scalar: (evaluation: Evaluation, expr: Expr, grid: Grid) => Float64Array
}

const rowsPerCheck = 64

/** Ends the evaluation where it has to end. Called once a row, and within a row after `work` that is worth many. */
export function checkEnd(evaluation: Evaluation, work = 1): void {
  evaluation.countdown -= work
  if (evaluation.countdown > 0) return
  evaluation.countdown = rowsPerCheck
  if (evaluation.options.isCanceled()) throw new QueryCanceledError()
  if (evaluation.options.isOver()) throw new QueryTimeoutError()
}

/** Counts samples that stay in memory. */
export function holdSamples(evaluation: Evaluation, count: number): void {
  const { stats, options } = evaluation
  stats.samplesNow += count
  if (stats.samplesNow > stats.samplesPeak) stats.samplesPeak = stats.samplesNow
  if (stats.samplesNow > options.samplesMax) throw new TooManySamplesError()
}

/** Counts samples that are gone. */
export function releaseSamples(evaluation: Evaluation, count: number): void {
  evaluation.stats.samplesNow -= count
}

/** Collects rows in a table, and counts them. */
export class Collector {
  readonly table: Table
  readonly #evaluation: Evaluation
  #held = 0

  constructor(evaluation: Evaluation, grid: Grid) {
    this.#evaluation = evaluation
    this.table = new Table(grid.count)
  }

  /** Keeps a row, unless it is empty. */
  readonly push = (row: Row): void => {
    const count = samplesOf(row)
    if (count === 0) return
    this.#held += count
    holdSamples(this.#evaluation, Math.max(count, this.table.count))
    releaseSamples(this.#evaluation, Math.max(count, this.table.count) - count)
    this.table.push(row)
  }

  /** The table is not needed any more. */
  release(): void {
    releaseSamples(this.#evaluation, this.#held)
    this.#held = 0
  }
}

/** The samples of a row; a histogram counts for as many as it is large. */
export function samplesOf({ kinds, histograms }: Row): number {
  let count = 0
  for (let step = 0; step < kinds.length; step++) {
    if (kinds[step] === absent) continue
    const value = kinds[step] === 2 ? histograms?.[step] : undefined
    count += value === undefined ? 1 : weightOf(value)
  }
  return count
}

/** How many samples a histogram counts for: its size in memory over that of a sample. */
export function weightOf(histogram: FloatHistogram): number {
  const { positiveSpans, negativeSpans, positiveCounts, negativeCounts, customBounds } = histogram
  const spans = positiveSpans.length + negativeSpans.length
  const numbers = positiveCounts.length + negativeCounts.length + customBounds.length
  return Math.floor((160 + 8 * (spans + numbers) + 8) / 16)
}

/** The time of `@`, without `offset`. */
export function fixedTime(evaluation: Evaluation, { at }: TimeModifiers): number | undefined {
  switch (at?.kind) {
    case undefined:
      return undefined
    case 'time':
      return at.timeMs
    case 'start':
      return evaluation.grid.startMs
    case 'end':
      return evaluation.endMs
  }
}
