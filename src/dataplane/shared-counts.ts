import { createCountMemory, type KeyedCounts, openKeyedCounts, PLACE } from './shared/counts.ts'

/** The two counts that every data plane has, by name: fixed places of the keyed counts. */
export interface SharedCounts {
  /** Adds one unless `max` are counted already; false: the limit is reached and nothing was added. */
  take(kind: CountKind, max: number): boolean
  give(kind: CountKind): void
  /** All workers together. */
  total(kind: CountKind): number
  /** Gives back everything that worker `index` has taken: it is dead. */
  release(index: number): void
  /** All places of the same memory. */
  readonly places: KeyedCounts
}

export type CountKind = keyof typeof PLACE

/** Memory for `workers` workers; give it to each of them. */
export function createSharedMemory(workers: number): SharedArrayBuffer {
  return createCountMemory(workers)
}

/** The counts as worker `index` sees them; the main thread gives any index and only calls `total` and `release`. */
export function openSharedCounts(memory: SharedArrayBuffer, index: number): SharedCounts {
  const places = openKeyedCounts(memory, index)
  return {
    take: (kind, max) => places.take(PLACE[kind], max),
    give: (kind) => places.give(PLACE[kind]),
    total: (kind) => places.total(PLACE[kind]),
    release: (dead) => places.release(dead),
    places,
  }
}
