import type { MetricType } from '../../../mechanisms/exposition/reader.ts'
import {
  decodeHistogramChunk,
  HistogramChunk,
} from '../../../mechanisms/gorilla/histogram-chunk.ts'
import type { FloatHistogram } from '../../../mechanisms/native-histogram/float-histogram.ts'
import { ByteReader, ByteWriter } from '../../../mechanisms/tsdb-block/bytes.ts'

/** The first byte of a record says what it is. */
export const RECORD = {
  /** A number for the labels of a series. */
  series: 1,
  /** Numbers of many series. */
  samples: 2,
  /** A native histogram of one series. */
  histogram: 3,
  exemplar: 4,
  metadata: 5,
  /** Only in a checkpoint: what the head knows of a series. */
  state: 6,
  /** Only in a checkpoint: it is whole. */
  end: 7,
  /** Numbers that came behind newer ones of their series. */
  late: 8,
} as const

/** A record of samples is at most so long. */
const SAMPLES_BYTES_MAX = 256 * 1024
const LATE_BYTES_MAX = 16 * 1024
/** Two varints and a double. */
const SAMPLE_BYTES_MAX = 10 + 10 + 8

/** Samples of many series, gathered into records. */
export class SampleRecords {
  readonly #append: (record: Uint8Array) => void
  readonly #bytes: Uint8Array
  #at = 1
  #ref = 0
  #time = 0

  constructor(type: 'samples' | 'late', append: (record: Uint8Array) => void) {
    this.#append = append
    this.#bytes = new Uint8Array(type === 'late' ? LATE_BYTES_MAX : SAMPLES_BYTES_MAX)
    this.#bytes[0] = RECORD[type]
  }

  add(ref: number, time: number, high: number, low: number): void {
    if (this.#at + SAMPLE_BYTES_MAX > this.#bytes.length) this.finish()
    const bytes = this.#bytes
    let at = putVarint(bytes, this.#at, ref - this.#ref)
    at = putVarint(bytes, at, time - this.#time)
    this.#ref = ref
    this.#time = time
    bytes[at] = low
    bytes[at + 1] = low >> 8
    bytes[at + 2] = low >> 16
    bytes[at + 3] = low >> 24
    bytes[at + 4] = high
    bytes[at + 5] = high >> 8
    bytes[at + 6] = high >> 16
    bytes[at + 7] = high >> 24
    this.#at = at + 8
  }

  /** Hands on what was gathered. */
  finish(): void {
    if (this.#at > 1) this.#append(this.#bytes.subarray(0, this.#at))
    this.#at = 1
    this.#ref = 0
    this.#time = 0
  }
}

/** LEB128 with the sign in the lowest bit. */
function putVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value >= 0 ? value * 2 : -value * 2 - 1
  let to = at
  while (rest > 127) {
    bytes[to++] = (rest % 128) + 128
    rest = Math.floor(rest / 128)
  }
  bytes[to] = rest
  return to + 1
}

/** Hands on each sample of a record. Throws `BlockCorruptError`. */
export function readSamples(
  record: Buffer,
  onSample: (ref: number, time: number, high: number, low: number) => void,
): void {
  const reader = new ByteReader(record, 1)
  let ref = 0
  let time = 0
  while (reader.at < record.length) {
    ref += reader.varint()
    time += reader.varint()
    const { byteOffset } = reader.view(8)
    const at = byteOffset - record.byteOffset
    onSample(ref, time, record.readInt32LE(at + 4), record.readInt32LE(at))
  }
}

/** The number of a series, and its labels as `encodeLabels` writes them. */
export function encodeSeries(ref: number, key: Uint8Array): Uint8Array {
  const out = new ByteWriter(key.length + 11)
  out.byte(RECORD.series)
  out.uvarint(ref)
  out.bytes(key)
  return out.view()
}

/** The same, read. */
export function readSeriesRecord(record: Buffer): { readonly ref: number; readonly key: Buffer } {
  const reader = new ByteReader(record, 1)
  const ref = reader.uvarint()
  return { ref, key: record.subarray(reader.at) }
}

/** A histogram at a time. */
export function encodeHistogram(ref: number, time: number, histogram: FloatHistogram): Uint8Array {
  const chunk = new HistogramChunk(histogram)
  chunk.append(time, histogram)
  const out = new ByteWriter()
  out.byte(RECORD.histogram)
  out.uvarint(ref)
  out.bytes(chunk.chunk())
  return out.view()
}

/** The same, read. Throws `ChunkCorruptError`. */
export function readHistogramRecord(record: Buffer): {
  readonly ref: number
  readonly time: number
  readonly histogram: FloatHistogram | undefined
} {
  const reader = new ByteReader(record, 1)
  const ref = reader.uvarint()
  const [sample] = decodeHistogramChunk(record.subarray(reader.at))
  return { ref, time: sample?.time ?? 0, histogram: sample?.histogram }
}

/** An exemplar of a series; its labels as `encodeLabels` writes them. */
export interface ExemplarRecord {
  readonly ref: number
  readonly timeMs: number
  readonly value: number
  readonly labels: Uint8Array
}

/** The bytes of an exemplar. */
export function encodeExemplar({ ref, timeMs, value, labels }: ExemplarRecord): Uint8Array {
  const out = new ByteWriter()
  out.byte(RECORD.exemplar)
  out.uvarint(ref)
  out.varint(timeMs)
  const double = new Uint8Array(8)
  new DataView(double.buffer).setFloat64(0, value)
  out.bytes(double)
  out.bytes(labels)
  return out.view()
}

/** The same, read. */
export function readExemplarRecord(record: Buffer): ExemplarRecord {
  const reader = new ByteReader(record, 1)
  const ref = reader.uvarint()
  const timeMs = reader.varint()
  const value = record.readDoubleBE(reader.at)
  return { ref, timeMs, value, labels: record.subarray(reader.at + 8) }
}

/** What is known of a metric by its name. */
export interface Metadata {
  readonly name: string
  readonly type: MetricType
  readonly help: string
  readonly unit: string
}

/** The bytes of metadata. */
export function encodeMetadata(metadata: Metadata): Uint8Array {
  const text = Buffer.from(JSON.stringify(metadata))
  const out = new ByteWriter()
  out.byte(RECORD.metadata)
  out.bytes(text)
  return out.view()
}

/** The same, read. */
export function readMetadataRecord(record: Buffer): Metadata {
  return JSON.parse(record.toString('utf8', 1)) as Metadata
}
