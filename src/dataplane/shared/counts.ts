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
  /** Another worker waits for the place: what is not needed should be given back. */
  isWanted(place: number): boolean
  /** Wakes the other workers, so that they give back what they do not need. */
  wakeOthers(): void
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
  /** TLS handshakes under way. */
  handshakes: 2,
} as const
export const PLACES_FIXED = 3
/** Places of one data plane: an instance and a service need one each. Memory that was never used costs nothing. */
export const PLACES_MAX = 131_072
/** More than any setting allows; a waiting worker is one bit of two words. */
const WORKERS_MAX = 64

// A place is [total, waiting workers 0 to 31, waiting workers 32 to 63, own part of worker 0, of worker 1, ...]; before all places stands a head:
// [workers, then for each worker: wake word, changes, place of the last change].
const TOTAL = 0
const WAITING = 1
const OWN = 3
const HEAD = 1
// A change is two steps, total and own part, and a thread may be ended between them. So a worker counts its changes: odd while one is under way, with
// its place beside it. At the place that a dead worker left half changed the total is put right by what all parts sum up to.
const WAKE = 0
const CHANGES = 1
const CHANGED = 2
const WORKER_WORDS = 3
/** How often a moment is looked for in which no worker changes anything; each takes less than a microsecond. */
const REPAIR_TRIES_MAX = 100_000

