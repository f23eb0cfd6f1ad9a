import type { FunctionName } from '../syntax/functions.ts'
import * as aggregates from './range-aggregates.ts'
import * as rates from './range-rate.ts'
import * as trends from './range-trends.ts'
import type { RangeFunction } from './window.ts'

/** The functions of ranges by their names. `absent_over_time` is none of them: it answers where there is no series. */
const rangeFunctions: ReadonlyMap<FunctionName, RangeFunction> = new Map<
  FunctionName,
  RangeFunction
>([
  ['avg_over_time', aggregates.avgOverTime],
  ['changes', aggregates.changes],
  ['count_over_time', aggregates.countOverTime],
  ['delta', rates.delta],
  ['deriv', trends.deriv],
  ['double_exponential_smoothing', trends.doubleExponentialSmoothing],
  ['first_over_time', aggregates.firstOverTime],
  ['idelta', rates.idelta],
  ['increase', rates.increase],
  ['irate', rates.irate],
  ['last_over_time', aggregates.lastOverTime],
  ['mad_over_time', aggregates.madOverTime],
  ['max_over_time', aggregates.maxOverTime],
  ['min_over_time', aggregates.minOverTime],
  ['predict_linear', trends.predictLinear],
  ['present_over_time', aggregates.presentOverTime],
  ['quantile_over_time', aggregates.quantileOverTime],
  ['rate', rates.rate],
  ['resets', aggregates.resets],
  ['stddev_over_time', aggregates.stddevOverTime],
  ['stdvar_over_time', aggregates.stdvarOverTime],
  ['sum_over_time', aggregates.sumOverTime],
  ['ts_of_first_over_time', aggregates.timeOfFirst],
  ['ts_of_last_over_time', aggregates.timeOfLast],
  ['ts_of_max_over_time', aggregates.timeOfMax],
  ['ts_of_min_over_time', aggregates.timeOfMin],
])

/** The function of a range by its name, if it is one. */
export function findRangeFunction(name: FunctionName): RangeFunction | undefined {
  return rangeFunctions.get(name)
}
