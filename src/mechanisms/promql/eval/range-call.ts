import { quote } from '../../go-text/go-text.ts'
import type { Labels } from '../../labels/labels.ts'
import { TooManySamplesError } from '../queryable.ts'
import { unwrap, type Call, type Expr, type MatrixSelector, type Subquery } from '../syntax/ast.ts'
import type { FunctionName } from '../syntax/functions.ts'
import { QueryError } from './errors.ts'
import { checkEnd, fixedTime, weightOf, type Evaluation } from './evaluation.ts'
import { endOf, type Grid } from './grid.ts'
import { createNameDropSink } from './name-drop.ts'
import { findRangeFunction } from './range-functions.ts'
import { absent, createRow, histogram, setHistogram, type Row, type RowSink } from './rows.ts'
import { runOf, runOfRow, type Run } from './runs.ts'
import { subqueryGrid } from './select-plan.ts'
import type { RangeCall, RangeFunction, Window } from './window.ts'

/** Where windows lie, one for each time of a grid. */
export interface WindowLooks {
  readonly grid: Grid
  /** The end of the first window, and from each to the next one; 0 where all are the same. */
  readonly endMs: number
  readonly stepMs: number
  readonly rangeMs: number
  /** How far the samples reach beyond the window before and behind it. */
  readonly beforeMs: number
  readonly behindMs: number
}

/** A series of a range: its labels, and its samples. */
export type RunSink = (labels: Labels, dropsName: boolean, run: Run) => void

const anchoredSafe: ReadonlySet<FunctionName> = new Set<FunctionName>([
  'changes',
  'delta',
  'increase',
  'rate',
  'resets',
])
const smoothedSafe: ReadonlySet<FunctionName> = new Set<FunctionName>(['delta', 'increase', 'rate'])
const keepsName: ReadonlySet<FunctionName> = new Set<FunctionName>([
  'first_over_time',
  'last_over_time',
])

/** The rows of a function of a range. */
export function streamRangeCall(
  evaluation: Evaluation,
  call: Call,
  grid: Grid,
  sink: RowSink,
): void {
  const calculate = findRangeFunction(call.func)
  const source = rangeOf(call)
  if (calculate === undefined || source === undefined) {
    throw new QueryError(`unknown function with name ${quote(call.func)}`)
  }
  const state = describeCall(evaluation, call, source, grid)
  const looks = windowLooks(evaluation, source, grid)
  const row = createRow(grid.count)
  const keeps = keepsName.has(call.func)
  const drop = keeps
    ? { push: sink, flush: () => undefined }
    : createNameDropSink(evaluation, source, grid, sink)
  streamRuns(evaluation, source, grid, (labels, dropsName, run) => {
    const count = fillRow(evaluation, { calculate, state, looks }, { labels, run }, row)
    if (count === 0) return
    if (call.func === 'rate' || call.func === 'increase')
      informOfName(evaluation, labels, row, state)
    row.labels = labels
    row.dropsName = dropsName
    drop.push(row)
  })
  drop.flush()
}

/** The argument that is a range. */
export function rangeOf({ args }: Call): MatrixSelector | Subquery | undefined {
  for (const arg of args) {
    const inner = unwrap(arg)
    if (inner.kind === 'matrix' || inner.kind === 'subquery') return inner
  }
  return undefined
}

/** Where the windows of a range lie. */
export function windowLooks(
  evaluation: Evaluation,
  source: MatrixSelector | Subquery,
  grid: Grid,
): WindowLooks {
  const times = source.kind === 'matrix' ? source.selector : source
  const fixedMs = fixedTime(evaluation, times)
  const extension = source.kind === 'matrix' ? source.selector.extension : undefined
  const { lookbackMs } = evaluation.options
  return {
    grid,
    endMs: (fixedMs ?? grid.startMs) - times.offset.ms,
    stepMs: fixedMs === undefined ? grid.stepMs : 0,
    rangeMs: source.window.ms,
    beforeMs: extension === undefined ? 0 : lookbackMs,
    behindMs: extension === 'smoothed' ? lookbackMs : 0,
  }
}

/** Gives out the series of a range. */
export function streamRuns(
  evaluation: Evaluation,
  source: MatrixSelector | Subquery,
  grid: Grid,
  sink: RunSink,
): void {
  if (source.kind === 'subquery') {
    const inner = subqueryGrid(timesOf(evaluation), source, grid)
    if (inner.count === 0) return
    evaluation.recur.vector(evaluation, source.expr, inner, (row) => {
      sink(row.labels, row.dropsName, runOfRow(row, inner))
    })
    return
  }
  for (const series of evaluation.selected.get(source.selector) ?? []) {
    checkEnd(evaluation)
    const run = runOf(series)
    if (run.times.length > evaluation.options.samplesMax) throw new TooManySamplesError()
    sink(series.labels, false, run)
  }
}

function timesOf({ grid, endMs, stepMs, options }: Evaluation): Parameters<typeof subqueryGrid>[0] {
  const { lookbackMs, subqueryStepMs, samplesMax } = options
  return {
    grid,
    endMs: Math.max(endMs, endOf(grid)),
    stepMs,
    lookbackMs,
    subqueryStepMs,
    samplesMax,
  }
}

