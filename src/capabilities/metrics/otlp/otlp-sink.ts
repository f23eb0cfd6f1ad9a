import type { OtlpMetricsSink } from '../../../contracts/otlp-metrics.ts'
import type { MetricType } from '../../../mechanisms/exposition/reader.ts'
import { floatText } from '../../../mechanisms/exposition/protobuf.ts'
import { labelsOf } from '../../../mechanisms/labels/labels.ts'
import type { FloatHistogram } from '../../../mechanisms/native-histogram/float-histogram.ts'
import {
  type HistogramPoint,
  OtlpError,
  type OtlpMetric,
  type PointHead,
  type ResourceMetrics,
  type SummaryPoint,
} from '../../../mechanisms/otlp-metrics/model.ts'
import { labelPairsOf, metricNameOf } from '../../../mechanisms/otlp-metrics/names.ts'
import { readOtlpJson } from '../../../mechanisms/otlp-metrics/read-json.ts'
import { readOtlpProtobuf } from '../../../mechanisms/otlp-metrics/read-protobuf.ts'
import { toNativeHistogram } from '../../../mechanisms/otlp-metrics/to-histogram.ts'
import { staleHigh, staleLow } from '../../../mechanisms/promql/queryable.ts'
import type { Clock } from '../../../platform/capability.ts'
import { AHEAD_MS_MAX } from '../api/write.ts'
import type { Verdict } from '../store/head.ts'
import type { Store } from '../store/store.ts'
import { DeltaSums } from './delta-sums.ts'

/** Nothing of a request can be taken now; the sender tries again. */
export class OtlpBusyError extends Error {
  readonly code = 'ERR_METRICS_OTLP_BUSY'
  readonly statusCode = 503

  constructor(cause: unknown) {
    super(`metrics are not taken now: ${cause instanceof Error ? cause.message : String(cause)}`)
    this.name = 'OtlpBusyError'
  }
}

/** Takes OTLP metrics into a store, named and labelled as Prometheus' own OTLP receiver does it. */
export function createOtlpSink(store: Store, clock: Clock): OtlpMetricsSink {
  const sums = new DeltaSums()
  return {
    async write(body, encoding) {
      if (store.refusal !== undefined) throw new OtlpBusyError(store.refusal)
      const all = encoding === 'json' ? readOtlpJson(body) : readOtlpProtobuf(body)
      const nowMs = clock.nowMs()
      sums.tidy(nowMs)
      const intake = new Intake(store, sums, nowMs)
      for (const one of all) intake.resource(one)
      try {
        await store.commit()
      } catch (error) {
        throw new OtlpBusyError(error)
      }
      return { rejected: intake.rejected, message: intake.message }
    },
  }
}

type Pairs = ReadonlyMap<string, string>

/** One request on its way into the store. */
class Intake {
  rejected = 0
  message = ''
  readonly #store: Store
  readonly #sums: DeltaSums
  readonly #nowMs: number

  constructor(store: Store, sums: DeltaSums, nowMs: number) {
    this.#store = store
    this.#sums = sums
    this.#nowMs = nowMs
  }

