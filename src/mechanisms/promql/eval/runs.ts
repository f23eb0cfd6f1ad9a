import type { FloatHistogram } from '../../native-histogram/float-histogram.ts'
import { bitsOf, isStaleAt, type Series } from '../queryable.ts'
import type { Grid } from './grid.ts'
import { absent, float, type Row } from './rows.ts'

/** The samples of a series without marks of staleness: numbers and histograms apart, times rising in both. */
export interface Run {
  readonly times: Float64Array
  readonly values: Float64Array
  readonly histogramTimes: readonly number[]
  readonly histograms: readonly FloatHistogram[]
}

const none: readonly never[] = []

/** The samples of a series. Where nothing has to be left out, these are the arrays of the series. */
export function runOf(series: Series): Run {
  const { timestamps, values, histograms } = series
  if (histograms === undefined && !hasStale(values)) {
    return { times: timestamps, values, histogramTimes: none, histograms: none }
  }
  const bits = bitsOf(values)
  const times = new Float64Array(timestamps.length)
  const kept = new Float64Array(timestamps.length)
  const histogramTimes: number[] = []
  const keptHistograms: FloatHistogram[] = []
  let count = 0
  for (let index = 0; index < timestamps.length; index++) {
    const histogram = histograms?.[index]
    if (histogram !== undefined) {
      histogramTimes.push(timestamps[index]!)
      keptHistograms.push(histogram)
    } else if (!isStaleAt(bits, index)) {
      times[count] = timestamps[index]!
      kept[count++] = values[index]!
    }
  }
  return {
    times: times.subarray(0, count),
    values: kept.subarray(0, count),
    histogramTimes,
    histograms: keptHistograms,
  }
}

/** The samples of a row at the times of its grid. */
export function runOfRow(row: Row, grid: Grid): Run {
  const times = new Float64Array(grid.count)
  const values = new Float64Array(grid.count)
  const histogramTimes: number[] = []
  const histograms: FloatHistogram[] = []
  let count = 0
  for (let step = 0; step < grid.count; step++) {
    const kind = row.kinds[step]!
    const time = grid.startMs + step * grid.stepMs
    if (kind === float) {
      times[count] = time
      values[count++] = row.values[step]!
    } else if (kind !== absent) {
      const histogram = row.histograms?.[step]
      if (histogram === undefined) continue
      histogramTimes.push(time)
      // What a hint says is about the sample before in the store, not about the one before in this run.
      const isGauge = histogram.resetHint === 'gauge'
      histograms.push(isGauge ? histogram : { ...histogram, resetHint: 'unknown' })
    }
  }
  return {
    times: times.subarray(0, count),
    values: values.subarray(0, count),
    histogramTimes,
    histograms,
  }
}

function hasStale(values: Float64Array): boolean {
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!
    if (value !== value && isStaleAt(bitsOf(values), index)) return true
  }
  return false
}
