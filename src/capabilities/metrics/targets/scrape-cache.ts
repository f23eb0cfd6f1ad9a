import { ByteTable } from '../../../mechanisms/byte-table/byte-table.ts'

/** What a target's line for a series leads to. */
export const DROPPED = -2

/**
 * The series of one target by the bytes of their lines: a target says the same ones again and again, so they are parsed once. Knows which ones
 * the last scrape had, for markers of staleness.
 */
export class ScrapeCache {
  readonly #seed: number
  #keys: ByteTable
  #refs: number[] = []
  #generations: number[] = []
  #seen: number[] = []
  #round = 1

  constructor(seed: number) {
    this.#seed = seed
    this.#keys = new ByteTable(seed)
  }

  /** Bytes that are held. */
  get bytes(): number {
    return this.#keys.bytes + this.#refs.length * 24
  }

  /** Begins a scrape. */
  begin(): void {
    this.#round++
  }

  /** The entry of a line; -1 where it is new. */
  find(bytes: Uint8Array, start: number, end: number): number {
    return this.#keys.find(bytes, start, end)
  }

  /** Adds a line. */
  add(bytes: Uint8Array, start: number, end: number, ref: number, generation: number): number {
    const entry = this.#keys.add(bytes, start, end)
    this.#refs[entry] = ref
    this.#generations[entry] = generation
    this.#seen[entry] = 0
    return entry
  }

  ref(entry: number): number {
    return this.#refs[entry]!
  }

  generation(entry: number): number {
    return this.#generations[entry]!
  }

  /** This scrape has it. `isTracked`: when it goes, it gets a marker. True where the scrape before did not have it. */
  see(entry: number, isTracked: boolean): boolean {
    const isNew = Math.abs(this.#seen[entry]!) !== this.#round - 1
    this.#seen[entry] = isTracked ? this.#round : -this.#round
    return isNew
  }

  /** Series that the scrape before had, and this one has not. */
  *gone(): Generator<{ readonly ref: number; readonly generation: number }> {
    for (let entry = 0; entry < this.#refs.length; entry++) {
      if (this.#seen[entry] !== this.#round - 1) continue
      const ref = this.#refs[entry]!
      if (ref >= 0) yield { ref, generation: this.#generations[entry]! }
    }
  }

  /** Ends a scrape: where most entries are old, they are forgotten. */
  finish(): void {
    const kept = this.#seen.filter((seen) => Math.abs(seen) >= this.#round - 1).length
    if (this.#refs.length < 1_000 || kept * 2 > this.#refs.length) return
    const keys = new ByteTable(this.#seed)
    const refs: number[] = []
    const generations: number[] = []
    const seen: number[] = []
    for (const [entry, round] of this.#seen.entries()) {
      if (Math.abs(round) < this.#round - 1) continue
      const key = this.#keys.key(entry)
      keys.add(key, 0, key.length)
      refs.push(this.#refs[entry]!)
      generations.push(this.#generations[entry]!)
      seen.push(round)
    }
    this.#keys = keys
    this.#refs = refs
    this.#generations = generations
    this.#seen = seen
  }
}