function describeCall(
  evaluation: Evaluation,
  call: Call,
  source: MatrixSelector | Subquery,
  grid: Grid,
): RangeCall {
  const extension = source.kind === 'matrix' ? source.selector.extension : undefined
  checkExtension(call.func, extension)
  const isRange = (arg: Expr) => unwrap(arg) === source
  const [first, last] = [call.args.at(0), call.args.at(-1)]
  return {
    scalars: call.args
      .filter((arg) => !isRange(arg))
      .map((arg) => evaluation.recur.scalar(evaluation, arg, grid)),
    rangeMs: source.window.ms,
    extension,
    notes: evaluation.notes,
    place: first?.range ?? call.range,
    argsPlace: { start: first?.range.start ?? 0, end: last?.range.end ?? 0 },
    firstPlace: first?.range ?? call.range,
  }
}

function checkExtension(func: FunctionName, extension: RangeCall['extension']): void {
  if (extension === undefined) return
  const safe = extension === 'anchored' ? anchoredSafe : smoothedSafe
  if (safe.has(func)) return
  const names = [...safe].join(', ')
  throw new QueryError(`${extension} modifier can only be used with: ${names} - not with ${func}`)
}

/** So many samples take a millisecond or two. */
const samplesPerCheck = 1_000_000

interface Calculation {
  readonly calculate: RangeFunction
  readonly state: RangeCall
  readonly looks: WindowLooks
}

/** Calculates a function at every time; answers how many values there are. */
function fillRow(
  evaluation: Evaluation,
  { calculate, state, looks }: Calculation,
  { labels, run }: { readonly labels: Labels; readonly run: Run },
  row: Row,
): number {
  const { grid } = looks
  const window = createWindow(run, labels)
  row.histograms = undefined
  let count = 0
  let samples = 0
  let checked = 0
  for (let step = 0; step < grid.count; step++) {
    slide(window, looks, step)
    if (samples - checked > samplesPerCheck) {
      checked = samples
      checkEnd(evaluation, Infinity)
    }
    let kind: number = absent
    if (window.from < window.to || window.histogramFrom < window.histogramTo) {
      samples += window.to - window.from
      for (let at = window.histogramFrom; at < window.histogramTo; at++) {
        samples += weightOf(run.histograms[at]!)
      }
      kind = calculate(window, state)
    }
    row.kinds[step] = kind
    if (kind === absent) continue
    count++
    if (kind === histogram && window.histogram !== undefined) {
      setHistogram(row, step, window.histogram)
    } else row.values[step] = window.value
  }
  evaluation.stats.samplesTotal += samples
  return count
}

function createWindow(run: Run, labels: Labels): Window {
  return {
    run,
    from: 0,
    to: 0,
    histogramFrom: 0,
    histogramTo: 0,
    startMs: 0,
    endMs: 0,
    evalMs: 0,
    step: 0,
    metric: labels.get('__name__'),
    value: 0,
    histogram: undefined,
  }
}

/** Moves a window on to the next time. Its start is not in it. */
function slide(window: Window, looks: WindowLooks, step: number): void {
  const { run } = window
  const endMs = looks.endMs + step * looks.stepMs
  const startMs = endMs - looks.rangeMs
  window.startMs = startMs
  window.endMs = endMs
  window.evalMs = looks.grid.startMs + step * looks.grid.stepMs
  window.step = step
  const [afterMs, untilMs] = [startMs - looks.beforeMs, endMs + looks.behindMs]
  const { times, histogramTimes } = run
  let { from, to } = window
  while (to < times.length && times[to]! <= untilMs) to++
  while (from < to && times[from]! <= afterMs) from++
  window.from = from
  window.to = to
  if (histogramTimes.length === 0) return
  let { histogramFrom, histogramTo } = window
  while (histogramTo < histogramTimes.length && histogramTimes[histogramTo]! <= untilMs)
    histogramTo++
  while (histogramFrom < histogramTo && histogramTimes[histogramFrom]! <= afterMs) histogramFrom++
  window.histogramFrom = histogramFrom
  window.histogramTo = histogramTo
}

const counterSuffix = /_(?:total|sum|count|bucket)$/

/** Tells of a rate of something that does not look like a counter. */
function informOfName(
  { notes, options }: Evaluation,
  labels: Labels,
  row: Row,
  call: RangeCall,
): void {
  const name = labels.get('__name__')
  if (name === '' || !row.kinds.includes(1)) return
  if (options.typeAndUnitLabels) {
    const type = labels.get('__type__')
    if (type === 'counter' || type === 'histogram') return
    const problem =
      'metric might not be a counter, __type__ label is not set to "counter" or "histogram"'
    notes.inform(`${problem}, got ${quote(type)}: ${quote(name)}`, call.place)
    return
  }
  if (counterSuffix.test(name)) return
  const problem = 'metric might not be a counter, name does not end in _total/_sum/_count/_bucket'
  notes.inform(`${problem}: ${quote(name)}`, call.place)
}

/** `absent_over_time`: where no series has a sample in its window. */
export function presentInWindows(
  evaluation: Evaluation,
  source: MatrixSelector | Subquery,
  grid: Grid,
): Uint8Array {
  const present = new Uint8Array(grid.count)
  const looks = windowLooks(evaluation, source, grid)
  streamRuns(evaluation, source, grid, (labels, _dropsName, run) => {
    const window = createWindow(run, labels)
    for (let step = 0; step < grid.count; step++) {
      slide(window, looks, step)
      if (window.from < window.to || window.histogramFrom < window.histogramTo) present[step] = 1
    }
  })
  return present
}
