/**
 * Counts that all workers share, a place each, with ownership: each worker's own part is kept beside the total, so that the main thread can give back
 * what a dead worker held. The main thread hands out the places (`createPlaces`); a worker that finds no room asks to be told when there is some.
 */
export interface KeyedCounts {
  /** Adds one unless `max` are counted already; false: nothing was added. */
  take(place: number, max: number): boolean
  /** Takes one back that this worker had taken, and wakes all workers that wait for the place. */
  give(place: number): void
  /** All workers together. */
  total(place: number): number
  /** This worker's part. */
  own(place: number): number
  /** Asks to be woken when the place has room. Call it, then `take` again: room may have come in between. Holds for one wake-up. */
  waitFor(place: number): void
  /**
   * Calls `callback` after this worker was woken: it takes again for whatever waits, and asks again for what found no room. Wake-ups that come close
   * together may be one call. Returns what ends it.
   */
  onWake(callback: () => void): () => void
  /** Main thread: gives back everything that worker `index` has taken, and wakes whoever waits for it. The worker must be dead. */
  release(index: number): void
}

/** Places that every data plane has. */
export const PLACE = {
  /** Client connections. */
  connections: 0,
  /** Requests in flight. */
  requests: 1,
} as const
export const PLACES_FIXED = 2
/** Places of one data plane: an instance and a service need one each. Memory that was never used costs nothing. */
export const PLACES_MAX = 131_072
/** More than any setting allows; a waiting worker is one bit of two words. */
const WORKERS_MAX = 64

// A place is [total, waiting workers 0 to 31, waiting workers 32 to 63, own part of worker 0, of worker 1, ...]; before all places stands a head:
// [workers, wake word of worker 0, of worker 1, ...].
const TOTAL = 0
const WAITING = 1
const OWN = 3

/** Memory for `workers` workers; give it to each of them. */
export function createCountMemory(workers: number, places = PLACES_MAX): SharedArrayBuffer {
  if (workers < 1 || workers > WORKERS_MAX)
    throw new RangeError(`there can be 1 to ${WORKERS_MAX} workers, not ${workers}`)
  const words = 1 + workers + places * (OWN + workers)
  const memory = new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT)
  new Int32Array(memory)[0] = workers
  return memory
}

/** The counts as worker `index` sees them; the main thread gives any index and only calls `total` and `release`. */
export function openKeyedCounts(memory: SharedArrayBuffer, index: number): KeyedCounts {
  return new CountTable(memory, index)
}

class CountTable implements KeyedCounts {
  readonly #words: Int32Array
  readonly #index: number
  readonly #workers: number
  readonly #stride: number

  constructor(memory: SharedArrayBuffer, index: number) {
    this.#words = new Int32Array(memory)
    this.#index = index
    this.#workers = this.#words[0]!
    this.#stride = OWN + this.#workers
  }

  take(place: number, max: number): boolean {
    const words = this.#words
    const at = this.#at(place)
    const own = at + OWN + this.#index
    // Never more than `max`, not even for a moment: a worker that only looks must not be turned away by one that is about to give back.
    for (let seen = Atomics.load(words, at + TOTAL); seen < max;) {
      const was = Atomics.compareExchange(words, at + TOTAL, seen, seen + 1)
      if (was === seen) {
        // A thread is ended at a call, a loop or an allocation, and there is none between these two.
        words[own]!++
        return true
      }
      seen = was
    }
    return false
  }

  give(place: number): void {
    const words = this.#words
    const at = this.#at(place)
    words[at + OWN + this.#index]!--
    Atomics.sub(words, at + TOTAL, 1)
    this.#wakeWaiting(at)
  }

  total(place: number): number {
    return Atomics.load(this.#words, this.#at(place) + TOTAL)
  }

  own(place: number): number {
    return Atomics.load(this.#words, this.#at(place) + OWN + this.#index)
  }

  waitFor(place: number): void {
    const at = this.#at(place) + WAITING + (this.#index >> 5)
    Atomics.or(this.#words, at, 1 << (this.#index & 31))
  }

  onWake(callback: () => void): () => void {
    const words = this.#words
    const at = 1 + this.#index
    let isOpen = true
    const follow = async (): Promise<void> => {
      for (let seen = Atomics.load(words, at); isOpen;) {
        const wait = Atomics.waitAsync(words, at, seen)
        if (wait.async) await wait.value
        seen = Atomics.load(words, at)
        if (isOpen) callback()
      }
    }
    void follow()
    return () => {
      isOpen = false
      this.#wake(this.#index)
    }
  }

  release(index: number): void {
    const words = this.#words
    for (let at = 1 + this.#workers; at < words.length; at += this.#stride) {
      if (words[at + OWN + index] === 0 && words[at + WAITING + (index >> 5)] === 0) continue
      Atomics.and(words, at + WAITING + (index >> 5), ~(1 << (index & 31)))
      const held = Atomics.exchange(words, at + OWN + index, 0)
      if (held === 0) continue
      Atomics.sub(words, at + TOTAL, held)
      this.#wakeWaiting(at)
    }
  }

  #at(place: number): number {
    return 1 + this.#workers + place * this.#stride
  }

  #wakeWaiting(at: number): void {
    const words = this.#words
    for (let half = 0; half < 2; half++) {
      if (Atomics.load(words, at + WAITING + half) === 0) continue
      // Each bit is taken by one waker only: a worker that has not come round to it yet is not woken again.
      let bits = Atomics.exchange(words, at + WAITING + half, 0)
      for (; bits !== 0; bits &= bits - 1) this.#wake(half * 32 + 31 - Math.clz32(bits & -bits))
    }
  }

  #wake(index: number): void {
    Atomics.add(this.#words, 1 + index, 1)
    Atomics.notify(this.#words, 1 + index)
  }
}
