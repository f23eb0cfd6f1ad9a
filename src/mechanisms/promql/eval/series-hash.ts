import type { Labels } from '../../labels/labels.ts'

/**
 * A number from 0 to below 1 that depends on the labels alone, and is spread evenly: the same series is in the same share of all
 * series whenever it is asked. (FNV-1a over the signature, its bits mixed as in MurmurHash3.)
 */
export function seriesRatio(labels: Labels): number {
  const { signature } = labels
  let hash = 0x811c9dc5
  for (let index = 0; index < signature.length; index++) {
    hash = Math.imul(hash ^ signature.charCodeAt(index), 0x01000193)
  }
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  hash ^= hash >>> 16
  return (hash >>> 0) / 2 ** 32
}
