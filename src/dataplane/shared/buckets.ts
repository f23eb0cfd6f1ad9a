import { HalfSipHash } from '../../mechanisms/siphash/half-siphash.ts'
import {
  momentOf,
  takeToken,
  tokensLeft,
  unitsPerToken,
} from '../../mechanisms/token-bucket/token-bucket.ts'
import {
  createWindowView,
  readWindow,
  takeFromWindow,
  usedOf,
  waitForWindow,
} from '../../mechanisms/sliding-window/sliding-window.ts'
import type { BucketResult, SharedBuckets } from '../policies/policy.ts'

/** Buckets that are remembered at a time, over all limits: 24 bytes each. A power of two. */
export const BUCKET_PLACES = 65_536
/** Places that a key may take; beyond them it takes over the one that would be full again first. */
const WAYS = 8

// Two 64-bit words a place, each changed by one compare-and-set, so that there is no moment at which a place is locked:
//   key:   upper 32 bits and next 20 bits of the hash (0: nobody's), then 12 bits of generation
//   state: 12 bits of generation, then 52 bits: when the bucket is full again
// Who takes over a place changes its key with the next generation. A state of another generation than its key's is of an earlier owner and means
// "full": the new owner's first take replaces it. Whoever dies between the two, anybody may go on.
const GENERATION_BITS = 12
const GENERATION_MASK = 0xfff
const STATE_HIGH_BITS = 20
const STATE_HIGH_MASK = 0xfffff
const TWO_32 = 2 ** 32
/** A quota is no bucket of the same scope. */
const QUOTA_SALT = 0x51ed270b

const HEADER_BYTES = 16
/** Beyond it a key is refused rather than let through twice: it needs that many others to interfere one after the other. */
const TRIES_MAX = 1_000

export interface BucketMemoryOptions {
  /** A power of two, at least 8. */
  readonly places?: number
  /** Chosen by chance for each process: it keeps strangers from choosing keys that meet. */
  readonly seed: readonly [number, number]
  /** Now, on the monotonic clock that all workers use. */
  readonly nowMs: number
}

/** Memory for the buckets of all workers; each opens it with `openSharedBuckets`. */
export function createBucketMemory(options: BucketMemoryOptions): SharedArrayBuffer {
  const { places = BUCKET_PLACES, seed, nowMs } = options
  if (places < WAYS || !Number.isInteger(Math.log2(places)))
    throw new RangeError(`the number of buckets must be a power of two from 8 on, not ${places}`)
  const memory = new SharedArrayBuffer(HEADER_BYTES + places * 24)
  const seeds = new Int32Array(memory, 0, 2)
  seeds[0] = seed[0]
  seeds[1] = seed[1]
  new Float64Array(memory, 8, 1)[0] = nowMs
  return memory
}

/** The buckets as one thread sees them. */
export function openSharedBuckets(memory: SharedArrayBuffer): SharedBuckets {
  return new BucketTable(memory)
}

/** 64-bit words, and their halves (little-endian, as all machines that Node.js runs on): both views see the same bytes. */
class Words {
  readonly halves: Int32Array
  readonly whole: BigInt64Array
  // A 64-bit number is put together here, because shifting BigInts makes new ones.
  readonly #half = new Int32Array(4)
  readonly #pair = new BigInt64Array(this.#half.buffer)

  constructor(memory: SharedArrayBuffer, start: number, count: number) {
    this.halves = new Int32Array(memory, start, count * 2)
    this.whole = new BigInt64Array(memory, start, count)
  }

