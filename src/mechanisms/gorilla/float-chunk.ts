import { BitReader, ChunkCorruptError } from './bits.ts'
import { readSecondDifference, ValueReader } from './columns.ts'

/** Two bytes in front, big-endian: how many samples there are. The layout is that of Prometheus' XOR chunks (tsdb/docs/format/chunks.md). */
export const COUNT_BYTES = 2

/** How many samples a chunk holds. */
export function countSamples(chunk: Uint8Array): number {
  if (chunk.length < COUNT_BYTES) throw new ChunkCorruptError('it has no count')
  return (chunk[0]! << 8) | chunk[1]!
}

/**
 * Decodes all samples into `times` and `bits` from sample `at` on; `bits` has two words a value, the low one first, as a Float64Array
 * has them. Returns how many there were. There must be room for `countSamples`. Throws `ChunkCorruptError`.
 */
export function decodeFloatChunk(
  chunk: Uint8Array,
  times: Float64Array,
  bits: Uint32Array,
  at: number,
): number {
  const count = countSamples(chunk)
  const reader = new BitReader(chunk, COUNT_BYTES)
  const value = new ValueReader()
  let time = 0
  let delta = 0
  for (let index = 0; index < count; index++) {
    if (index === 0) {
      time = reader.varint()
      value.first(reader)
    } else {
      delta = index === 1 ? reader.uvarint() : delta + readSecondDifference(reader)
      time += delta
      value.next(reader)
    }
    const to = at + index
    times[to] = time
    bits[2 * to] = value.low
    bits[2 * to + 1] = value.high
  }
  return count
}
