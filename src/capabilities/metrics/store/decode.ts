import type { Labels } from '../../../mechanisms/labels/labels.ts'
import { countSamples, decodeFloatChunk } from '../../../mechanisms/gorilla/float-chunk.ts'
import {
  decodeHistogramChunk,
  type HistogramSample,
} from '../../../mechanisms/gorilla/histogram-chunk.ts'
import type { FloatHistogram } from '../../../mechanisms/native-histogram/float-histogram.ts'
import { bitsOf, markStaleAt, type Series } from '../../../mechanisms/promql/queryable.ts'
import { BlockCorruptError } from '../../../mechanisms/tsdb-block/bytes.ts'
import { CHUNK_ENCODING, type FramedChunk } from '../../../mechanisms/tsdb-block/chunk-frame.ts'

/** A chunk that was read, and what it spans. */
export interface TimedChunk {
  readonly minTime: number
  readonly maxTime: number
  readonly framed: FramedChunk
}

/** All samples of some chunks, times rising strictly. */
export interface Samples {
  readonly timestamps: Float64Array
  readonly values: Float64Array
  readonly histograms: readonly (FloatHistogram | undefined)[] | undefined
}

/** The one series of an answer that is decoded now. */
export interface DecodedSlot {
  owner: StoredSeries | undefined
  samples: Samples
}

/** A slot with nothing in it. */
export function createDecodedSlot(): DecodedSlot {
  const nothing = new Float64Array(0)
  return {
    owner: undefined,
    samples: { timestamps: nothing, values: nothing, histograms: undefined },
  }
}

/** A series whose samples are decoded when they are asked for; the slot, which all series of an answer share, holds those of one. */
export class StoredSeries implements Series {
  readonly labels: Labels
  readonly chunks: readonly TimedChunk[]
  readonly #fromMs: number
  readonly #toMs: number
  readonly #slot: DecodedSlot

  constructor(
    labels: Labels,
    chunks: readonly TimedChunk[],
    range: { readonly fromMs: number; readonly toMs: number },
    slot: DecodedSlot,
  ) {
    this.labels = labels
    this.chunks = chunks
    this.#fromMs = range.fromMs
    this.#toMs = range.toMs
    this.#slot = slot
  }

  get timestamps(): Float64Array {
    return this.#samples().timestamps
  }

  get values(): Float64Array {
    return this.#samples().values
  }

  get histograms(): readonly (FloatHistogram | undefined)[] | undefined {
    return this.#samples().histograms
  }

  #samples(): Samples {
    if (this.#slot.owner !== this) {
      this.#slot.samples = decodeChunks(this.chunks, this.#fromMs, this.#toMs)
      this.#slot.owner = this
    }
    return this.#slot.samples
  }
}

/** At most so many samples are in these chunks between two times: chunks that reach beyond count by their share. */
export function estimateSamples(chunks: readonly TimedChunk[], from: number, to: number): number {
  let sum = 0
  for (const { minTime, maxTime, framed } of chunks) {
    const count = countSamples(framed.chunk)
    const inside = Math.min(maxTime, to) - Math.max(minTime, from)
    const whole = maxTime - minTime
    sum += whole <= 0 ? count : Math.ceil((count * Math.max(0, inside)) / whole) + 1
  }
  return sum
}

/** Decodes chunks in any order into samples from `from` to `to`, both included. Of samples of one time the one of the later chunk counts. */
export function decodeChunks(chunks: readonly TimedChunk[], from: number, to: number): Samples {
  const sorted =
    chunks.length > 1 ? chunks.toSorted((one, other) => one.minTime - other.minTime) : chunks
  const total = sorted.reduce((sum, { framed }) => sum + countSamples(framed.chunk), 0)
  const times = new Float64Array(total)
  const values = new Float64Array(total)
  const bits = bitsOf(values)
  let histograms: (FloatHistogram | undefined)[] | undefined
  let at = 0
  for (const { framed } of sorted) {
    if (framed.encoding === CHUNK_ENCODING.floats) {
      at += decodeFloatChunk(framed.chunk, times, bits, at)
    } else if (framed.encoding === CHUNK_ENCODING.histograms) {
      histograms ??= Array.from({ length: total })
      at = putHistograms(decodeHistogramChunk(framed.chunk), times, bits, histograms, at)
    } else throw new BlockCorruptError(`encoding ${framed.encoding} of a chunk is unknown`)
  }
  if (isRising(times)) return cut(times, values, histograms, from, to)
  return cutSorted(times, values, histograms, from, to)
}

function putHistograms(
  samples: readonly HistogramSample[],
  times: Float64Array,
  bits: Uint32Array,
  histograms: (FloatHistogram | undefined)[],
  begin: number,
): number {
  let at = begin
  for (const { time, histogram } of samples) {
    times[at] = time
    if (histogram === undefined) markStaleAt(bits, at)
    else histograms[at] = histogram
    at++
  }
  return at
}

function isRising(times: Float64Array): boolean {
  for (let at = 1; at < times.length; at++) if (times[at]! <= times[at - 1]!) return false
  return true
}

function cut(
  times: Float64Array,
  values: Float64Array,
  histograms: readonly (FloatHistogram | undefined)[] | undefined,
  from: number,
  to: number,
): Samples {
  const begin = lowerBound(times, from)
  const end = lowerBound(times, to + 1)
  if (begin === 0 && end === times.length) return { timestamps: times, values, histograms }
  return {
    timestamps: times.subarray(begin, end),
    values: values.subarray(begin, end),
    histograms: histograms?.slice(begin, end),
  }
}

/** Chunks that overlap: late samples, or blocks that were not merged yet. */
function cutSorted(
  times: Float64Array,
  values: Float64Array,
  histograms: readonly (FloatHistogram | undefined)[] | undefined,
  from: number,
  to: number,
): Samples {
  const order = Uint32Array.from(times, (_, at) => at).sort(
    (one, other) => times[one]! - times[other]! || one - other,
  )
  const kept = order.filter(
    (at, index) => index + 1 === order.length || times[order[index + 1]!] !== times[at],
  )
  const timestamps = new Float64Array(kept.length)
  const sorted = new Float64Array(kept.length)
  const bits = bitsOf(values)
  const sortedBits = bitsOf(sorted)
  const moved = histograms === undefined ? undefined : Array.from(kept, (at) => histograms[at])
  for (const [to2, at] of kept.entries()) {
    timestamps[to2] = times[at]!
    sortedBits[2 * to2] = bits[2 * at]!
    sortedBits[2 * to2 + 1] = bits[2 * at + 1]!
  }
  return cut(timestamps, sorted, moved, from, to)
}

/** The first place whose time is not below `time`. */
function lowerBound(times: Float64Array, time: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (times[middle]! < time) low = middle + 1
    else high = middle
  }
  return low
}
