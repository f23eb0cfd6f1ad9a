/** Something with a deadline. The fields belong to the wheel; begin with `NOT_TIMED`. */
export interface Timed {
  /** When it is due; Infinity: not in a wheel. */
  dueAtMs: number
  slot: number
  /** Neighbours in its slot. */
  before: Timed | undefined
  after: Timed | undefined
}

/** Initial values of a `Timed`. */
export const NOT_TIMED = {
  dueAtMs: Infinity,
  slot: -1,
  before: undefined,
  after: undefined,
} as const

/** Slots of one turn. */
const SLOTS = 2_048

/**
 * A hashed timing wheel (Varghese and Lauck, scheme 6): any number of deadlines behind one timer. Setting and clearing cost the same
 * for one and for a hundred thousand, and no object is made. What is due is told at the next `advance`, never early.
 */
export class TimerWheel<Item extends Timed> {
  readonly #slots: (Item | undefined)[] = Array.from<Item | undefined>({ length: SLOTS })
  readonly #tickMs: number
  #tick: number
  #size = 0

  /** `nowMs` is the time at which it begins. */
  constructor(tickMs: number, nowMs: number) {
    this.#tickMs = tickMs
    this.#tick = Math.floor(nowMs / tickMs)
  }

  get size(): number {
    return this.#size
  }

  /** Sets or moves the deadline. One that has gone by is told by the next `advance`. */
  set(item: Item, dueAtMs: number): void {
    this.clear(item)
    item.dueAtMs = dueAtMs
    item.slot = Math.max(Math.floor(dueAtMs / this.#tickMs), this.#tick) % SLOTS
    const first = this.#slots[item.slot]
    item.after = first
    if (first !== undefined) first.before = item
    this.#slots[item.slot] = item
    this.#size++
  }

  /** Nothing happens to an item that has no deadline. */
  clear(item: Item): void {
    if (item.slot === -1) return
    const { before, after, slot } = item
    if (before === undefined) this.#slots[slot] = after as Item | undefined
    else before.after = after
    if (after !== undefined) after.before = before
    Object.assign(item, NOT_TIMED)
    this.#size--
  }

  /** In how many of the next ticks nothing is due, up to `ticksMax`: so long nobody needs to call `advance`. */
  quietTicks(ticksMax: number): number {
    for (let count = 0; count < ticksMax; count++) {
      const tick = this.#tick + count
      const endMs = (tick + 1) * this.#tickMs
      let item = this.#slots[tick % SLOTS]
      while (item !== undefined) {
        if (item.dueAtMs < endMs) return count
        item = item.after as Item | undefined
      }
    }
    return ticksMax
  }

  /** Takes out what is due and tells it, in no order. What is cleared meanwhile is not told any more. */
  advance(nowMs: number, tell: (item: Item) => void): void {
    const target = Math.floor(nowMs / this.#tickMs)
    // A clock that has stood still (a laptop that slept) is one turn, not a thousand.
    const first = Math.max(this.#tick, target - SLOTS + 1)
    this.#tick = Math.max(this.#tick, target)
    const due: Item[] = []
    for (let tick = first; tick <= target; tick++) {
      let item = this.#slots[tick % SLOTS]
      while (item !== undefined) {
        if (item.dueAtMs <= nowMs) due.push(item)
        item = item.after as Item | undefined
      }
    }
    for (const item of due) {
      if (item.dueAtMs > nowMs) continue
      this.clear(item)
      tell(item)
    }
  }
}
