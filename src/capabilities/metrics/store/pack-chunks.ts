import { FloatChunkWriter } from '../../../mechanisms/gorilla/float-chunk-writer.ts'
import { countSamples } from '../../../mechanisms/gorilla/float-chunk.ts'
import { HistogramChunk } from '../../../mechanisms/gorilla/histogram-chunk.ts'
import { bitsOf } from '../../../mechanisms/promql/queryable.ts'
import { CHUNK_ENCODING } from '../../../mechanisms/tsdb-block/chunk-frame.ts'
import { decodeChunks, type TimedChunk } from './decode.ts'

/** Chunks of a block have up to so many samples: each chunk costs some thirty bytes besides them. */
export const PACKED_SAMPLES_MAX = 480
/** And so many bytes, so that reading a few samples of noisy series stays cheap. */
const PACKED_BYTES_MAX = 2_048
/** Fuller ones are left as they are. */
const FULL_SAMPLES_MIN = 240

/**
 * The chunks of one series for a block: sorted, without overlaps, small ones put together. Chunks that are full and overlap nothing are
 * taken as they are.
 */
export function packChunks(chunks: readonly TimedChunk[]): readonly TimedChunk[] {
  const sorted = chunks.toSorted((one, other) => one.minTime - other.minTime)
  const packed: TimedChunk[] = []
  let run: TimedChunk[] = []
  let runEnd = Number.NEGATIVE_INFINITY
  const flush = (): void => {
    if (run.length === 1) packed.push(run[0]!)
    else if (run.length > 1) packed.push(...encode(run))
    run = []
    runEnd = Number.NEGATIVE_INFINITY
  }
  for (const chunk of sorted) {
    const overlaps = chunk.minTime <= runEnd
    if (!overlaps && isFull(chunk)) {
      flush()
      run = [chunk]
      runEnd = chunk.maxTime
      continue
    }
    // A full one in front is only opened again where it overlaps.
    if (!overlaps && run.length === 1 && isFull(run[0]!)) flush()
    run.push(chunk)
    runEnd = Math.max(runEnd, chunk.maxTime)
  }
  flush()
  return packed
}

function isFull({ framed }: TimedChunk): boolean {
  if (framed.encoding !== CHUNK_ENCODING.floats) return true
  return countSamples(framed.chunk) >= FULL_SAMPLES_MIN || framed.chunk.length >= PACKED_BYTES_MAX
}

function encode(chunks: readonly TimedChunk[]): readonly TimedChunk[] {
  const { timestamps, values, histograms } = decodeChunks(chunks, -Infinity, Infinity)
  const bits = bitsOf(values)
  const found: TimedChunk[] = []
  const writer = new FloatChunkWriter()
  let histogramChunk: HistogramChunk | undefined
  const closeFloats = (): void => {
    if (writer.count === 0) return
    const { firstTime: minTime, lastTime: maxTime } = writer
    const framed = { encoding: CHUNK_ENCODING.floats, chunk: writer.take() }
    found.push({ minTime, maxTime, framed })
  }
  const closeHistograms = (): void => {
    if (histogramChunk === undefined) return
    const { firstTime: minTime, lastTime: maxTime } = histogramChunk
    const framed = { encoding: CHUNK_ENCODING.histograms, chunk: histogramChunk.chunk() }
    found.push({ minTime, maxTime, framed })
    histogramChunk = undefined
  }
  for (const [at, time] of timestamps.entries()) {
    const histogram = histograms?.[at]
    if (histogram === undefined) {
      closeHistograms()
      if (writer.count >= PACKED_SAMPLES_MAX || writer.bytes >= PACKED_BYTES_MAX) closeFloats()
      writer.append(time, bits[2 * at + 1]! | 0, bits[2 * at]! | 0)
      continue
    }
    closeFloats()
    if (histogramChunk?.append(time, histogram) === true) continue
    closeHistograms()
    histogramChunk = new HistogramChunk(histogram)
    histogramChunk.append(time, histogram)
  }
  closeFloats()
  closeHistograms()
  return found
}