  resource({ resource, metrics }: ResourceMetrics): void {
    const said = new Map(resource)
    const name = said.get('service.name') ?? ''
    const namespace = said.get('service.namespace') ?? ''
    const job = namespace === '' || name === '' ? name : `${namespace}/${name}`
    const instance = said.get('service.instance.id') ?? ''
    const target = new Map([
      ['job', job],
      ['instance', instance],
    ])
    let lastMs = 0
    for (const metric of metrics) {
      this.#metric(metric, target)
      if (metric.data.kind === 'none') continue
      for (const { timeMs } of metric.data.points) lastMs = Math.max(lastMs, timeMs)
    }
    const own = new Set(['service.name', 'service.namespace', 'service.instance.id'])
    const rest = resource.filter(([attribute]) => !own.has(attribute))
    if (rest.length > 0 && lastMs > 0 && (job !== '' || instance !== '')) {
      this.#guard(() =>
        this.#put('target_info', new Map([...labelPairsOf(rest), ...target]), lastMs, 1),
      )
    }
  }

  #metric(metric: OtlpMetric, target: Pairs): void {
    const { data, unit, description } = metric
    if (data.kind === 'none') return
    const isCounter = data.kind === 'sum' && data.isMonotonic
    const kind = isCounter ? 'counter' : data.kind === 'gauge' ? 'gauge' : 'other'
    const name = metricNameOf({ name: metric.name, unit, kind })
    if (name === '' || name === '_total') {
      this.#reject('a metric has no name', data.points.length)
      return
    }
    const type: MetricType =
      kind === 'counter'
        ? 'counter'
        : data.kind === 'histogram' || data.kind === 'exponential'
          ? 'histogram'
          : data.kind === 'summary'
            ? 'summary'
            : 'gauge'
    this.#store.putMetadata({ name, type, help: description, unit: '' })
    const isDelta = 'temporality' in data && data.temporality === 'delta'
    if ('temporality' in data && data.temporality === 'unspecified') {
      this.#reject(`${metric.name} says neither delta nor cumulative`, data.points.length)
      return
    }
    for (const point of data.points) {
      const labels = new Map([...labelPairsOf(point.attributes), ...target])
      this.#guard(() => {
        const timeMs = this.#timeOf(point)
        if ('value' in point)
          this.#add(name, labels, { timeMs, isDelta, isStale: point.isStale }, point.value)
        else if ('scale' in point) {
          const histogram = point.isStale ? undefined : toNativeHistogram(point)
          this.#native(name, labels, { timeMs, isDelta }, histogram)
        } else if ('quantiles' in point) this.#summary(name, labels, timeMs, point)
        else this.#classic(name, labels, { timeMs, isDelta }, point)
      })
    }
  }

  #classic(
    name: string,
    labels: Pairs,
    how: { readonly timeMs: number; readonly isDelta: boolean },
    { counts, bounds, count, sum, isStale }: HistogramPoint,
  ): void {
    if (counts.length > 0 && counts.length !== bounds.length + 1) {
      throw new OtlpError(`${name} has ${counts.length} counts for ${bounds.length} bounds`)
    }
    const put = (suffix: string, value: number, le?: number): void => {
      const all = le === undefined ? labels : new Map([...labels, ['le', floatText(le)]])
      this.#add(`${name}${suffix}`, all, { ...how, isStale }, value)
    }
    let total = 0
    for (const [at, bound] of bounds.entries()) put('_bucket', (total += counts[at] ?? 0), bound)
    put('_bucket', count, Infinity)
    if (sum !== undefined) put('_sum', sum)
    put('_count', count)
  }

  #summary(name: string, labels: Pairs, timeMs: number, point: SummaryPoint): void {
    const { isStale } = point
    const how = { timeMs, isStale, isDelta: false }
    for (const [quantile, value] of point.quantiles) {
      this.#add(name, new Map([...labels, ['quantile', floatText(quantile)]]), how, value)
    }
    this.#add(`${name}_sum`, labels, how, point.sum)
    this.#add(`${name}_count`, labels, how, point.count)
  }

  #native(
    name: string,
    labels: Pairs,
    { timeMs, isDelta }: { readonly timeMs: number; readonly isDelta: boolean },
    told: FloatHistogram | undefined,
  ): void {
    const ref = this.#refOf(name, labels)
    if (told === undefined) {
      this.#judge(this.#store.append(ref, timeMs, staleHigh, staleLow), name)
      return
    }
    const histogram = isDelta ? this.#sums.addHistogram(this.#placeOf(ref), timeMs, told) : told
    if (histogram === undefined) return
    this.#judge(this.#store.appendHistogram(ref, timeMs, histogram), name)
  }

  #add(
    name: string,
    labels: Pairs,
    how: { readonly timeMs: number; readonly isDelta: boolean; readonly isStale: boolean },
    value: number,
  ): void {
    const ref = this.#refOf(name, labels)
    if (how.isStale) {
      this.#judge(this.#store.append(ref, how.timeMs, staleHigh, staleLow), name)
      return
    }
    const sum = how.isDelta ? this.#sums.add(this.#placeOf(ref), how.timeMs, value) : value
    if (sum !== undefined) this.#judge(this.#store.appendValue(ref, how.timeMs, sum), name)
  }

  #put(name: string, labels: Pairs, timeMs: number, value: number): void {
    this.#store.appendValue(this.#refOf(name, labels), timeMs, value)
  }

  #refOf(name: string, labels: Pairs): number {
    return this.#store.seriesOf(labelsOf([...labels, ['__name__', name]]))
  }

  #placeOf(ref: number) {
    return { ref, generation: this.#store.series.generation(ref) }
  }

  /** Points without a time are of now. */
  #timeOf({ timeMs }: PointHead): number {
    if (timeMs <= 0) return this.#nowMs
    if (timeMs > this.#nowMs + AHEAD_MS_MAX) throw new OtlpError('a point is too far in the future')
    return timeMs
  }

  #judge(verdict: Verdict, name: string): void {
    if (verdict === 'stored' || verdict === 'late' || verdict === 'known') return
    throw new OtlpError(`${name}: ${verdict}`)
  }

  #guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#reject(error instanceof Error ? error.message : String(error))
    }
  }

  #reject(message: string, count = 1): void {
    if (this.rejected === 0) this.message = message
    this.rejected += count
  }
}
