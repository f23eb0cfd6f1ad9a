import { ByteTable } from '../../../mechanisms/byte-table/byte-table.ts'
import { LabelIndex } from '../../../mechanisms/label-index/label-index.ts'
import type { Labels } from '../../../mechanisms/labels/labels.ts'
import { parseLabels } from '../../../mechanisms/remote-write/write-request.ts'

const START = 256
/** Series that are moved into a new table before others get their turn. */
const SLICE = 2_000

interface Tables {
  readonly keys: ByteTable
  readonly index: LabelIndex
  /** Number of a series by the number of its key. */
  refs: Uint32Array<ArrayBuffer>
}

/**
 * The series of the head by their labels. The key of a series is its labels as `encodeLabels` writes them. A number is used again when its
 * series is gone and no checkpoint or log names it any more; `generation` tells the one from the other.
 */
export class SeriesSet {
  readonly #seed: number
  #tables: Tables
  /** While a new one is made: what is added goes there too. */
  #next: Tables | undefined
  /** Number of the key and one, by the number of the series; 0 where there is none. */
  #keyIds = new Uint32Array(START)
  #generations = new Uint32Array(START)
  #used = 0
  #free: number[] = []
  /** Gone, and perhaps still named by the log. */
  #gone: number[] = []

  constructor(seed: number) {
    this.#seed = seed
    this.#tables = newTables(seed)
  }

  get count(): number {
    return this.#tables.index.seriesCount
  }

  /** About what it holds in memory. */
  get bytes(): number {
    const { keys, index, refs } = this.#tables
    return keys.bytes + index.bytes + refs.length * 4 + this.#keyIds.length * 8
  }

  /** Which series have which labels. */
  get index(): LabelIndex {
    return this.#tables.index
  }

  /** All numbers are below this. */
  get limit(): number {
    return this.#used
  }

  /** The number of a series by its key; -1 where it is not there. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const id = this.#tables.keys.find(bytes, start, end)
    return id < 0 ? -1 : this.#tables.refs[id]!
  }

  /** Adds a series that is not there. */
  add(labels: Labels, key: Uint8Array): number {
    const ref = this.#free.pop() ?? this.#used++
    this.#put(ref, labels, key)
    return ref
  }

  /** Gives a series the number that a checkpoint or log says. Another series of this number is forgotten: it was gone. */
  restore(ref: number, key: Uint8Array): void {
    this.#used = Math.max(this.#used, ref + 1)
    this.#put(ref, parseLabels(key, 0, key.length), key)
  }

  /** Whether the number of a series still means the same. */
  isCurrent(ref: number, generation: number): boolean {
    return this.#keyIds[ref] !== 0 && this.#generations[ref] === generation
  }

  generation(ref: number): number {
    return this.#generations[ref]!
  }

  has(ref: number): boolean {
    return (this.#keyIds[ref] ?? 0) !== 0
  }

  key(ref: number): Uint8Array {
    return this.#tables.keys.key(this.#keyIds[ref]! - 1)
  }

  /** Takes out the series that are gone: the tables are made anew, in slices. Returns their numbers. */
  async removeGone(
    isGone: (ref: number) => boolean,
    turn: () => Promise<void>,
  ): Promise<readonly number[]> {
    const next = newTables(this.#seed)
    this.#next = next
    const limit = this.#used
    const candidates: number[] = []
    for (let ref = 0; ref < limit; ref++) {
      if (ref % SLICE === SLICE - 1) await turn()
      if (!this.has(ref)) continue
      if (isGone(ref)) candidates.push(ref)
      else this.#copy(ref, next)
    }
    // While others had their turn, some may have come back.
    const gone = candidates.filter((ref) => {
      if (isGone(ref)) return true
      this.#copy(ref, next)
      return false
    })
    this.#next = undefined
    this.#tables = next
    const ids = new Uint32Array(this.#keyIds.length)
    for (let id = 0; id < next.keys.count; id++) ids[next.refs[id]!] = id + 1
    this.#keyIds = ids
    for (const ref of gone) this.#generations[ref]!++
    this.#gone.push(...gone)
    return gone
  }

  /** The numbers of gone series that a checkpoint which begins now makes free, once it is whole. */
  takeGone(): readonly number[] {
    return this.#gone.splice(0)
  }

  /** Numbers that nothing names any more. */
  release(refs: readonly number[]): void {
    this.#free.push(...refs)
  }

  /** After everything was restored: numbers that are nobody's. */
  findFree(): void {
    for (let ref = 0; ref < this.#used; ref++) if (!this.has(ref)) this.#free.push(ref)
  }

  #put(ref: number, labels: Labels, key: Uint8Array): void {
    if (ref >= this.#keyIds.length) this.#grow(ref)
    this.#keyIds[ref] = insert(this.#tables, ref, labels, key) + 1
    if (this.#next !== undefined) insert(this.#next, ref, labels, key)
  }

  #copy(ref: number, next: Tables): void {
    const key = this.key(ref)
    if (next.keys.find(key, 0, key.length) >= 0) return
    insert(next, ref, this.#tables.index.labels(ref), key)
  }

  #grow(ref: number): void {
    const length = Math.max(ref + 1, this.#keyIds.length * 2)
    const ids = new Uint32Array(length)
    ids.set(this.#keyIds)
    this.#keyIds = ids
    const generations = new Uint32Array(length)
    generations.set(this.#generations)
    this.#generations = generations
  }
}

function newTables(seed: number): Tables {
  return { keys: new ByteTable(seed), index: new LabelIndex(), refs: new Uint32Array(START) }
}

function insert(tables: Tables, ref: number, labels: Labels, key: Uint8Array): number {
  const id = tables.keys.add(key, 0, key.length)
  if (id >= tables.refs.length) {
    const refs = new Uint32Array(Math.max(id + 1, tables.refs.length * 2))
    refs.set(tables.refs)
    tables.refs = refs
  }
  tables.refs[id] = ref
  tables.index.add(ref, labels)
  return id
}
