import { bitsOf, isStaleAt, type Series } from '../queryable.ts'
import type { VectorSelector } from '../syntax/ast.ts'
import { QueryError } from './errors.ts'
import { checkEnd, fixedTime, samplesOf, type Evaluation } from './evaluation.ts'
import type { Grid } from './grid.ts'
import { absent, createRow, float, isEmpty, setHistogram, type Row, type RowSink } from './rows.ts'

/** What a row of a selector says: the value of the newest sample, or its time in seconds. */
export type SelectorMode = 'values' | 'times'

/** The rows of a selector: at each time the newest sample that is not too old, unless it ends the series. */
export function streamSelector(
  evaluation: Evaluation,
  selector: VectorSelector,
  grid: Grid,
  sink: RowSink,
  mode: SelectorMode = 'values',
): void {
  const looks = looksOf(evaluation, selector, grid)
  streamSeries(evaluation, evaluation.selected.get(selector) ?? [], { looks, mode, selector }, sink)
}

/** At which times a selector looks, one for each time of the grid. */
export interface Looks {
  readonly startMs: number
  /** 0 where all times are the same. */
  readonly stepMs: number
  readonly count: number
  readonly backMs: number
}

/** The times at which a selector looks when it is evaluated at those of a grid. */
export function looksOf(
  evaluation: Evaluation,
  { at, offset }: Pick<VectorSelector, 'at' | 'offset'>,
  grid: Grid,
): Looks {
  const fixedMs = fixedTime(evaluation, { at, offset })
  return {
    startMs: (fixedMs ?? grid.startMs) - offset.ms,
    stepMs: fixedMs === undefined ? grid.stepMs : 0,
    count: grid.count,
    backMs: evaluation.options.lookbackMs,
  }
}

interface Reading {
  readonly looks: Looks
  readonly mode: SelectorMode
  readonly selector: Pick<VectorSelector, 'extension'>
}

/** The rows of series that were selected. */
export function streamSeries(
  evaluation: Evaluation,
  all: readonly Series[],
  { looks, mode, selector }: Reading,
  sink: RowSink,
): void {
  const row = createRow(looks.count)
  for (const series of all) {
    checkEnd(evaluation)
    row.histograms = undefined
    if (selector.extension === 'smoothed') fillSmoothed(row, series, looks)
    else fillLatest(row, series, looks, mode)
    if (isEmpty(row)) continue
    evaluation.stats.samplesTotal += samplesOf(row)
    row.labels = series.labels
    row.dropsName = false
    sink(row)
  }
}

function fillLatest(row: Row, series: Series, looks: Looks, mode: SelectorMode): void {
  const { timestamps, values, histograms } = series
  const { startMs, stepMs, count, backMs } = looks
  const { length } = timestamps
  let next = 0
  for (let step = 0; step < count; step++) {
    const timeMs = startMs + step * stepMs
    while (next < length && timestamps[next]! <= timeMs) next++
    const at = next - 1
    if (at < 0 || timestamps[at]! <= timeMs - backMs) {
      row.kinds[step] = absent
      continue
    }
    const histogram = histograms?.[at]
    if (histogram !== undefined && mode === 'values') {
      setHistogram(row, step, histogram)
      continue
    }
    const value = values[at]!
    if (histogram === undefined && value !== value && isStaleAt(bitsOf(values), at)) {
      row.kinds[step] = absent
      continue
    }
    row.kinds[step] = float
    row.values[step] = mode === 'values' ? value : timestamps[at]! / 1_000
  }
}

/** What lies on the line between the samples before and behind each time; the one before where there is none behind. */
function fillSmoothed(row: Row, series: Series, looks: Looks): void {
  const { timestamps, values, histograms } = series
  const { startMs, stepMs, count, backMs } = looks
  if (histograms?.some((histogram) => histogram !== undefined) === true) {
    throw new QueryError('smoothed and anchored modifiers do not work with native histograms')
  }
  const bits = bitsOf(values)
  const { length } = timestamps
  let next = 0
  for (let step = 0; step < count; step++) {
    const timeMs = startMs + step * stepMs
    while (next < length && timestamps[next]! <= timeMs) next++
    row.kinds[step] = absent
    let before = next - 1
    while (before >= 0 && isStaleAt(bits, before)) before--
    if (before < 0 || timestamps[before]! <= timeMs - backMs) continue
    let behind = next
    while (behind < length && isStaleAt(bits, behind)) behind++
    const hasBehind = behind < length && timestamps[behind]! <= timeMs + backMs
    row.kinds[step] = float
    const [firstMs, first] = [timestamps[before]!, values[before]!]
    if (!hasBehind || firstMs === timeMs) row.values[step] = first
    else {
      const share = (timeMs - firstMs) / (timestamps[behind]! - firstMs)
      row.values[step] = first + (values[behind]! - first) * share
    }
  }
}