  /** Compare-and-set of the word at `at`. */
  swap(at: number, low: number, high: number, newLow: number, newHigh: number): boolean {
    const half = this.#half
    half[0] = low
    half[1] = high
    half[2] = newLow
    half[3] = newHigh
    const expected = this.#pair[0]!
    return Atomics.compareExchange(this.whole, at, expected, this.#pair[1]!) === expected
  }
}

class BucketTable implements SharedBuckets {
  readonly #keys: Words
  readonly #states: Words
  /** Units a millisecond of each place's bucket. Only a hint for choosing whom to replace, so it needs no order. */
  readonly #speeds: Float64Array
  readonly #hash: HalfSipHash
  readonly #startMs: number
  readonly #setMask: number
  readonly #window = createWindowView()
  readonly #result: BucketResult = {
    isTaken: false,
    remaining: 0,
    retryAfterMs: 0,
    fullAfterMs: 0,
  }

  constructor(memory: SharedArrayBuffer) {
    const places = (memory.byteLength - HEADER_BYTES) / 24
    const seeds = new Int32Array(memory, 0, 2)
    this.#hash = new HalfSipHash(seeds[0]!, seeds[1]!, [1, 3])
    this.#startMs = new Float64Array(memory, 8, 1)[0]!
    this.#keys = new Words(memory, HEADER_BYTES, places)
    this.#states = new Words(memory, HEADER_BYTES + places * 8, places)
    this.#speeds = new Float64Array(memory, HEADER_BYTES + places * 16, places)
    this.#setMask = places / WAYS - 1
  }

  take(scope: number, key: string, perSecond: number, burst: number, nowMs: number): BucketResult {
    const tokenUnits = unitsPerToken(perSecond)
    const sinceMs = nowMs > this.#startMs ? nowMs - this.#startMs : 0
    const now = momentOf(sinceMs, perSecond, tokenUnits)
    const hash = this.#hash
    // The rate is part of the key: what was counted by another rate says nothing in this one's units.
    hash.hash(scope ^ (perSecond * 3_600_000), Math.floor(scope / TWO_32), key)
    const { high } = hash
    const low = (hash.low >>> GENERATION_BITS) << GENERATION_BITS || 1 << GENERATION_BITS
    const set = (hash.low & this.#setMask) * WAYS
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      let place = this.#find(set, high, low)
      if (place < 0) place = this.#claim(set, high, low, (perSecond * tokenUnits) / 1000)
      if (place < 0) continue
      const fullAt = this.#takeAt(place, low, now, tokenUnits, burst)
      if (fullAt >= 0) return this.#tell(true, fullAt, now, perSecond, tokenUnits, burst)
      if (fullAt < -1) return this.#tell(false, -fullAt, now, perSecond, tokenUnits, burst)
    }
    return this.#tell(false, now + burst * tokenUnits, now, perSecond, tokenUnits, burst)
  }

  takeInWindow(
    scope: number,
    key: string,
    requests: number,
    windowMs: number,
    nowMs: number,
  ): BucketResult {
    const sinceMs = nowMs > this.#startMs ? nowMs - this.#startMs : 0
    const hash = this.#hash
    // Another length of window is another count, and none of them is a bucket's.
    hash.hash(scope ^ (windowMs * -7_919), Math.floor(scope / TWO_32), key)
    const { high } = hash
    const low = (hash.low >>> GENERATION_BITS) << GENERATION_BITS || 1 << GENERATION_BITS
    const set = (hash.low & this.#setMask) * WAYS
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      let place = this.#find(set, high, low)
      // The upper bits of a window's state are its number: what makes it a time, as a hint, is its length.
      if (place < 0) place = this.#claim(set, high, low, TWO_32 / windowMs)
      if (place < 0) continue
      const isTaken = this.#countAt(place, low, requests, windowMs, sinceMs)
      if (isTaken >= 0) return this.#tellWindow(isTaken === 1, requests, windowMs)
    }
    return this.#tellWindow(false, requests, windowMs)
  }

