import { Labels } from '../../../mechanisms/labels/labels.ts'
import type { Series } from '../../../mechanisms/promql/queryable.ts'
import { createDecodedSlot, StoredSeries, type TimedChunk } from '../store/decode.ts'

/** Series on their way to a thread: few large arrays that change hands, in place of many objects that would be copied. */
export interface PackedSeries {
  /** Every name and value, once. */
  readonly texts: readonly string[]
  /** For each series: how many labels it has, then name and value of each, then how many chunks. */
  readonly shape: Uint32Array<ArrayBuffer>
  readonly seriesCount: number
  /** Two a chunk: first and last time. */
  readonly times: Float64Array<ArrayBuffer>
  /** Two a chunk: encoding and length. */
  readonly frames: Uint32Array<ArrayBuffer>
  /** The bytes of all chunks, one behind the other. */
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** What a store found, before anything is decoded. */
export interface ChunkedSeries {
  readonly labels: Labels
  readonly chunks: readonly TimedChunk[]
}

/** Packs series; `transferable` are what changes hands. */
export function packSeries(all: readonly ChunkedSeries[]): PackedSeries {
  const ids = new Map<string, number>()
  const texts: string[] = []
  const idOf = (text: string): number => {
    let id = ids.get(text)
    if (id === undefined) {
      id = texts.length
      ids.set(text, id)
      texts.push(text)
    }
    return id
  }
  let shapeLength = 0
  let chunkCount = 0
  let byteCount = 0
  for (const { labels, chunks } of all) {
    shapeLength += 2 + labels.names.length * 2
    chunkCount += chunks.length
    for (const { framed } of chunks) byteCount += framed.chunk.length
  }
  const shape = new Uint32Array(shapeLength)
  const times = new Float64Array(chunkCount * 2)
  const frames = new Uint32Array(chunkCount * 2)
  const bytes = new Uint8Array(byteCount)
  let at = 0
  let chunkAt = 0
  let byteAt = 0
  for (const { labels, chunks } of all) {
    shape[at++] = labels.names.length
    for (let label = 0; label < labels.names.length; label++) {
      shape[at++] = idOf(labels.names[label]!)
      shape[at++] = idOf(labels.values[label]!)
    }
    shape[at++] = chunks.length
    for (const { minTime, maxTime, framed } of chunks) {
      times[chunkAt] = minTime
      times[chunkAt + 1] = maxTime
      frames[chunkAt] = framed.encoding
      frames[chunkAt + 1] = framed.chunk.length
      chunkAt += 2
      bytes.set(framed.chunk, byteAt)
      byteAt += framed.chunk.length
    }
  }
  return { texts, shape, seriesCount: all.length, times, frames, bytes }
}

/** What of packed series changes hands. */
export function transferablesOf({ shape, times, frames, bytes }: PackedSeries): ArrayBuffer[] {
  return [shape.buffer, times.buffer, frames.buffer, bytes.buffer]
}

/** The series again, which decode when they are read. */
export function unpackSeries(
  packed: PackedSeries,
  range: { readonly fromMs: number; readonly toMs: number },
): readonly Series[] {
  const { texts, shape, times, frames, bytes } = packed
  const slot = createDecodedSlot()
  const nameSets = new Map<string, readonly string[]>()
  const found: Series[] = []
  let at = 0
  let chunkAt = 0
  let byteAt = 0
  for (let index = 0; index < packed.seriesCount; index++) {
    const labelCount = shape[at++]!
    const names: string[] = []
    const values: string[] = []
    let key = ''
    for (let label = 0; label < labelCount; label++) {
      key += `${shape[at]} `
      names.push(texts[shape[at++]!]!)
      values.push(texts[shape[at++]!]!)
    }
    const shared = nameSets.get(key) ?? names
    nameSets.set(key, shared)
    const chunks: TimedChunk[] = []
    for (let left = shape[at++]!; left > 0; left--) {
      const length = frames[chunkAt + 1]!
      chunks.push({
        minTime: times[chunkAt]!,
        maxTime: times[chunkAt + 1]!,
        framed: { encoding: frames[chunkAt]!, chunk: bytes.subarray(byteAt, byteAt + length) },
      })
      chunkAt += 2
      byteAt += length
    }
    found.push(new StoredSeries(new Labels(shared, values), chunks, range, slot))
  }
  return found
}