/** Memory for `workers` workers; give it to each of them. */
export function createCountMemory(workers: number, places = PLACES_MAX): SharedArrayBuffer {
  if (workers < 1 || workers > WORKERS_MAX)
    throw new RangeError(`there can be 1 to ${WORKERS_MAX} workers, not ${workers}`)
  const words = HEAD + workers * WORKER_WORDS + places * (OWN + workers)
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
  readonly #first: number
  /** Of this worker in the head. */
  readonly #head: number
  #changes = 0
  /** Main thread: places that dead workers left half changed. */
  readonly #broken = new Set<number>()

  constructor(memory: SharedArrayBuffer, index: number) {
    this.#words = new Int32Array(memory)
    this.#index = index
    this.#workers = this.#words[0]!
    this.#stride = OWN + this.#workers
    this.#first = HEAD + this.#workers * WORKER_WORDS
    this.#head = HEAD + index * WORKER_WORDS
  }

  take(place: number, max: number): boolean {
    const words = this.#words
    const at = this.#at(place)
    let seen = Atomics.load(words, at + TOTAL)
    if (seen >= max) return false
    this.#begin(at)
    // Never more than `max`, not even for a moment: a worker that only looks must not be turned away by one that is about to give back.
    while (seen < max) {
      const was = Atomics.compareExchange(words, at + TOTAL, seen, seen + 1)
      if (was === seen) {
        words[at + OWN + this.#index]!++
        this.#finish()
        return true
      }
      seen = was
    }
    this.#finish()
    return false
  }

  give(place: number): void {
    const words = this.#words
    const at = this.#at(place)
    this.#begin(at)
    words[at + OWN + this.#index]!--
    Atomics.sub(words, at + TOTAL, 1)
    this.#finish()
    this.#wakeWaiting(at)
  }

  #begin(at: number): void {
    this.#words[this.#head + CHANGED] = at
    Atomics.store(this.#words, this.#head + CHANGES, ++this.#changes)
  }

  #finish(): void {
    Atomics.store(this.#words, this.#head + CHANGES, ++this.#changes)
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

  isWanted(place: number): boolean {
    const at = this.#at(place) + WAITING
    const own = 1 << (this.#index & 31)
    for (let half = 0; half < 2; half++) {
      const bits = Atomics.load(this.#words, at + half)
      if ((half === this.#index >> 5 ? bits & ~own : bits) !== 0) return true
    }
    return false
  }

  wakeOthers(): void {
    for (let index = 0; index < this.#workers; index++) {
      if (index !== this.#index) this.#wake(index)
    }
  }

  onWake(callback: () => void): () => void {
    const words = this.#words
    const at = this.#head + WAKE
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
    const head = HEAD + index * WORKER_WORDS
    // Its successor counts from the beginning.
    // What it changed last may have been given back, and nobody was woken yet.
    const wasChanging = Atomics.exchange(words, head + CHANGES, 0) % 2 !== 0
    if (wasChanging) this.#broken.add(words[head + CHANGED]!)
    else if (words[head + CHANGED] !== 0) this.#wakeWaiting(words[head + CHANGED]!)
    for (let at = this.#first; at < words.length; at += this.#stride) {
      if (words[at + OWN + index] === 0 && words[at + WAITING + (index >> 5)] === 0) continue
      Atomics.and(words, at + WAITING + (index >> 5), ~(1 << (index & 31)))
      const held = Atomics.exchange(words, at + OWN + index, 0)
      if (held === 0) continue
      Atomics.sub(words, at + TOTAL, held)
      this.#wakeWaiting(at)
    }
    for (const at of this.#broken) {
      if (this.#repair(at)) this.#broken.delete(at)
    }
  }

  /** Makes the total of a place what its parts sum up to. False: another worker died in the middle too; it is tried again at that one's release. */
  #repair(at: number): boolean {
    const words = this.#words
    for (let tries = 0; tries < REPAIR_TRIES_MAX; tries++) {
      const before = this.#changesOfAll()
      let sum = 0
      for (let worker = 0; worker < this.#workers; worker++)
        sum += Atomics.load(words, at + OWN + worker)
      const excess = Atomics.load(words, at + TOTAL) - sum
      // Nobody changed anything meanwhile, so the difference is what the dead have left, whatever happens from here on.
      if (before < 0 || before !== this.#changesOfAll()) continue
      if (excess !== 0) Atomics.sub(words, at + TOTAL, excess)
      this.#wakeWaiting(at)
      return true
    }
    return false
  }

  /** A number that moves with each change of any worker; -1 while one is under way. */
  #changesOfAll(): number {
    let sum = 0
    for (let worker = 0; worker < this.#workers; worker++) {
      const changes = Atomics.load(this.#words, HEAD + worker * WORKER_WORDS + CHANGES)
      if (changes % 2 !== 0) return -1
      sum += changes
    }
    return sum
  }

  #at(place: number): number {
    return this.#first + place * this.#stride
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
    const at = HEAD + index * WORKER_WORDS + WAKE
    Atomics.add(this.#words, at, 1)
    Atomics.notify(this.#words, at)
  }
}

/** Which place of the shared counts belongs to which key. Main thread only; workers are told the number. */
export interface Places {
  /** The place of a key, a new one if it has none; -1 when all are taken. */
  of(key: string): number
  /**
   * The key is gone. Call it when every worker has applied that; its place goes to another key once nothing is counted there any more. Returns the
   * place, -1 where it had none.
   */
  drop(key: string): number
  readonly count: number
}

/** `counts` is the main thread's view of the same memory. */
export function createPlaces(counts: Pick<KeyedCounts, 'total'>, places = PLACES_MAX): Places {
  const byKey = new Map<string, number>()
  const free: number[] = []
  let dropped: number[] = []
  let next = PLACES_FIXED

  function unused(): number {
    if (free.length === 0 && dropped.length > 0) {
      free.push(...dropped.filter((place) => counts.total(place) === 0))
      dropped = dropped.filter((place) => counts.total(place) !== 0)
    }
    return free.pop() ?? (next < places ? next++ : -1)
  }

  return {
    of(key) {
      const known = byKey.get(key)
      if (known !== undefined) return known
      const place = unused()
      if (place >= 0) byKey.set(key, place)
      return place
    },
    drop(key) {
      const place = byKey.get(key)
      if (place === undefined) return -1
      byKey.delete(key)
      dropped.push(place)
      return place
    },
    get count() {
      return byKey.size
    },
  }
}
