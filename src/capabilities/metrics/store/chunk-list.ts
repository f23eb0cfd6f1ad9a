import type { ChunkLocation } from './chunk-files.ts'

const START = 256

/** A closed chunk of a series. */
export interface ClosedChunk extends ChunkLocation {
  readonly minTime: number
  readonly maxTime: number
}

/** The closed chunks of all series: one list a series, in columns. */
export class ChunkLists {
  #next = new Int32Array(START)
  #minTimes = new Float64Array(START)
  #maxTimes = new Float64Array(START)
  #places = new Float64Array(START)
  #lengths = new Uint32Array(START)
  #first = new Int32Array(START).fill(-1)
  #used = 0
  #free = -1
  #count = 0

  get count(): number {
    return this.#count
  }

  /** Bytes of all columns. */
  get bytes(): number {
    return this.#next.length * 32 + this.#first.length * 4
  }

  add(ref: number, chunk: ClosedChunk): void {
    if (ref >= this.#first.length) this.#growSeries(ref)
    let entry = this.#free
    if (entry >= 0) this.#free = this.#next[entry]!
    else {
      if (this.#used === this.#next.length) this.#grow()
      entry = this.#used++
    }
    this.#next[entry] = this.#first[ref]!
    this.#first[ref] = entry
    this.#minTimes[entry] = chunk.minTime
    this.#maxTimes[entry] = chunk.maxTime
    this.#places[entry] = chunk.place
    this.#lengths[entry] = chunk.bytes
    this.#count++
  }

  /** Whether a series has any. */
  has(ref: number): boolean {
    return (this.#first[ref] ?? -1) >= 0
  }

  /** The chunks of a series that have something from `from` to `to`, both included; the newest is first. */
  *overlapping(ref: number, from: number, to: number): Generator<ClosedChunk> {
    for (let entry = this.#first[ref] ?? -1; entry >= 0; entry = this.#next[entry]!) {
      const minTime = this.#minTimes[entry]!
      const maxTime = this.#maxTimes[entry]!
      if (minTime > to || maxTime < from) continue
      yield { minTime, maxTime, place: this.#places[entry]!, bytes: this.#lengths[entry]! }
    }
  }

  /** Forgets the chunks of a series that end before a time and stand before a place. */
  dropBefore(ref: number, time: number, place: number): void {
    let before = -1
    let entry = this.#first[ref] ?? -1
    while (entry >= 0) {
      const next = this.#next[entry]!
      if (this.#maxTimes[entry]! < time && this.#places[entry]! < place) {
        if (before < 0) this.#first[ref] = next
        else this.#next[before] = next
        this.#next[entry] = this.#free
        this.#free = entry
        this.#count--
      } else before = entry
      entry = next
    }
  }

  #grow(): void {
    const length = this.#next.length * 2
    this.#next = copied(new Int32Array(length), this.#next)
    this.#minTimes = copied(new Float64Array(length), this.#minTimes)
    this.#maxTimes = copied(new Float64Array(length), this.#maxTimes)
    this.#places = copied(new Float64Array(length), this.#places)
    this.#lengths = copied(new Uint32Array(length), this.#lengths)
  }

  #growSeries(ref: number): void {
    const length = Math.max(ref + 1, this.#first.length * 2)
    const before = this.#first.length
    this.#first = copied(new Int32Array(length), this.#first)
    this.#first.fill(-1, before)
  }
}

/** A larger column with what the smaller one had. */
export function copied<Column extends Int32Array | Float64Array | Uint32Array>(
  into: Column,
  from: Column,
): Column {
  into.set(from)
  return into
}
