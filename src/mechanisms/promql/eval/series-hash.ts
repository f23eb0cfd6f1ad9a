import type { Labels } from '../../labels/labels.ts'
import { xxhash64 } from '../../xxhash/xxhash64.ts'

/**
 * A number from 0 to 1 that depends on the labels alone, and is spread evenly: the same series is in the same share of all series
 * whenever it is asked. It is Prometheus' number (XXH64 of names and values, each behind its length), so `limit_ratio` takes the same
 * series there and here.
 */
export function seriesRatio({ names, values }: Labels): number {
  const bytes: number[] = []
  const encoder = new TextEncoder()
  for (const [index, name] of names.entries()) {
    for (const text of [name, values[index] ?? '']) {
      const encoded = encoder.encode(text)
      bytes.push(...sizeOf(encoded.length), ...encoded)
    }
  }
  return Number(xxhash64(new Uint8Array(bytes))) / 2 ** 64
}

function sizeOf(length: number): readonly number[] {
  if (length < 255) return [length]
  return [255, length & 255, (length >> 8) & 255, (length >> 16) & 255]
}
