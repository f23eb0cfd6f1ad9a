import { formatValue } from '../../../mechanisms/go-text/go-text.ts'
import type { Labels } from '../../../mechanisms/labels/labels.ts'
import { bucketsOf } from '../../../mechanisms/native-histogram/buckets.ts'
import type { FloatHistogram } from '../../../mechanisms/native-histogram/float-histogram.ts'
import type { QueryOutcome, QueryValue } from '../../../mechanisms/promql/engine.ts'
import type { Series } from '../../../mechanisms/promql/queryable.ts'

/** What an answer is to have besides its value. */
export interface AnswerOptions {
  /** Series of the answer; 0: no limit. */
  readonly limit: number
  /** An answer with more characters is refused. */
  readonly bytesMax: number
  /** Milliseconds that each step took, for `stats`; undefined: nobody asks. */
  readonly timings: QueryTimings | undefined
}

/** An answer is larger than it may be. */
export class AnswerTooLargeError extends Error {
  readonly code = 'ERR_METRICS_ANSWER_TOO_LARGE'

  constructor(bytesMax: number) {
    super(
      `the answer has more than ${bytesMax} bytes: ask for fewer series or a larger step, or raise metrics.query.answer`,
    )
    this.name = 'AnswerTooLargeError'
  }
}

/** Milliseconds of the parts of an evaluation. */
export interface QueryTimings {
  readonly preparationMs: number
  readonly evaluationMs: number
  readonly queueMs: number
}

/** The body of an answer to `query` and `query_range`, byte by byte as Prometheus writes it. */
export function answerText(
  { value, annotations, stats }: QueryOutcome,
  options: AnswerOptions,
): string {
  const limited = limitValue(value, options.limit)
  const data = `"resultType":"${value.kind}","result":${resultText(limited, options.bytesMax)}`
  const statsText =
    options.timings === undefined ? '' : `,"stats":${statsOf(stats, options.timings)}`
  const warnings =
    limited === value
      ? annotations.warnings
      : [...annotations.warnings, 'results truncated due to limit']
  const warningText = warnings.length === 0 ? '' : `,"warnings":${JSON.stringify(warnings)}`
  const infoText =
    annotations.infos.length === 0 ? '' : `,"infos":${JSON.stringify(annotations.infos)}`
  return `{"status":"success","data":{${data}${statsText}}${warningText}${infoText}}`
}

function limitValue(value: QueryValue, limit: number): QueryValue {
  if (limit === 0) return value
  if (value.kind === 'vector' && value.samples.length > limit) {
    return { ...value, samples: value.samples.slice(0, limit) }
  }
  if (value.kind === 'matrix' && value.series.length > limit) {
    return { ...value, series: value.series.slice(0, limit) }
  }
  return value
}

/** Joins what is made one by one, up to a size. */
function joined<One>(all: readonly One[], bytesMax: number, textOf: (one: One) => string): string {
  const texts: string[] = []
  let bytes = 0
  for (const one of all) {
    const text = textOf(one)
    bytes += text.length + 1
    if (bytes > bytesMax) throw new AnswerTooLargeError(bytesMax)
    texts.push(text)
  }
  return texts.join(',')
}

function resultText(value: QueryValue, bytesMax: number): string {
  switch (value.kind) {
    case 'scalar':
      return pointText(value.timeMs, value.value)
    case 'string':
      return `[${timeText(value.timeMs)},${JSON.stringify(value.value)}]`
    case 'vector':
      return `[${joined(value.samples, bytesMax, ({ labels, value: number, histogram }) =>
        histogram === undefined
          ? `{"metric":${labelsText(labels)},"value":${pointText(value.timeMs, number)}}`
          : `{"metric":${labelsText(labels)},"histogram":${histogramPoint(value.timeMs, histogram)}}`,
      )}]`
    case 'matrix':
      return `[${joined(value.series, bytesMax, seriesText)}]`
  }
}

function seriesText({ labels, timestamps, values, histograms }: Series): string {
  const points: string[] = []
  const histogramPoints: string[] = []
  for (let at = 0; at < timestamps.length; at++) {
    const histogram = histograms?.[at]
    if (histogram === undefined) points.push(pointText(timestamps[at]!, values[at]!))
    else histogramPoints.push(histogramPoint(timestamps[at]!, histogram))
  }
  const valueText = points.length === 0 ? '' : `,"values":[${points.join(',')}]`
  const histogramText =
    histogramPoints.length === 0 ? '' : `,"histograms":[${histogramPoints.join(',')}]`
  return `{"metric":${labelsText(labels)}${valueText}${histogramText}}`
}

/** Labels as a JSON object. */
export function labelsText({ names, values }: Labels): string {
  let text = '{'
  for (let at = 0; at < names.length; at++) {
    text += `${at === 0 ? '' : ','}${JSON.stringify(names[at])}:${JSON.stringify(values[at])}`
  }
  return `${text}}`
}

function pointText(timeMs: number, value: number): string {
  return `[${timeText(timeMs)},"${formatValue(value)}"]`
}

function histogramPoint(timeMs: number, histogram: FloatHistogram): string {
  const buckets = bucketsOf(histogram)
    .filter(({ count }) => count !== 0)
    .map(({ lower, upper, count, isLowerIncluded, isUpperIncluded }) => {
      const rule = isLowerIncluded ? (isUpperIncluded ? 3 : 1) : isUpperIncluded ? 0 : 2
      return `[${rule},"${formatValue(lower)}","${formatValue(upper)}","${formatValue(count)}"]`
    })
  const bucketText = buckets.length === 0 ? '' : `,"buckets":[${buckets.join(',')}]`
  return `[${timeText(timeMs)},{"count":"${formatValue(histogram.count)}","sum":"${formatValue(histogram.sum)}"${bucketText}}]`
}

/** Seconds, with three digits behind the point where there is a fraction. */
export function timeText(timeMs: number): string {
  const whole = Math.trunc(timeMs / 1_000)
  const rest = Math.abs(timeMs % 1_000)
  const sign = timeMs < 0 && whole === 0 ? '-' : ''
  return rest === 0 ? String(whole) : `${sign}${whole}.${String(rest).padStart(3, '0')}`
}

function statsOf(stats: QueryOutcome['stats'], timings: QueryTimings): string {
  const { preparationMs, evaluationMs, queueMs } = timings
  const total = preparationMs + evaluationMs
  return JSON.stringify({
    timings: {
      evalTotalTime: total / 1_000,
      resultSortTime: 0,
      queryPreparationTime: preparationMs / 1_000,
      innerEvalTime: evaluationMs / 1_000,
      execQueueTime: queueMs / 1_000,
      execTotalTime: (total + queueMs) / 1_000,
    },
    samples: {
      totalQueryableSamples: stats.samplesTotal,
      peakSamples: stats.samplesPeak,
    },
  })
}
