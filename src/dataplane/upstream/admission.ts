import type { ConcurrencySpec } from '../../contracts/resilience.ts'
import {
  BulkheadQueue,
  type Priority,
  roomFor,
} from '../../mechanisms/bulkhead-queue/bulkhead-queue.ts'
import {
  AimdLimit,
  type ConcurrencyLimit,
  Gradient2Limit,
} from '../../mechanisms/concurrency-limit/limits.ts'
import type { KeyedCounts } from '../shared/counts.ts'
import { LIMIT_AT, type MemoryPlace } from '../shared/resilience-memory.ts'

/** A queue that was not empty for so long is overloaded: then who came last is served first. */
const OVERLOAD_MS = 100
/** The settings that Netflix' concurrency-limits has as defaults. */
const AIMD_BACKOFF = 0.9
const GRADIENT2 = { queueSize: 4, smoothing: 0.2, tolerance: 1.5, longWindow: 600 }

/**
 * How many requests of a service may be in flight, over all workers, and those that wait for that here. `W` is what waits. Without a specification all may
 * pass: who still holds a place gives it back all the same.
 */
export class Admission<W> {
  spec: ConcurrencySpec | undefined
  /** What is to be done for those that were pushed out for more important ones, in a turn of the service. */
  readonly shed: (() => void)[] = []
  /** `auto`: how many may be in flight here; Infinity while the service is not overloaded. */
  autoLimit = Infinity
  /** Requests that found no place at once, since that was asked last. */
  heldBack = 0
  readonly #counts: KeyedCounts
  readonly #place: number
  readonly #learnt: MemoryPlace
  #adaptive: ConcurrencyLimit | null = null
  #queue = new BulkheadQueue({ size: 0, overloadMs: OVERLOAD_MS })
  #waiting: (W | null)[] = []
  #own = 0

  /** `place` of the shared counts; -1: this worker counts by itself. */
  constructor(
    spec: ConcurrencySpec | undefined,
    counts: KeyedCounts,
    place: number,
    learnt: MemoryPlace,
  ) {
    this.#counts = counts
    this.#place = place
    this.#learnt = learnt
    this.spec = spec
    this.configure(spec)
  }

  /** What was learnt and who waits stay; another length of the queue holds from when it is empty. */
  configure(spec: ConcurrencySpec | undefined): void {
    this.spec = spec
    this.#adaptive = spec === undefined ? null : adaptiveOf(spec, this.#learnt)
    if (this.#queue.length > 0) return
    const size = spec?.queueMax ?? 0
    this.#queue = new BulkheadQueue({ size, overloadMs: OVERLOAD_MS })
    this.#waiting = Array.from({ length: size }, () => null)
  }

  /** How many may be in flight now. */
  get limit(): number {
    if (this.spec === undefined) return Infinity
    if (this.spec.algorithm === 'auto') return this.autoLimit
    return this.#adaptive === null ? this.spec.max : this.#adaptive.limit
  }

  /** In flight, over all workers that share the limit. */
  get inFlight(): number {
    const isOwn = this.#place < 0 || this.spec?.algorithm === 'auto'
    return isOwn ? this.#own : this.#counts.total(this.#place)
  }

  get queued(): number {
    return this.#queue.length
  }

  /** Takes a place in flight; false: there is none for this priority. */
  take(priority: Priority): boolean {
    const max = roomFor(priority, this.limit)
    // What is found by one worker holds for it alone.
    const isShared = this.#place >= 0 && this.spec?.algorithm !== 'auto'
    if (!isShared && this.#own >= max) return false
    if (this.#place >= 0 && !this.#counts.take(this.#place, isShared ? max : Infinity)) return false
    this.#own++
    return true
  }

  give(): void {
    this.#own--
    if (this.#place >= 0) this.#counts.give(this.#place)
  }

  /** How a request went that had a place: the limit learns. */
  observe(rttMs: number, inFlight: number, isDropped: boolean): void {
    this.#adaptive?.observe(rttMs, inFlight, isDropped)
  }

  /** A place in the queue, -1 for none; `pushOut` is called at once with who loses it. */
  push(waiter: W, priority: Priority, nowMs: number, pushOut: (waiter: W) => void): number {
    this.heldBack++
    const place = this.#queue.push(priority, nowMs)
    if (place < 0) return -1
    const loser = this.#waiting[place] ?? null
    this.#waiting[place] = waiter
    if (this.#queue.evicted === place && loser !== null) pushOut(loser)
    this.#askForRoom()
    return place
  }

  /** The next one, with a place in flight that was taken for it; null: there is no room, or nobody waits. */
  next(nowMs: number): W | null {
    const priority = this.#queue.headPriority
    if (priority === null) return null
    if (!this.take(priority)) {
      this.#askForRoom()
      // Room may have come before the others knew that somebody waits.
      if (!this.take(priority)) return null
    }
    const place = this.#queue.shift(nowMs)
    const waiter = this.#waiting[place] ?? null
    this.#waiting[place] = null
    return waiter
  }

  /** It waits no longer. */
  remove(place: number): void {
    this.#queue.remove(place)
    this.#waiting[place] = null
  }

  #askForRoom(): void {
    if (this.#place >= 0) this.#counts.waitFor(this.#place)
  }
}

function adaptiveOf(
  spec: ConcurrencySpec,
  { memory, start }: MemoryPlace,
): ConcurrencyLimit | null {
  const { initial, min, max } = spec
  switch (spec.algorithm) {
    case 'auto':
    case 'fixed':
      return null
    case 'aimd': {
      const policy = { initial, min, max, backoff: AIMD_BACKOFF, timeoutMs: spec.slowMs }
      return new AimdLimit(policy, memory, start + LIMIT_AT)
    }
    case 'gradient2':
      return new Gradient2Limit({ initial, min, max, ...GRADIENT2 }, memory, start + LIMIT_AT)
    default:
      return spec.algorithm satisfies never
  }
}
