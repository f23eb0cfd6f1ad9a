import type { Clock } from '../../platform/capability.ts'

/** What can have a deadline. The fields belong to `Deadlines`; start with `NO_DEADLINE`. */
export interface Timed {
  /** When it is due on the monotonic clock; Infinity: not at all. */
  dueAtMs: number
  /** By what it is ordered in the heap; never after `dueAtMs`. */
  queuedAtMs: number
  /** Place in the heap; -1: not in it. */
  place: number
}

/** Initial values of a `Timed`. */
export const NO_DEADLINE = { dueAtMs: Infinity, queuedAtMs: Infinity, place: -1 } as const

/** Deadlines that are worked off in one turn; a mass expiry must not block the thread. */
const DUE_AT_ONCE_MAX = 1_000

/** Any number of deadlines behind one timer: a binary heap in which each item knows its place. */
export class Deadlines<Item extends Timed> {
  readonly #heap: Item[] = []
  readonly #clock: Clock
  readonly #onDue: (item: Item) => void
  #timerAtMs = Infinity
  #cancel: () => void = () => {}

  constructor(clock: Clock, onDue: (item: Item) => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  get size(): number {
    return this.#heap.length
  }

  /** A move to the future (a heartbeat) is one assignment: the heap is corrected when the old time comes. */
  set(item: Item, dueAtMs: number): void {
    item.dueAtMs = dueAtMs
    if (item.place === -1) {
      item.queuedAtMs = dueAtMs
      item.place = this.#heap.length
      this.#heap.push(item)
      this.#siftUp(item)
    } else if (dueAtMs < item.queuedAtMs) {
      item.queuedAtMs = dueAtMs
      this.#siftUp(item)
    }
    this.#arm()
  }

  clear(item: Item): void {
    item.dueAtMs = Infinity
    if (item.place !== -1) this.#remove(item)
  }

  close(): void {
    this.#cancel()
    this.#timerAtMs = Infinity
    for (const item of this.#heap) Object.assign(item, NO_DEADLINE)
    this.#heap.length = 0
  }

  #run(): void {
    this.#timerAtMs = Infinity
    const nowMs = this.#clock.monotonicMs()
    for (let count = 0; count < DUE_AT_ONCE_MAX; count++) {
      const first = this.#heap[0]
      if (first === undefined || first.queuedAtMs > nowMs) break
      if (first.dueAtMs > nowMs) {
        first.queuedAtMs = first.dueAtMs
        this.#siftDown(first)
        continue
      }
      this.#remove(first)
      first.dueAtMs = Infinity
      this.#onDue(first)
    }
    this.#arm()
  }

  #arm(): void {
    const nextAtMs = this.#heap[0]?.queuedAtMs ?? Infinity
    if (nextAtMs >= this.#timerAtMs) return
    this.#cancel()
    this.#timerAtMs = nextAtMs
    const delayMs = Math.max(0, nextAtMs - this.#clock.monotonicMs())
    this.#cancel = this.#clock.after(delayMs, () => this.#run())
  }

  #remove(item: Item): void {
    const last = this.#heap.pop()
    if (last !== undefined && last !== item) {
      this.#put(last, item.place)
      this.#siftUp(last)
      this.#siftDown(last)
    }
    item.place = -1
    item.queuedAtMs = Infinity
  }

  #put(item: Item, place: number): void {
    this.#heap[place] = item
    item.place = place
  }

  #siftUp(item: Item): void {
    let place = item.place
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = this.#heap[above]
      if (parent === undefined || parent.queuedAtMs <= item.queuedAtMs) break
      this.#put(parent, place)
      place = above
    }
    this.#put(item, place)
  }

  #siftDown(item: Item): void {
    let place = item.place
    for (;;) {
      let below = 2 * place + 1
      const left = this.#heap[below]
      const right = this.#heap[below + 1]
      if (left === undefined) break
      let least = left
      if (right !== undefined && right.queuedAtMs < left.queuedAtMs) {
        least = right
        below++
      }
      if (least.queuedAtMs >= item.queuedAtMs) break
      this.#put(least, place)
      place = below
    }
    this.#put(item, place)
  }
}
