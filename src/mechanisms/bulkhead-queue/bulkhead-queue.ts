/** Who is served first, and shed last. */
export const PRIORITY = { critical: 0, normal: 1, batch: 2 } as const
export type Priority = (typeof PRIORITY)[keyof typeof PRIORITY]
const PRIORITIES = 3
const NONE = -1

/** A bound on a queue, and when it counts as overloaded. */
export interface QueuePolicy {
  /** Places; what comes when all are taken is refused, or pushes out what is less important. */
  readonly size: number
  /** A queue that was not empty for so long is overloaded. */
  readonly overloadMs: number
}

/**
 * A bounded queue for what waits for a place at a bulkhead. In order of coming while it is now and then empty; under overload the newest first (adaptive LIFO,
 * "Fail at Scale", Maurer, 2015): those that came long ago have callers that are about to give up. More important first in any case; when it is full the
 * newest of the least important leaves for one that is more important. Places are numbers from 0 to `size` - 1; what they stand for knows the caller. Makes no
 * object.
 */
export class BulkheadQueue {
  readonly #policy: QueuePolicy
  readonly #next: Int32Array
  readonly #previous: Int32Array
  /** Priority of a place, or NONE. */
  readonly #priority: Int8Array
  readonly #first = new Int32Array(PRIORITIES).fill(NONE)
  readonly #last = new Int32Array(PRIORITIES).fill(NONE)
  #free = 0
  #length = 0
  #busySinceMs = Infinity
  /** After `push`: the place that was pushed out, which is the same that was given; -1: none was. */
  evicted: number = NONE

  constructor(policy: QueuePolicy) {
    this.#policy = policy
    this.#next = Int32Array.from({ length: policy.size }, (_, i) => i + 1)
    this.#previous = new Int32Array(policy.size).fill(NONE)
    this.#priority = new Int8Array(policy.size).fill(NONE)
    if (policy.size > 0) this.#next[policy.size - 1] = NONE
    else this.#free = NONE
  }

  get length(): number {
    return this.#length
  }

  /** Of the one that is next; null in an empty queue. */
  get headPriority(): Priority | null {
    if (this.#first[PRIORITY.critical] !== NONE) return PRIORITY.critical
    if (this.#first[PRIORITY.normal] !== NONE) return PRIORITY.normal
    return this.#first[PRIORITY.batch] === NONE ? null : PRIORITY.batch
  }

  /** Whether it was not empty for too long. */
  isOverloaded(nowMs: number): boolean {
    return nowMs - this.#busySinceMs >= this.#policy.overloadMs
  }

  /** A place in the queue, or -1: it is full of what is as important. */
  push(priority: Priority, nowMs: number): number {
    this.evicted = NONE
    if (this.#free === NONE && !this.#shed(priority)) return NONE
    const place = this.#free
    this.#free = this.#next[place]!
    const last = this.#last[priority]!
    this.#next[place] = NONE
    this.#previous[place] = last
    this.#priority[place] = priority
    if (last === NONE) this.#first[priority] = place
    else this.#next[last] = place
    this.#last[priority] = place
    if (this.#length++ === 0) this.#busySinceMs = nowMs
    return place
  }

  /** Takes out the one that is next, -1 from an empty queue. */
  shift(nowMs: number): number {
    const ends = this.isOverloaded(nowMs) ? this.#last : this.#first
    for (let priority = 0; priority < PRIORITIES; priority++) {
      const place = ends[priority]!
      if (place === NONE) continue
      this.remove(place)
      return place
    }
    return NONE
  }

  /** It waits no longer. Nothing happens where the place is nobody's. */
  remove(place: number): void {
    const priority = this.#priority[place] ?? NONE
    if (priority === NONE) return
    const next = this.#next[place]!
    const previous = this.#previous[place]!
    if (previous === NONE) this.#first[priority] = next
    else this.#next[previous] = next
    if (next === NONE) this.#last[priority] = previous
    else this.#previous[next] = previous
    this.#priority[place] = NONE
    this.#next[place] = this.#free
    this.#free = place
    if (--this.#length === 0) this.#busySinceMs = Infinity
  }

  #shed(priority: Priority): boolean {
    for (let least = PRIORITIES - 1; least > priority; least--) {
      const place = this.#last[least]!
      if (place === NONE) continue
      this.remove(place)
      this.evicted = place
      return true
    }
    return false
  }
}

/**
 * How many calls may be in flight for a call of a priority to be taken, of a limit: batch up to 80 % of it, normal up to 95 %, critical all of it, so that what matters
 * finds room before the limit is reached. At least one.
 */
export function roomFor(priority: Priority, limit: number): number {
  switch (priority) {
    case PRIORITY.critical:
      return Math.max(1, limit)
    case PRIORITY.normal:
      return Math.max(1, Math.ceil(limit * 0.95))
    case PRIORITY.batch:
      return Math.max(1, Math.ceil(limit * 0.8))
    default:
      return priority satisfies never
  }
}
