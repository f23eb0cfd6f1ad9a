import { SortedKeys } from '../../mechanisms/sorted-keys/sorted-keys.ts'

/** Deleted keys that are remembered; beyond it the oldest are forgotten. */
export const TOMBSTONES_MAX = 50_000

/**
 * When keys were deleted, so that the index of a key or prefix does not fall when its newest key goes. What is forgotten raises the floor
 * below which no index of a missing key is; the same happens at a start.
 */
export class Tombstones {
  /** Oldest first. */
  readonly #indexes = new Map<string, number>()
  readonly #keys = new SortedKeys()
  readonly #max: number
  #floor: number

  constructor(floor: number, max = TOMBSTONES_MAX) {
    this.#floor = Math.max(floor, 1)
    this.#max = max
  }

  get size(): number {
    return this.#indexes.size
  }

  /** Of a key that is not there. */
  indexOf(key: string): number {
    return this.#indexes.get(key) ?? this.#floor
  }

  /** The highest of the deleted keys with this prefix. */
  indexBelow(prefix: string): number {
    let index = this.#floor
    for (const key of this.#keys.withPrefix(prefix)) {
      index = Math.max(index, this.#indexes.get(key) ?? 0)
    }
    return index
  }

  bury(key: string, index: number): void {
    this.revive(key)
    this.#indexes.set(key, index)
    this.#keys.add(key)
    if (this.#indexes.size <= this.#max) return
    const [oldest] = this.#indexes
    if (oldest === undefined) return
    this.#floor = Math.max(this.#floor, oldest[1])
    this.revive(oldest[0])
  }

  /** The key is there again, with a higher index. */
  revive(key: string): void {
    if (this.#indexes.delete(key)) this.#keys.delete(key)
  }
}
