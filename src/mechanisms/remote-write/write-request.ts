import type { Exemplar, MetricType } from '../exposition/reader.ts'
import { compareText, Labels, labelsOf } from '../labels/labels.ts'
import type { FloatHistogram } from '../native-histogram/float-histogram.ts'
import { ProtobufError, ProtobufReader } from '../protobuf/protobuf.ts'
import { HistogramMessage, type HistogramFields } from '../protobuf/histogram-message.ts'

/** Types of metrics by their numbers in both versions. */
export const METRIC_TYPES: readonly MetricType[] = [
  'unknown',
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
]

const histogramFields: HistogramFields = {
  countWhole: 1,
  countFloat: 2,
  sum: 3,
  schema: 4,
  zeroThreshold: 5,
  zeroWhole: 6,
  zeroFloat: 7,
  negativeSpans: 8,
  negativeDeltas: 9,
  negativeCounts: 10,
  positiveSpans: 11,
  positiveDeltas: 12,
  positiveCounts: 13,
  resetHint: 14,
  customBounds: 16,
}
const HISTOGRAM_TIME = 15

/** What is known of a metric. */
export interface MetricMetadata {
  readonly name: string
  readonly type: MetricType
  readonly help: string
  readonly unit: string
}

/** A native histogram at a time. */
export interface TimedHistogram {
  readonly timeMs: number
  readonly histogram: FloatHistogram
}

/** Samples of one series, in columns that are used again for the next series: a value is the halves of a double. */
export class SampleColumns {
  count = 0
  times = new Float64Array(16)
  high = new Int32Array(16)
  low = new Int32Array(16)
  histograms: TimedHistogram[] = []
  exemplars: Exemplar[] = []

  clear(): void {
    this.count = 0
    if (this.histograms.length > 0) this.histograms = []
    if (this.exemplars.length > 0) this.exemplars = []
  }

  push(timeMs: number, high: number, low: number): void {
    if (this.count === this.times.length) this.#grow()
    this.times[this.count] = timeMs
    this.high[this.count] = high
    this.low[this.count] = low
    this.count++
  }

  #grow(): void {
    const length = this.times.length * 2
    const { times, high, low } = this
    this.times = new Float64Array(length)
    this.times.set(times)
    this.high = new Int32Array(length)
    this.high.set(high)
    this.low = new Int32Array(length)
    this.low.set(low)
  }
}

/**
 * Walks over a write request of remote write 1.0 (prometheus.io/docs/specs/prw/remote_write_spec). The labels of a series are told by
 * where their bytes are: a sender sends the same ones again and again.
 */
export class WriteRequestReader {
  readonly #reader: ProtobufReader
  readonly #series: ProtobufReader
  readonly #sample: ProtobufReader
  readonly samples = new SampleColumns()
  /** Bytes of the fields `labels` of the series, for `parseLabelPairs`. */
  labelsStart = 0
  labelsEnd = 0
  metadata: MetricMetadata | undefined

  constructor(bytes: Uint8Array) {
    this.#reader = new ProtobufReader(bytes)
    this.#series = new ProtobufReader(bytes, 0, 0)
    this.#sample = new ProtobufReader(bytes, 0, 0)
  }

  /** What comes next. Throws `ProtobufError`. */
  next(): 'series' | 'metadata' | 'end' {
    const reader = this.#reader
    while (reader.next()) {
      if (reader.field === 1) {
        const length = reader.length()
        this.#readSeries(reader.at - length, reader.at)
        return 'series'
      }
      if (reader.field === 3) {
        this.metadata = readMetadata(reader.message())
        return 'metadata'
      }
      reader.skip()
    }
    return 'end'
  }

  #readSeries(start: number, end: number): void {
    const series = this.#series
    series.reset(start, end)
    this.samples.clear()
    this.labelsStart = this.labelsEnd = start
    let at = start
    while (series.next()) {
      switch (series.field) {
        case 1:
          series.length()
          // Labels are one run: any encoder writes the fields in order.
          if (this.labelsEnd === this.labelsStart) this.labelsStart = at
          else if (this.labelsEnd !== at) throw new ProtobufError('labels in several places', at)
          this.labelsEnd = series.at
          break
        case 2:
          readSample(series, this.#sample, this.samples)
          break
        case 3:
          this.samples.exemplars.push(readExemplar(series.message(), parseLabelPairs))
          break
        case 4:
          this.samples.histograms.push(readHistogram(series.message()))
          break
        default:
          series.skip()
      }
      at = series.at
    }
  }
}

/** The labels of a series, or of an exemplar, from the bytes of their fields `labels`. */
export function parseLabelPairs(
  bytes: Uint8Array,
  start: number,
  end: number,
): (readonly [name: string, value: string])[] {
  const reader = new ProtobufReader(bytes, start, end)
  const pairs: (readonly [string, string])[] = []
  while (reader.next()) {
    if (reader.field !== 1) {
      reader.skip()
      continue
    }
    const label = reader.message()
    let name = ''
    let value = ''
    while (label.next()) {
      if (label.field === 1) name = label.text()
      else if (label.field === 2) value = label.text()
      else label.skip()
    }
    pairs.push([name, value])
  }
  return pairs
}

/** The same as labels, quickly where they are as they should be: sorted, each once, none empty. */
export function parseLabels(bytes: Uint8Array, start: number, end: number): Labels {
  const pairs = parseLabelPairs(bytes, start, end)
  const names: string[] = []
  const values: string[] = []
  for (const [at, [name, value]] of pairs.entries()) {
    if (value === '' || (at > 0 && compareText(names[at - 1]!, name) >= 0)) return labelsOf(pairs)
    names.push(name)
    values.push(value)
  }
  return new Labels(names, values)
}

/** One message `Sample`, which both versions have alike. */
export function readSample(
  outer: ProtobufReader,
  reader: ProtobufReader,
  into: SampleColumns,
): void {
  const length = outer.length()
  reader.reset(outer.at - length, outer.at)
  let time = 0
  let high = 0
  let low = 0
  while (reader.next()) {
    if (reader.field === 1) {
      reader.skipDouble()
      low = reader.int32At(reader.at - 8)
      high = reader.int32At(reader.at - 4)
    } else if (reader.field === 2) time = reader.int64()
    else reader.skip()
  }
  into.push(time, high, low)
}

/** One message `Histogram`, which both versions have alike. */
export function readHistogram(reader: ProtobufReader): TimedHistogram {
  const message = new HistogramMessage(histogramFields)
  let timeMs = 0
  while (reader.next()) {
    if (reader.field === HISTOGRAM_TIME) timeMs = reader.int64()
    else if (!message.take(reader)) reader.skip()
  }
  return { timeMs, histogram: message.finish() }
}

function readExemplar(reader: ProtobufReader, parse: typeof parseLabelPairs): Exemplar {
  const { at: start, end } = reader
  let value = 0
  let timeMs: number | undefined
  while (reader.next()) {
    if (reader.field === 2) value = reader.double()
    else if (reader.field === 3) timeMs = reader.int64()
    else reader.skip()
  }
  return { labels: parse(reader.bytes, start, end), value, timeMs }
}

function readMetadata(reader: ProtobufReader): MetricMetadata {
  let type = 0
  let name = ''
  let help = ''
  let unit = ''
  while (reader.next()) {
    if (reader.field === 1) type = reader.uint64()
    else if (reader.field === 2) name = reader.text()
    else if (reader.field === 4) help = reader.text()
    else if (reader.field === 5) unit = reader.text()
    else reader.skip()
  }
  return { name, type: METRIC_TYPES[type] ?? 'unknown', help, unit }
}
