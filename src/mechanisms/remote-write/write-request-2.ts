import type { Exemplar } from '../exposition/reader.ts'
import { ProtobufError, ProtobufReader, textOf } from '../protobuf/protobuf.ts'
import { varintBytes } from './encode-labels.ts'
import {
  METRIC_TYPES,
  type MetricMetadata,
  readHistogram,
  readSample,
  SampleColumns,
} from './write-request.ts'

/** Texts of one request. */
export const SYMBOLS_MAX = 5_000_000
/** Labels of one series. */
const LABELS_MAX = 1_000
const KEY_BYTES_START = 1_024

/**
 * Walks over a request of remote write 2.0 (prometheus.io/docs/specs/prw/remote_write_spec_2_0): texts stand once in a table. The labels of
 * a series are put together as version 1 writes them, so that a series has one key whoever sends it.
 */
export class WriteRequest2Reader {
  readonly #bytes: Uint8Array
  readonly #reader: ProtobufReader
  readonly #series: ProtobufReader
  readonly #sample: ProtobufReader
  readonly samples = new SampleColumns()
  /** Begin and end of each text. */
  #symbols = new Uint32Array(512)
  #symbolCount = 0
  #refs: number[] = []
  /** The fields `labels` of the series, as version 1 writes them, up to `labelsEnd`. */
  labels = new Uint8Array(KEY_BYTES_START)
  labelsEnd = 0
  /** What the series says of its metric, without a name. */
  metadata: Omit<MetricMetadata, 'name'> | undefined

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#reader = new ProtobufReader(bytes)
    this.#series = new ProtobufReader(bytes, 0, 0)
    this.#sample = new ProtobufReader(bytes, 0, 0)
    this.#readSymbols()
  }

  /** Whether there is another series. Throws `ProtobufError`. */
  next(): boolean {
    const reader = this.#reader
    while (reader.next()) {
      if (reader.field !== 5) {
        reader.skip()
        continue
      }
      const length = reader.length()
      this.#readSeries(reader.at - length, reader.at)
      return true
    }
    return false
  }

  /** A table may stand behind what uses it. */
  #readSymbols(): void {
    const reader = new ProtobufReader(this.#bytes)
    while (reader.next()) {
      if (reader.field !== 4) {
        reader.skip()
        continue
      }
      const length = reader.length()
      if (this.#symbolCount >= SYMBOLS_MAX) {
        throw new ProtobufError(`more than ${SYMBOLS_MAX} symbols`, reader.at)
      }
      if (this.#symbolCount * 2 === this.#symbols.length) {
        const more = new Uint32Array(this.#symbols.length * 2)
        more.set(this.#symbols)
        this.#symbols = more
      }
      this.#symbols[this.#symbolCount * 2] = reader.at - length
      this.#symbols[this.#symbolCount * 2 + 1] = reader.at
      this.#symbolCount++
    }
    if (this.#symbolCount > 0 && this.#symbols[0] !== this.#symbols[1]) {
      throw new ProtobufError('the first symbol is not empty', this.#symbols[0]!)
    }
  }

  #readSeries(start: number, end: number): void {
    const series = this.#series
    series.reset(start, end)
    this.samples.clear()
    this.metadata = undefined
    this.labelsEnd = 0
    this.#refs.length = 0
    while (series.next()) {
      switch (series.field) {
        case 1:
          this.#readRefs(series, this.#refs)
          break
        case 2:
          readSample(series, this.#sample, this.samples)
          break
        case 3:
          this.samples.histograms.push(readHistogram(series.message()))
          break
        case 4:
          this.samples.exemplars.push(this.#readExemplar(series.message()))
          break
        case 5:
          this.metadata = this.#readMetadata(series.message())
          break
        default:
          series.skip()
      }
    }
    requirePairs(this.#refs, end)
    for (let at = 0; at < this.#refs.length; at += 2) {
      this.#putLabel(this.#refs[at]!, this.#refs[at + 1]!)
    }
  }

  #readRefs(reader: ProtobufReader, refs: number[]): void {
    if (reader.isBytes) {
      const packed = reader.message()
      while (packed.at < packed.end) this.#pushRef(packed.rawUint64(), refs, reader.at)
    } else this.#pushRef(reader.uint64(), refs, reader.at)
  }

  #pushRef(ref: number, refs: number[], at: number): void {
    if (ref >= this.#symbolCount) throw new ProtobufError(`symbol ${ref} does not exist`, at)
    if (refs.length >= LABELS_MAX * 2) throw new ProtobufError('too many labels', at)
    refs.push(ref)
  }

  #readExemplar(reader: ProtobufReader): Exemplar {
    const refs: number[] = []
    let value = 0
    let timeMs: number | undefined
    while (reader.next()) {
      if (reader.field === 1) this.#readRefs(reader, refs)
      else if (reader.field === 2) value = reader.double()
      else if (reader.field === 3) timeMs = reader.int64()
      else reader.skip()
    }
    requirePairs(refs, reader.end)
    const labels = Array.from(
      { length: refs.length >> 1 },
      (_, at) => [this.#text(refs[2 * at]!), this.#text(refs[2 * at + 1]!)] as const,
    )
    return { labels, value, timeMs }
  }

  #readMetadata(reader: ProtobufReader): Omit<MetricMetadata, 'name'> {
    let type = 0
    let help = 0
    let unit = 0
    while (reader.next()) {
      if (reader.field === 1) type = reader.uint64()
      else if (reader.field === 3) help = reader.uint64()
      else if (reader.field === 4) unit = reader.uint64()
      else reader.skip()
    }
    return {
      type: METRIC_TYPES[type] ?? 'unknown',
      help: this.#text(help),
      unit: this.#text(unit),
    }
  }

  #text(ref: number): string {
    if (ref >= this.#symbolCount) throw new ProtobufError(`symbol ${ref} does not exist`, 0)
    return textOf(this.#bytes, this.#symbols[2 * ref]!, this.#symbols[2 * ref + 1]!)
  }

  /** One field `labels` with a name and a value. */
  #putLabel(name: number, value: number): void {
    const nameStart = this.#symbols[2 * name]!
    const nameEnd = this.#symbols[2 * name + 1]!
    const valueStart = this.#symbols[2 * value]!
    const valueEnd = this.#symbols[2 * value + 1]!
    const nameBytes = nameEnd - nameStart
    const valueBytes = valueEnd - valueStart
    const inner = 2 + varintBytes(nameBytes) + nameBytes + varintBytes(valueBytes) + valueBytes
    this.#reserve(inner + 8)
    let to = this.#putHead(this.labelsEnd, 0x0a, inner)
    to = this.#putHead(to, 0x0a, nameBytes)
    this.labels.set(this.#bytes.subarray(nameStart, nameEnd), to)
    to = this.#putHead(to + nameBytes, 0x12, valueBytes)
    this.labels.set(this.#bytes.subarray(valueStart, valueEnd), to)
    this.labelsEnd = to + valueBytes
  }

  #putHead(at: number, tag: number, length: number): number {
    this.labels[at] = tag
    let rest = length
    let to = at + 1
    while (rest > 127) {
      this.labels[to++] = (rest & 127) | 128
      rest >>>= 7
    }
    this.labels[to] = rest
    return to + 1
  }

  #reserve(bytes: number): void {
    if (this.labelsEnd + bytes <= this.labels.length) return
    const more = new Uint8Array(Math.max(this.labels.length * 2, this.labelsEnd + bytes))
    more.set(this.labels)
    this.labels = more
  }
}

function requirePairs(refs: readonly number[], at: number): void {
  if (refs.length % 2 !== 0) throw new ProtobufError('a label name without a value', at)
}
