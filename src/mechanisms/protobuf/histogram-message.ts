import type { FloatHistogram, ResetHint, Span } from '../native-histogram/float-histogram.ts'
import { ProtobufError, type ProtobufReader } from './protobuf.ts'

/** Buckets of one histogram, of both signs together. */
export const BUCKETS_MAX = 10_000

const HINTS: readonly ResetHint[] = ['unknown', 'reset', 'not-reset', 'gauge']

/** Where the fields of a histogram stand: remote write and the exposition number them differently. */
export interface HistogramFields {
  readonly countWhole: number
  readonly countFloat: number
  readonly sum: number
  readonly schema: number
  readonly zeroThreshold: number
  readonly zeroWhole: number
  readonly zeroFloat: number
  readonly negativeSpans: number
  readonly negativeDeltas: number
  readonly negativeCounts: number
  readonly positiveSpans: number
  readonly positiveDeltas: number
  readonly positiveCounts: number
  /** 0: there is none. */
  readonly resetHint: number
  readonly customBounds: number
}

/** Collects the fields of one histogram. */
export class HistogramMessage {
  readonly #fields: HistogramFields
  #count = 0
  #sum = 0
  #schema = 0
  #zeroThreshold = 0
  #zeroCount = 0
  #hint = 0
  readonly #negativeSpans: Span[] = []
  readonly #positiveSpans: Span[] = []
  readonly #negativeDeltas: number[] = []
  readonly #positiveDeltas: number[] = []
  readonly #negativeCounts: number[] = []
  readonly #positiveCounts: number[] = []
  readonly #bounds: number[] = []

  constructor(fields: HistogramFields) {
    this.#fields = fields
  }

  /** Takes the field that the reader stands at; false where it is not one of these: it was not read. */
  take(reader: ProtobufReader): boolean {
    const fields = this.#fields
    switch (reader.field) {
      case fields.countWhole:
        this.#count = reader.uint64()
        return true
      case fields.countFloat:
        this.#count = reader.double()
        return true
      case fields.sum:
        this.#sum = reader.double()
        return true
      case fields.schema:
        this.#schema = reader.sint64()
        return true
      case fields.zeroThreshold:
        this.#zeroThreshold = reader.double()
        return true
      case fields.zeroWhole:
        this.#zeroCount = reader.uint64()
        return true
      case fields.zeroFloat:
        this.#zeroCount = reader.double()
        return true
      case fields.resetHint:
        this.#hint = reader.uint64()
        return true
      default:
        return this.#takeBuckets(reader)
    }
  }

  /** The histogram. Throws `ProtobufError` where its parts do not fit to each other. */
  finish(): FloatHistogram {
    const positiveCounts = countsOf(this.#positiveDeltas, this.#positiveCounts)
    const negativeCounts = countsOf(this.#negativeDeltas, this.#negativeCounts)
    requireFit(this.#positiveSpans, positiveCounts)
    requireFit(this.#negativeSpans, negativeCounts)
    return {
      resetHint: HINTS[this.#hint] ?? 'unknown',
      schema: this.#schema,
      zeroThreshold: this.#zeroThreshold,
      zeroCount: this.#zeroCount,
      count: this.#count,
      sum: this.#sum,
      positiveSpans: this.#positiveSpans,
      positiveCounts,
      negativeSpans: this.#negativeSpans,
      negativeCounts,
      customBounds: this.#bounds,
    }
  }

  /** Whether it has anything that a classic histogram has not. */
  get isNative(): boolean {
    return (
      this.#zeroThreshold > 0 ||
      this.#zeroCount > 0 ||
      this.#positiveSpans.length > 0 ||
      this.#negativeSpans.length > 0
    )
  }

  #takeBuckets(reader: ProtobufReader): boolean {
    const fields = this.#fields
    switch (reader.field) {
      case fields.negativeSpans:
        takeSpan(reader, this.#negativeSpans)
        return true
      case fields.positiveSpans:
        takeSpan(reader, this.#positiveSpans)
        return true
      case fields.negativeDeltas:
        takeDeltas(reader, this.#negativeDeltas)
        return true
      case fields.positiveDeltas:
        takeDeltas(reader, this.#positiveDeltas)
        return true
      case fields.negativeCounts:
        takeDoubles(reader, this.#negativeCounts)
        return true
      case fields.positiveCounts:
        takeDoubles(reader, this.#positiveCounts)
        return true
      case fields.customBounds:
        takeDoubles(reader, this.#bounds)
        return true
      default:
        return false
    }
  }
}

function takeSpan(reader: ProtobufReader, into: Span[]): void {
  const message = reader.message()
  let offset = 0
  let length = 0
  while (message.next()) {
    if (message.field === 1) offset = message.sint64()
    else if (message.field === 2) length = message.uint64()
    else message.skip()
  }
  if (length > BUCKETS_MAX || into.length >= BUCKETS_MAX) throw tooMany(reader)
  into.push({ offset, length })
}

function takeDeltas(reader: ProtobufReader, into: number[]): void {
  if (!reader.isBytes) {
    into.push(reader.sint64())
    return
  }
  const packed = reader.message()
  while (packed.at < packed.end) into.push(packed.rawSint64())
  if (into.length > BUCKETS_MAX) throw tooMany(reader)
}

function takeDoubles(reader: ProtobufReader, into: number[]): void {
  if (!reader.isBytes) {
    into.push(reader.double())
    return
  }
  const packed = reader.message()
  while (packed.at < packed.end) into.push(packed.rawDouble())
  if (into.length > BUCKETS_MAX) throw tooMany(reader)
}

function tooMany(reader: ProtobufReader): ProtobufError {
  return new ProtobufError(`a histogram of more than ${BUCKETS_MAX} buckets`, reader.at)
}

/** Whole counts are written as differences to the bucket before. */
function countsOf(deltas: readonly number[], counts: readonly number[]): readonly number[] {
  let count = 0
  return deltas.length > 0 ? deltas.map((delta) => (count += delta)) : counts
}

function requireFit(spans: readonly Span[], counts: readonly number[]): void {
  const length = spans.reduce((sum, span) => sum + span.length, 0)
  if (length !== counts.length) {
    throw new ProtobufError(`spans of ${length} buckets and ${counts.length} counts`, 0)
  }
  if (counts.some((count) => count < 0))
    throw new ProtobufError('a bucket with a negative count', 0)
}
