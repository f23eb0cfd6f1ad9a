import { HalfSipHash } from '../siphash/half-siphash.ts'
import type { Candidate } from './candidate.ts'

/** Positions in a circle, each of which belongs to a candidate: a key begins somewhere, and who cannot be chosen hands on to the next position. */
export interface HashTable {
  /** Owner of each position, an index into the candidates that it was built of. */
  readonly owners: Int32Array
  /** Where a key begins; `hash` is an unsigned 32-bit number. */
  start(hash: number): number
}

/** Builds the table of these candidates, in any order the same one. */
export type BuildTable = (candidates: readonly Candidate[]) => HashTable

/** Points of a candidate of weight 1 on a ring, as long as that are not too many. */
const POINTS_PER_WEIGHT = 160
const POINTS_MAX = 1 << 20

/**
 * Consistent hashing (Karger and others, 1997) as Ketama does it: each candidate has points on a ring in proportion to its weight, and a key belongs to the
 * next point. One that goes gives its keys to its neighbours, and no other key moves.
 */
export function buildRing(candidates: readonly Candidate[]): HashTable {
  const total = candidates.reduce((sum, { weight }) => sum + weight, 0)
  const perWeight = Math.max(1, Math.min(POINTS_PER_WEIGHT, Math.floor(POINTS_MAX / total)))
  const hash = new HalfSipHash(0, 0, [1, 3])
  const sorted = new Float64Array(total * perWeight)
  let count = 0
  for (const [index, { id, weight }] of candidates.entries()) {
    for (let point = 0; point < weight * perWeight; point++) {
      hash.hash(point, 0, id)
      // The point, and in its fraction whose it is: one number is sorted without comparing calls.
      sorted[count++] = hash.high + index / candidates.length
    }
  }
  sorted.sort()
  const points = Uint32Array.from(sorted)
  const owners = Int32Array.from(sorted, (one) => Math.round((one % 1) * candidates.length))
  return { owners, start: (key) => firstAtLeast(points, key) }
}

function firstAtLeast(points: Uint32Array, key: number): number {
  let low = 0
  let high = points.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (points[middle]! < key) low = middle + 1
    else high = middle
  }
  return low === points.length ? 0 : low
}

/** Table sizes of Maglev: primes, at least a hundred times as many as candidates where that is possible. */
const SIZES = [1_021, 8_191, 65_537, 655_373] as const

/**
 * Maglev (Eisenbud and others, 2016, section 3.4): each candidate walks over the table in an order of its own and takes the next free position, in turns by
 * weight. Spreads more evenly than a ring and finds in one step; a few keys of others move when one goes.
 */
export function buildMaglev(candidates: readonly Candidate[]): HashTable {
  const sorted = candidates
    .map((candidate, index) => ({ candidate, index }))
    .toSorted((a, b) => (a.candidate.id < b.candidate.id ? -1 : 1))
  const size = SIZES.find((one) => one >= candidates.length * 100) ?? SIZES[3]
  const owners = new Int32Array(size).fill(-1)
  const places = new Float64Array(sorted.length)
  const skips = new Float64Array(sorted.length)
  const hash = new HalfSipHash(0, 0, [1, 3])
  for (const [at, { candidate }] of sorted.entries()) {
    hash.hashText(candidate.id)
    places[at] = hash.high % size
    skips[at] = (hash.low % (size - 1)) + 1
  }
  const heaviest = sorted.reduce((most, { candidate }) => Math.max(most, candidate.weight), 1)
  const turns = new Float64Array(sorted.length)
  for (let filled = 0; filled < size && sorted.length > 0;) {
    for (let at = 0; at < sorted.length && filled < size; at++) {
      turns[at]! += sorted[at]!.candidate.weight / heaviest
      if (turns[at]! < 1) continue
      turns[at]! -= 1
      while (owners[places[at]!] !== -1) places[at] = (places[at]! + skips[at]!) % size
      owners[places[at]!] = sorted[at]!.index
      filled++
    }
  }
  return { owners, start: (key) => key % size }
}
