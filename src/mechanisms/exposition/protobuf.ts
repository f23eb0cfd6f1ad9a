import { type Labels, labelsOf } from '../labels/labels.ts'
import type { FloatHistogram } from '../native-histogram/float-histogram.ts'
import { HistogramMessage, type HistogramFields } from '../protobuf/histogram-message.ts'
import { ProtobufReader } from '../protobuf/protobuf.ts'
import type { Exemplar, MetricType } from './reader.ts'

/** What a family of the protobuf exposition consists of. A histogram may come as buckets, as a native one, or as both. */
export interface ProtobufFamily {
  readonly name: string
  readonly type: MetricType
  readonly help: string
  readonly unit: string
  readonly samples: readonly ProtobufSample[]
}

/** One sample: a number, or a native histogram. */
export interface ProtobufSample {
  readonly labels: Labels
  readonly value: number
  readonly histogram: FloatHistogram | undefined
  /** Unix milliseconds; undefined where the target does not say it. */
  readonly timeMs: number | undefined
  readonly exemplars: readonly Exemplar[]
}

type Pairs = readonly (readonly [name: string, value: string])[]

const types: readonly MetricType[] = [
  'counter',
  'gauge',
  'summary',
  'unknown',
  'histogram',
  'gaugehistogram',
]

const histogramFields: HistogramFields = {
  countWhole: 1,
  countFloat: 4,
  sum: 2,
  schema: 5,
  zeroThreshold: 6,
  zeroWhole: 7,
  zeroFloat: 8,
  negativeSpans: 9,
  negativeDeltas: 10,
  negativeCounts: 11,
  positiveSpans: 12,
  positiveDeltas: 13,
  positiveCounts: 14,
  resetHint: 0,
  customBounds: 0,
}

/** `io.prometheus.client.MetricFamily`, one after the other, each behind its length. Throws `ProtobufError`. */
export function* readProtobufExposition(bytes: Uint8Array): Generator<ProtobufFamily> {
  const reader = new ProtobufReader(bytes)
  while (reader.at < bytes.length) {
    const length = reader.rawLength()
    yield readFamily(new ProtobufReader(bytes, reader.at - length, reader.at))
  }
}

function readFamily(reader: ProtobufReader): ProtobufFamily {
  let name = ''
  let help = ''
  let unit = ''
  let type = 0
  const metrics: ProtobufReader[] = []
  while (reader.next()) {
    if (reader.field === 1) name = reader.text()
    else if (reader.field === 2) help = reader.text()
    else if (reader.field === 3) type = reader.uint64()
    else if (reader.field === 4) metrics.push(reader.message())
    else if (reader.field === 5) unit = reader.text()
    else reader.skip()
  }
  const samples = metrics.flatMap((metric) => readMetric(metric, name))
  return { name, type: types[type] ?? 'unknown', help, unit, samples }
}

function readMetric(reader: ProtobufReader, name: string): readonly ProtobufSample[] {
  const pairs: (readonly [string, string])[] = []
  let timeMs: number | undefined
  let parts: readonly Part[] = []
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        pairs.push(readPair(reader.message()))
        break
      case 2:
      case 3:
      case 5:
        parts = readValue(reader.message())
        break
      case 4:
        parts = readSummary(reader.message())
        break
      case 6:
        timeMs = reader.int64()
        break
      case 7:
        parts = readHistogram(reader.message())
        break
      default:
        reader.skip()
    }
  }
  return parts.map(({ suffix, own, value, histogram, exemplars }) => ({
    labels: labelsOf([...pairs, ...own, ['__name__', name + suffix]]),
    value,
    histogram,
    timeMs,
    exemplars,
  }))
}

/** A sample without what all samples of its metric have. */
interface Part {
  readonly suffix: string
  readonly own: Pairs
  readonly value: number
  readonly histogram: FloatHistogram | undefined
  readonly exemplars: readonly Exemplar[]
}

const part = (
  suffix: string,
  value: number,
  own: Pairs = [],
  exemplars: readonly Exemplar[] = [],
): Part => ({ suffix, own, value, histogram: undefined, exemplars })

