import { HalfSipHash } from '../../mechanisms/siphash/half-siphash.ts'
import { createCountMemory, openKeyedCounts } from './counts.ts'

/** Keys whose requests in flight are counted at a time; a power of two. Memory that was never used costs nothing. */
export const FLIGHT_PLACES = 32_768
/** Places that a key may take. */
const WAYS = 8
const TRIES_MAX = 16

/** Requests in flight by key, over all workers. */
export interface InFlight {
  /** Counts one of `key` in `scope` unless `max` are in flight: its place for `give`; `FLIGHT.full` where there is no room, `FLIGHT.uncounted` where all places of the key are others'. */
  take(scope: number, key: string, max: number): number
  give(place: number): void
  /** Main thread: gives back what a dead worker held. */
  release(index: number): void
}

/** Answers of `take` that are no place. */
export const FLIGHT = { full: -1, uncounted: -2 } as const

/** Memory for all workers. */
export interface FlightMemory {
  readonly counts: SharedArrayBuffer
  /** Whose each place is: upper half of the key's hash, 0 for nobody's. */
  readonly owners: SharedArrayBuffer
  readonly seed: readonly [number, number]
}

export function createFlightMemory(
  workers: number,
  seed: readonly [number, number],
  places: number = FLIGHT_PLACES,
): FlightMemory {
  return {
    counts: createCountMemory(workers, places),
    owners: new SharedArrayBuffer(places * Int32Array.BYTES_PER_ELEMENT),
    seed,
  }
}

/**
 * As worker `index` sees it. A place belongs to a key as long as something of it is in flight. Who takes over an empty place says so first and counts then; who counts looks
 * again whose the place is, and goes elsewhere if it is another's. In the instant in which a place changes hands one key may count a request of the other, as long as that is in flight.
 */
export function openInFlight(
  { counts: memory, owners, seed }: FlightMemory,
  index: number,
): InFlight {
  const counts = openKeyedCounts(memory, index)
  const tags = new Int32Array(owners)
  const hash = new HalfSipHash(seed[0], seed[1], [1, 3])
  const setMask = tags.length / WAYS - 1

  /** The key's own place, else an empty one; -1: all are others'. */
  function find(set: number, tag: number): number {
    let empty = -1
    for (let place = set; place < set + WAYS; place++) {
      if (Atomics.load(tags, place) === tag) return place
      if (empty < 0 && counts.total(place) === 0) empty = place
    }
    return empty
  }

  return {
    take(scope, key, max) {
      hash.hash(scope | 0, Math.floor(scope / 2 ** 32), key)
      const tag = hash.high | 0 || 1
      const set = (hash.low & setMask) * WAYS
      for (let tries = 0; tries < TRIES_MAX; tries++) {
        const place = find(set, tag)
        if (place < 0) return FLIGHT.uncounted
        const before = Atomics.load(tags, place)
        if (before !== tag) Atomics.compareExchange(tags, place, before, tag)
        if (!counts.take(place, max)) {
          if (Atomics.load(tags, place) === tag) return FLIGHT.full
          continue
        }
        if (Atomics.load(tags, place) === tag) return place
        counts.give(place)
      }
      return FLIGHT.uncounted
    },
    give: (place) => counts.give(place),
    release: (dead) => counts.release(dead),
  }
}
