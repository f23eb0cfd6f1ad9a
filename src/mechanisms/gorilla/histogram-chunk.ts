import type { FloatHistogram, ResetHint, Span } from '../native-histogram/float-histogram.ts'
import { BitReader, ChunkCorruptError, putBits, putUvarint, putVarint } from './bits.ts'
import {
  readSecondDifference,
  TIME_BITS_MAX,
  TimeColumns,
  VALUE_BITS_MAX,
  ValueColumns,
  ValueReader,
} from './columns.ts'
import { COUNT_BYTES, countSamples } from './float-chunk.ts'

/** Samples of one chunk of histograms. */
export const HISTOGRAM_SAMPLES_MAX = 120
/** Buckets of one histogram, of both signs together. */
export const HISTOGRAM_BUCKETS_MAX = 10_000

const HINTS: readonly ResetHint[] = ['unknown', 'reset', 'not-reset', 'gauge']
/** Count, sum and zero count stand before the buckets. */
const FIXED_COLUMNS = 3

/** A sample of a chunk of histograms. A marker of staleness has no histogram. */
export interface HistogramSample {
  readonly time: number
  readonly histogram: FloatHistogram | undefined
}

/**
 * A chunk of native histograms that grows. All its samples have the same buckets: the layout stands once in front, then each sample is a
 * time, two bits of reset hint, one that says whether it is stale, and the exclusive or of each number with the one before it.
 */
export class HistogramChunk {
  readonly layout: FloatHistogram
  readonly #doubles = new Float64Array(1)
  readonly #words = new Int32Array(this.#doubles.buffer)
  readonly #times = new TimeColumns(1)
  readonly #values: ValueColumns
  readonly #columns: number
  #buffer: Uint8Array
  #bit: number
  #hasValues = false
  count = 0
  firstTime = 0

  constructor(layout: FloatHistogram) {
    this.layout = layout
    const buckets = layout.positiveCounts.length + layout.negativeCounts.length
    this.#columns = FIXED_COLUMNS + buckets
    this.#values = new ValueColumns(this.#columns)
    this.#buffer = new Uint8Array(256)
    this.#bit = COUNT_BYTES * 8
    this.#putLayout(layout)
  }

  get lastTime(): number {
    return this.#times.last[0]!
  }

  /** Bytes that are held. */
  get bytes(): number {
    return this.#buffer.length + this.#columns * 10
  }

  /** Adds a sample behind all others; undefined is a marker of staleness. False where it does not belong here: nothing was added. */
  append(time: number, histogram: FloatHistogram | undefined): boolean {
    if (this.count >= HISTOGRAM_SAMPLES_MAX) return false
    if (histogram !== undefined && !hasSameLayout(this.layout, histogram)) return false
    this.#reserve(TIME_BITS_MAX + 3 + this.#columns * VALUE_BITS_MAX)
    this.#bit = this.#times.put(this.#buffer, this.#bit, 0, this.count, time)
    if (this.count === 0) this.firstTime = time
    this.count++
    this.#bit = putBits(this.#buffer, this.#bit, histogram === undefined ? 1 : 0, 1)
    if (histogram === undefined) return true
    this.#bit = putBits(this.#buffer, this.#bit, HINTS.indexOf(histogram.resetHint), 2)
    this.#putValues(histogram)
    return true
  }

  /** A copy of the chunk as it is now. */
  chunk(): Uint8Array {
    const copy = this.#buffer.slice(0, (this.#bit + 7) >> 3)
    copy[0] = this.count >> 8
    copy[1] = this.count & 255
    return copy
  }