/** Gauge, counter, untyped: a value, and an exemplar at a counter. */
function readValue(reader: ProtobufReader): readonly Part[] {
  let value = 0
  const exemplars: Exemplar[] = []
  while (reader.next()) {
    if (reader.field === 1) value = reader.double()
    else if (reader.field === 2) exemplars.push(readExemplar(reader.message()))
    else reader.skip()
  }
  return [part('', value, [], exemplars)]
}

function readSummary(reader: ProtobufReader): readonly Part[] {
  let count = 0
  let sum = 0
  const quantiles: Part[] = []
  while (reader.next()) {
    if (reader.field === 1) count = reader.uint64()
    else if (reader.field === 2) sum = reader.double()
    else if (reader.field === 3) {
      const [quantile, value] = readTwo(reader.message())
      quantiles.push(part('', value, [['quantile', floatText(quantile)]]))
    } else reader.skip()
  }
  return [...quantiles, part('_sum', sum), part('_count', count)]
}

function readTwo(reader: ProtobufReader): readonly [number, number] {
  let one = 0
  let other = 0
  while (reader.next()) {
    if (reader.field === 1) one = reader.double()
    else if (reader.field === 2) other = reader.double()
    else reader.skip()
  }
  return [one, other]
}

function readHistogram(reader: ProtobufReader): readonly Part[] {
  const native = new HistogramMessage(histogramFields)
  const buckets: Part[] = []
  const exemplars: Exemplar[] = []
  let hasInfinity = false
  while (reader.next()) {
    if (reader.field === 3) {
      const bucket = readBucket(reader.message())
      hasInfinity ||= bucket.own[0]?.[1] === '+Inf'
      buckets.push(bucket)
    } else if (reader.field === 16) exemplars.push(readExemplar(reader.message()))
    else if (!native.take(reader)) reader.skip()
  }
  const histogram = native.finish()
  const parts = [...buckets]
  // A classic histogram may leave out the bucket of all observations.
  if (buckets.length > 0 && !hasInfinity)
    parts.push(part('_bucket', histogram.count, [['le', '+Inf']]))
  if (buckets.length > 0 || !native.isNative) {
    parts.push(part('_sum', histogram.sum), part('_count', histogram.count))
  }
  if (native.isNative) parts.push({ ...part('', 0, [], exemplars), histogram })
  return parts
}

function readBucket(reader: ProtobufReader): Part {
  let count = 0
  let bound = 0
  const exemplars: Exemplar[] = []
  while (reader.next()) {
    if (reader.field === 1) count = reader.uint64()
    else if (reader.field === 4) count = reader.double()
    else if (reader.field === 2) bound = reader.double()
    else if (reader.field === 3) exemplars.push(readExemplar(reader.message()))
    else reader.skip()
  }
  return part('_bucket', count, [['le', floatText(bound)]], exemplars)
}

function readPair(reader: ProtobufReader): readonly [string, string] {
  let name = ''
  let value = ''
  while (reader.next()) {
    if (reader.field === 1) name = reader.text()
    else if (reader.field === 2) value = reader.text()
    else reader.skip()
  }
  return [name, value]
}

function readExemplar(reader: ProtobufReader): Exemplar {
  const labels: (readonly [string, string])[] = []
  let value = 0
  let timeMs: number | undefined
  while (reader.next()) {
    if (reader.field === 1) labels.push(readPair(reader.message()))
    else if (reader.field === 2) value = reader.double()
    else if (reader.field === 3) timeMs = readTime(reader.message())
    else reader.skip()
  }
  return { labels, value, timeMs }
}

/** Seconds and nanoseconds. */
function readTime(reader: ProtobufReader): number {
  let seconds = 0
  let nanos = 0
  while (reader.next()) {
    if (reader.field === 1) seconds = reader.int64()
    else if (reader.field === 2) nanos = reader.int64()
    else reader.skip()
  }
  return seconds * 1_000 + Math.round(nanos / 1e6)
}

/** A bound as OpenMetrics writes it: whole numbers with a point. */
export function floatText(value: number): string {
  if (value === Infinity) return '+Inf'
  if (value === -Infinity) return '-Inf'
  if (Number.isNaN(value)) return 'NaN'
  const text = goExponent(String(value))
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}

/** JavaScript writes 1e-7 and 1e+21 where Go writes 1e-07 and 1e+21. */
function goExponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, 'e$10$2')
}