  /** One try to count at a place that is the key's: 1 counted, 0 no room, -1 somebody was faster. What it saw stays in the view. */
  #countAt(
    place: number,
    low: number,
    requests: number,
    windowMs: number,
    sinceMs: number,
  ): number {
    const keyLow = Atomics.load(this.#keys.halves, place * 2)
    if ((keyLow & ~GENERATION_MASK) !== low) return -1
    const generation = keyLow & GENERATION_MASK
    const states = this.#states.halves
    const stateHigh = Atomics.load(states, place * 2 + 1)
    const stateLow = Atomics.load(states, place * 2)
    const isOwn = stateHigh >>> STATE_HIGH_BITS === generation
    const state = isOwn ? (stateHigh & STATE_HIGH_MASK) * TWO_32 + (stateLow >>> 0) : 0
    const view = readWindow(state, sinceMs, windowMs, this.#window)
    const next = takeFromWindow(view, requests)
    if (next < 0) return Atomics.load(states, place * 2 + 1) === stateHigh ? 0 : -1
    const newHigh = (generation << STATE_HIGH_BITS) | Math.floor(next / TWO_32)
    if (!this.#states.swap(place, stateLow, stateHigh, next | 0, newHigh)) return -1
    view.now++
    return 1
  }

  #tellWindow(isTaken: boolean, requests: number, windowMs: number): BucketResult {
    const view = this.#window
    const result = this.#result
    result.isTaken = isTaken
    result.remaining = Math.max(0, Math.floor(requests - usedOf(view)))
    result.retryAfterMs = waitForWindow(view, requests, windowMs)
    result.fullAfterMs = ((view.now > 0 ? 2 : 1) - view.fraction) * windowMs
    return result
  }

  takeQuota(scope: number, key: string, requests: number, period: number): number {
    return this.#changeQuota(scope, key, period, (used) => (used < requests ? used + 1 : -1))
  }

  raiseQuota(scope: number, key: string, period: number, used: number): void {
    this.#changeQuota(scope, key, period, (before) => (before < used ? used : -1))
  }

  /** The state of a quota is the number of its period in the upper bits and the count in the lower. `next` says what the count becomes, -1 for nothing. */
  #changeQuota(scope: number, key: string, period: number, next: (used: number) => number): number {
    const hash = this.#hash
    hash.hash(scope ^ QUOTA_SALT, Math.floor(scope / TWO_32), key)
    const { high } = hash
    const low = (hash.low >>> GENERATION_BITS) << GENERATION_BITS || 1 << GENERATION_BITS
    const set = (hash.low & this.#setMask) * WAYS
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      let place = this.#find(set, high, low)
      // As a time it lies far behind every bucket's: buckets give way first.
      if (place < 0) place = this.#claim(set, high, low, 1 / TWO_32)
      if (place < 0) continue
      const keyLow = Atomics.load(this.#keys.halves, place * 2)
      if ((keyLow & ~GENERATION_MASK) !== low) continue
      const generation = keyLow & GENERATION_MASK
      const states = this.#states.halves
      const stateHigh = Atomics.load(states, place * 2 + 1)
      const stateLow = Atomics.load(states, place * 2)
      const isOwn = stateHigh >>> STATE_HIGH_BITS === generation
      const known = isOwn && (stateHigh & STATE_HIGH_MASK) === (period & STATE_HIGH_MASK)
      const count = next(known ? stateLow >>> 0 : 0)
      if (count < 0) {
        if (Atomics.load(states, place * 2 + 1) === stateHigh) return -1
        continue
      }
      const newHigh = (generation << STATE_HIGH_BITS) | (period & STATE_HIGH_MASK)
      if (this.#states.swap(place, stateLow, stateHigh, count | 0, newHigh)) return count
    }
    return -1
  }

  /** The place of a key in its set, or -1. */
  #find(set: number, high: number, low: number): number {
    const { halves } = this.#keys
    const highHalf = high | 0
    for (let place = set; place < set + WAYS; place++) {
      if (halves[place * 2 + 1] !== highHalf) continue
      if ((halves[place * 2]! & ~GENERATION_MASK) === low) return place
    }
    return -1
  }

  /**
   * One try to take a token at a place that is the key's. The new `fullAt`; -1: somebody was faster, look again; below: no token, and the negated
   * `fullAt`.
   */
  #takeAt(place: number, low: number, now: number, tokenUnits: number, burst: number): number {
    const keys = this.#keys.halves
    const states = this.#states.halves
    const keyLow = Atomics.load(keys, place * 2)
    if ((keyLow & ~GENERATION_MASK) !== low) return -1
    const generation = keyLow & GENERATION_MASK
    const stateHigh = Atomics.load(states, place * 2 + 1)
    const stateLow = Atomics.load(states, place * 2)
    let fullAt = 0
    if (stateHigh >>> STATE_HIGH_BITS === generation) {
      fullAt = (stateHigh & STATE_HIGH_MASK) * TWO_32 + (stateLow >>> 0)
    } else if (Atomics.load(keys, place * 2) !== keyLow) return -1
    const next = takeToken(fullAt, now, tokenUnits, burst)
    if (next < 0) {
      // Two halves that were read between somebody's change are no state: only a refusal would not find out by itself.
      return Atomics.load(states, place * 2 + 1) === stateHigh ? -fullAt : -1
    }
    const newHigh = (generation << STATE_HIGH_BITS) | Math.floor(next / TWO_32)
    return this.#states.swap(place, stateLow, stateHigh, next | 0, newHigh) ? next : -1
  }

  /** A place for a key that has none: an empty one, else the one whose bucket is full first. -1: somebody was faster, look again. */
  #claim(set: number, high: number, low: number, speed: number): number {
    const { halves } = this.#keys
    const place = this.#choose(set)
    const oldLow = Atomics.load(halves, place * 2)
    const oldHigh = Atomics.load(halves, place * 2 + 1)
    // What was chosen may be somebody else's already, even this key's.
    if (this.#find(set, high, low) >= 0) return -1
    const newLow = low | ((oldLow + 1) & GENERATION_MASK)
    if (!this.#keys.swap(place, oldLow, oldHigh, newLow, high | 0)) return -1
    this.#speeds[place] = speed
    // In a full set two may choose different places for one key. Whoever sees the other's withdraws its own, before anything was counted there.
    for (let other = set; other < set + WAYS; other++) {
      if (other === place || Atomics.load(halves, other * 2 + 1) !== (high | 0)) continue
      if ((Atomics.load(halves, other * 2) & ~GENERATION_MASK) !== low) continue
      this.#keys.swap(place, newLow, high | 0, (oldLow + 2) & GENERATION_MASK, 0)
      return -1
    }
    return place
  }

  #choose(set: number): number {
    const keys = this.#keys.halves
    let best = set
    let bestMs = Infinity
    for (let place = set; place < set + WAYS; place++) {
      const keyLow = Atomics.load(keys, place * 2)
      if ((keyLow & ~GENERATION_MASK) === 0) return place
      const fullMs = this.#fullAtMs(place, keyLow & GENERATION_MASK)
      if (fullMs >= bestMs) continue
      best = place
      bestMs = fullMs
    }
    return best
  }

  /** When the bucket at a place is full, as a hint. */
  #fullAtMs(place: number, generation: number): number {
    const { halves } = this.#states
    const high = halves[place * 2 + 1]!
    if (high >>> STATE_HIGH_BITS !== generation) return 0
    return ((high & STATE_HIGH_MASK) * TWO_32 + (halves[place * 2]! >>> 0)) / this.#speeds[place]!
  }

  #tell(
    isTaken: boolean,
    fullAt: number,
    now: number,
    perSecond: number,
    tokenUnits: number,
    burst: number,
  ): BucketResult {
    const result = this.#result
    const unitMs = 1000 / (perSecond * tokenUnits)
    const emptyUnits = fullAt - now + tokenUnits - burst * tokenUnits
    result.isTaken = isTaken
    result.remaining = tokensLeft(fullAt, now, tokenUnits, burst)
    result.retryAfterMs = emptyUnits > 0 ? emptyUnits * unitMs : 0
    result.fullAfterMs = fullAt > now ? (fullAt - now) * unitMs : 0
    return result
  }
}
