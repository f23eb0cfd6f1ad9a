/**
 * Numbers that all workers must see, in shared memory. Each worker also keeps its own part, so that the part of a dead worker can be
 * given back by the main thread.
 */
export interface SharedCounts {
  /** Adds one unless `max` are counted already; false: the limit is reached and nothing was added. */
  take(kind: CountKind, max: number): boolean
  give(kind: CountKind): void
  /** All workers together. */
  total(kind: CountKind): number
  /** Gives back everything that worker `index` has taken: it is dead. */
  release(index: number): void
}

export type CountKind = 'connections' | 'requests'

const KINDS = 2

/** Memory for `workers` workers; give it to each of them. */
export function createSharedMemory(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT * KINDS * (workers + 1))
}

/** The counts as worker `index` sees them; the main thread gives any index and only calls `total` and `release`. */
export function openSharedCounts(memory: SharedArrayBuffer, index: number): SharedCounts {
  const counts = new Int32Array(memory)
  const own = KINDS * (index + 1)
  return {
    take(kind, max) {
      const at = kind === 'connections' ? 0 : 1
      if (Atomics.add(counts, at, 1) >= max) {
        Atomics.sub(counts, at, 1)
        return false
      }
      counts[own + at]!++
      return true
    },
    give(kind) {
      const at = kind === 'connections' ? 0 : 1
      counts[own + at]!--
      Atomics.sub(counts, at, 1)
    },
    total: (kind) => Atomics.load(counts, kind === 'connections' ? 0 : 1),
    release(dead) {
      for (let at = 0; at < KINDS; at++) {
        Atomics.sub(counts, at, Atomics.exchange(counts, KINDS * (dead + 1) + at, 0))
      }
    },
  }
}