  #putValues(histogram: FloatHistogram): void {
    let column = 0
    this.#putValue(column++, histogram.count)
    this.#putValue(column++, histogram.sum)
    this.#putValue(column++, histogram.zeroCount)
    for (const count of histogram.positiveCounts) this.#putValue(column++, count)
    for (const count of histogram.negativeCounts) this.#putValue(column++, count)
    this.#hasValues = true
  }

  #putValue(column: number, value: number): void {
    this.#doubles[0] = value
    const [low, high] = this.#words
    this.#bit = this.#hasValues
      ? this.#values.put(this.#buffer, this.#bit, column, high!, low!)
      : this.#values.putFirst(this.#buffer, this.#bit, column, high!, low!)
  }

  #putLayout(layout: FloatHistogram): void {
    this.#reserve(8 * 16 * (4 + layout.positiveSpans.length + layout.negativeSpans.length))
    this.#bit = putVarint(this.#buffer, this.#bit, layout.schema)
    this.#putWhole(layout.zeroThreshold)
    this.#putSpans(layout.positiveSpans)
    this.#putSpans(layout.negativeSpans)
    this.#bit = putUvarint(this.#buffer, this.#bit, layout.customBounds.length)
    this.#reserve(64 * layout.customBounds.length)
    for (const bound of layout.customBounds) this.#putWhole(bound)
  }

  #putWhole(value: number): void {
    this.#doubles[0] = value
    const [low, high] = this.#words
    this.#bit = putBits(this.#buffer, this.#bit, high!, 32)
    this.#bit = putBits(this.#buffer, this.#bit, low!, 32)
  }

  #putSpans(spans: readonly Span[]): void {
    this.#bit = putUvarint(this.#buffer, this.#bit, spans.length)
    for (const { offset, length } of spans) {
      this.#bit = putVarint(this.#buffer, this.#bit, offset)
      this.#bit = putUvarint(this.#buffer, this.#bit, length)
    }
  }

  #reserve(bits: number): void {
    const wanted = (this.#bit + bits + 7) >> 3
    if (wanted <= this.#buffer.length) return
    const more = new Uint8Array(Math.max(wanted, this.#buffer.length * 2))
    more.set(this.#buffer)
    this.#buffer = more
  }
}

/** Whether two histograms have the same buckets, so that they may stand in one chunk. */
export function hasSameLayout(one: FloatHistogram, other: FloatHistogram): boolean {
  return (
    one.schema === other.schema &&
    one.zeroThreshold === other.zeroThreshold &&
    hasSameSpans(one.positiveSpans, other.positiveSpans) &&
    hasSameSpans(one.negativeSpans, other.negativeSpans) &&
    one.customBounds.length === other.customBounds.length &&
    one.customBounds.every((bound, index) => bound === other.customBounds[index])
  )
}

function hasSameSpans(one: readonly Span[], other: readonly Span[]): boolean {
  return (
    one.length === other.length &&
    one.every(
      ({ offset, length }, index) =>
        offset === other[index]!.offset && length === other[index]!.length,
    )
  )
}

/** All samples of a chunk of histograms. Throws `ChunkCorruptError`. */
export function decodeHistogramChunk(chunk: Uint8Array): readonly HistogramSample[] {
  const count = countSamples(chunk)
  const reader = new BitReader(chunk, COUNT_BYTES)
  const doubles = new Doubles(reader)
  const layout = readLayout(reader, doubles)
  const positive = bucketCount(layout.positiveSpans)
  const columns = Array.from(
    { length: FIXED_COLUMNS + positive + bucketCount(layout.negativeSpans) },
    () => new ValueReader(),
  )
  const samples: HistogramSample[] = []
  let time = 0
  let delta = 0
  let hasValues = false
  for (let index = 0; index < count; index++) {
    if (index === 0) time = reader.varint()
    else delta = index === 1 ? reader.uvarint() : delta + readSecondDifference(reader)
    time += delta
    if (reader.bit() === 1) {
      samples.push({ time, histogram: undefined })
      continue
    }
    const resetHint = HINTS[reader.bits(2)]!
    const [total, sum, zeroCount, ...buckets] = readValues(columns, reader, doubles, hasValues)
    hasValues = true
    samples.push({
      time,
      histogram: {
        ...layout,
        resetHint,
        count: total!,
        sum: sum!,
        zeroCount: zeroCount!,
        positiveCounts: buckets.slice(0, positive),
        negativeCounts: buckets.slice(positive),
      },
    })
  }
  return samples
}

type Layout = Pick<
  FloatHistogram,
  'schema' | 'zeroThreshold' | 'positiveSpans' | 'negativeSpans' | 'customBounds'
>

function readLayout(reader: BitReader, doubles: Doubles): Layout {
  const schema = reader.varint()
  const zeroThreshold = doubles.read()
  const positiveSpans = readSpans(reader)
  const negativeSpans = readSpans(reader)
  if (bucketCount(positiveSpans) + bucketCount(negativeSpans) > HISTOGRAM_BUCKETS_MAX) {
    throw new ChunkCorruptError('it has too many buckets')
  }
  const boundCount = reader.uvarint()
  if (boundCount > HISTOGRAM_BUCKETS_MAX) throw new ChunkCorruptError('it has too many bounds')
  const customBounds = Array.from({ length: boundCount }, () => doubles.read())
  return { schema, zeroThreshold, positiveSpans, negativeSpans, customBounds }
}

function readSpans(reader: BitReader): readonly Span[] {
  const count = reader.uvarint()
  if (count > HISTOGRAM_BUCKETS_MAX) throw new ChunkCorruptError('it has too many spans')
  return Array.from({ length: count }, () => ({
    offset: reader.varint(),
    length: reader.uvarint(),
  }))
}

function readValues(
  columns: readonly ValueReader[],
  reader: BitReader,
  doubles: Doubles,
  hasValues: boolean,
): readonly number[] {
  return columns.map((column) => {
    if (hasValues) column.next(reader)
    else column.first(reader)
    return doubles.of(column.high, column.low)
  })
}

function bucketCount(spans: readonly Span[]): number {
  return spans.reduce((sum, { length }) => sum + length, 0)
}

/** Halves of doubles put together. */
class Doubles {
  readonly #double = new Float64Array(1)
  readonly #words = new Int32Array(this.#double.buffer)
  readonly #reader: BitReader

  constructor(reader: BitReader) {
    this.#reader = reader
  }

  read(): number {
    const high = this.#reader.bits(32)
    return this.of(high, this.#reader.bits(32))
  }

  of(high: number, low: number): number {
    this.#words[0] = low
    this.#words[1] = high
    return this.#double[0]!
  }
}
