import { compareText, Labels } from '../labels/labels.ts'
import type { CompiledMatcher } from '../labels/matchers.ts'
import { RefList } from './ref-list.ts'
import { Symbols } from './symbols.ts'

/** The names that some series have in common: each series of a shape keeps its values only. */
interface Shape {
  readonly id: number
  readonly names: readonly string[]
  /** Where the value of a name stands. */
  readonly columns: ReadonlyMap<string, number>
}

/** Series by the values of one label. */
type ValuePostings = Map<number, RefList>

const NOTHING = new Uint32Array(0)

/**
 * Which series have which labels: an inverted index in memory. A series is a small number of somebody else's; what is taken out is only
 * forgotten when the index is made anew (`rebuilt`).
 */
export class LabelIndex {
  readonly #symbols = new Symbols()
  readonly #shapes: Shape[] = []
  readonly #shapeIds = new Map<string, Shape>()
  readonly #postings = new Map<string, ValuePostings>()
  readonly #all = new RefList()
  /** By series: its shape and one, 0 for none; and where its values begin. */
  #shapeOf = new Uint32Array(64)
  #offsetOf = new Uint32Array(64)
  #values = new Uint32Array(256)
  #valuesUsed = 0
  #postingCount = 0

  get seriesCount(): number {
    return this.#all.length
  }

  /** About what it holds in memory. */
  get bytes(): number {
    return (
      this.#symbols.bytes +
      (this.#shapeOf.length + this.#offsetOf.length + this.#values.length) * 4 +
      this.#postingCount * 8
    )
  }

  /** Adds a series that is not there. */
  add(ref: number, { names, values }: Labels): void {
    const shape = this.#shapeFor(names)
    this.#reserve(ref, values.length)
    this.#shapeOf[ref] = shape.id + 1
    this.#offsetOf[ref] = this.#valuesUsed
    this.#all.push(ref)
    for (let column = 0; column < values.length; column++) {
      const value = this.#symbols.intern(values[column]!)
      this.#values[this.#valuesUsed++] = value
      this.#post(names[column]!, value, ref)
    }
  }

  /** The labels of a series; none where there is no such series. */
  labels(ref: number): Labels {
    const shape = this.#shapes[(this.#shapeOf[ref] ?? 0) - 1]
    if (shape === undefined) return new Labels([], [])
    const offset = this.#offsetOf[ref]!
    const values: string[] = []
    for (let column = 0; column < shape.names.length; column++) {
      values.push(this.#symbols.text(this.#values[offset + column]!))
    }
    return new Labels(shape.names, values)
  }

  /** The value of one label, '' where the series has none. */
  value(ref: number, name: string): string {
    const id = this.#valueId(ref, name)
    return id < 0 ? '' : this.#symbols.text(id)
  }

  /** All series that fulfil all matchers, rising. */
  select(matchers: readonly CompiledMatcher[]): Uint32Array {
    const lists = matchers.map((matcher) => this.#candidates(matcher))
    let least: number | undefined
    for (const [index, list] of lists.entries()) {
      if (list === undefined) continue
      if (list.length === 0) return NOTHING
      if (least === undefined || list.length < lists[least]!.length) least = index
    }
    const union = this.#unionOf(matchers, least)
    const rest = matchers.filter((_, index) => index !== union.done)
    return rest.reduce(
      (refs, matcher) => (refs.length === 0 ? refs : this.#filter(refs, matcher)),
      union.refs,
    )
  }

  /** Names of labels, sorted; of some series where these are given. */
  names(refs?: Uint32Array): readonly string[] {
    if (refs === undefined) return [...this.#postings.keys()].toSorted(compareText)
    const shapes = new Set<number>()
    for (const ref of refs) shapes.add(this.#shapeOf[ref]!)
    const names = new Set([...shapes].flatMap((id) => this.#shapes[id - 1]?.names ?? []))
    return [...names].toSorted(compareText)
  }

  /** Values of a label, sorted; of some series where these are given. */
  values(name: string, refs?: Uint32Array): readonly string[] {
    const ids = new Set(refs === undefined ? (this.#postings.get(name)?.keys() ?? []) : [])
    for (const ref of refs ?? NOTHING) {
      const id = this.#valueId(ref, name)
      if (id >= 0) ids.add(id)
    }
    return [...ids].map((id) => this.#symbols.text(id)).toSorted(compareText)
  }

  /** How many series have this value of a label. */
  countOf(name: string, value: string): number {
    const id = this.#symbols.find(value)
    return id === undefined ? 0 : (this.#postings.get(name)?.get(id)?.length ?? 0)
  }

  /** Each name with the number of its values, the largest first. */
  valueCounts(max: number): readonly { readonly name: string; readonly count: number }[] {
    return [...this.#postings]
      .map(([name, postings]) => ({ name, count: postings.size }))
      .toSorted((one, other) => other.count - one.count || compareText(one.name, other.name))
      .slice(0, max)
  }

  /** Each value of a label with the number of series that have it, the largest first. */
  seriesCounts(
    name: string,
    max: number,
  ): readonly { readonly name: string; readonly count: number }[] {
    return [...(this.#postings.get(name) ?? [])]
      .map(([id, { length }]) => ({ name: this.#symbols.text(id), count: length }))
      .toSorted((one, other) => other.count - one.count || compareText(one.name, other.name))
      .slice(0, max)
  }

  /** Bytes of the values of each label, the largest first. */
  valueBytes(max: number): readonly { readonly name: string; readonly count: number }[] {
    return [...this.#postings]
      .map(([name, postings]) => {
        let count = 0
        for (const id of postings.keys()) count += this.#symbols.text(id).length
        return { name, count }
      })
      .toSorted((one, other) => other.count - one.count || compareText(one.name, other.name))
      .slice(0, max)
  }

  /** All pairs of a name and a value with their number of series, the largest first. */
  pairCounts(max: number): readonly { readonly name: string; readonly count: number }[] {
    const found: { readonly name: string; readonly count: number }[] = []
    for (const [name, postings] of this.#postings) {
      for (const [id, { length }] of postings) {
        found.push({ name: `${name}=${this.#symbols.text(id)}`, count: length })
      }
      // Kept short while it grows: there may be millions.
      if (found.length > 100_000) {
        found.sort((one, other) => other.count - one.count)
        found.length = max
      }
    }
    return found.toSorted((one, other) => other.count - one.count).slice(0, max)
  }

  /** Number of pairs of a name and a value. */
  get pairCount(): number {
    let count = 0
    for (const postings of this.#postings.values()) count += postings.size
    return count
  }

  /** The list for a matcher that wants one value, or one of some: undefined where it says little. */
  #candidates(matcher: CompiledMatcher): { readonly length: number } | undefined {
    if (matcher.matchesEmpty || matcher.values === undefined) return undefined
    const postings = this.#postings.get(matcher.name)
    let length = 0
    for (const value of matcher.values) {
      const id = this.#symbols.find(value)
      if (id !== undefined) length += postings?.get(id)?.length ?? 0
    }
    return { length }
  }

  /** The series to begin with, and the matcher that they fulfil already. */
  #unionOf(
    matchers: readonly CompiledMatcher[],
    least: number | undefined,
  ): { readonly refs: Uint32Array; readonly done: number } {
    const done = least ?? matchers.findIndex((one) => !one.matchesEmpty)
    const matcher = matchers[done]
    if (matcher === undefined) return { refs: this.#all.view().slice(), done: -1 }
    const postings = this.#postings.get(matcher.name)
    if (postings === undefined) return { refs: NOTHING, done }
    const lists: RefList[] = []
    if (matcher.values === undefined) {
      for (const [id, list] of postings) {
        if (matcher.matches(this.#symbols.text(id))) lists.push(list)
      }
    } else {
      for (const value of matcher.values) {
        const list = postings.get(this.#symbols.find(value) ?? -1)
        if (list !== undefined) lists.push(list)
      }
    }
    return { refs: unionOfLists(lists), done }
  }

  /** Each value is asked once, however many series have it. */
  #filter(refs: Uint32Array, matcher: CompiledMatcher): Uint32Array {
    const verdicts = new Uint8Array(this.#symbols.count)
    const kept = new Uint32Array(refs.length)
    let count = 0
    for (const ref of refs) {
      const id = this.#valueId(ref, matcher.name)
      let isKept = matcher.matchesEmpty
      if (id >= 0) {
        if (verdicts[id] === 0) verdicts[id] = matcher.matches(this.#symbols.text(id)) ? 1 : 2
        isKept = verdicts[id] === 1
      }
      if (isKept) kept[count++] = ref
    }
    return kept.subarray(0, count)
  }

  #valueId(ref: number, name: string): number {
    const shape = this.#shapes[(this.#shapeOf[ref] ?? 0) - 1]
    const column = shape?.columns.get(name)
    return column === undefined ? -1 : this.#values[this.#offsetOf[ref]! + column]!
  }

  #post(name: string, value: number, ref: number): void {
    let postings = this.#postings.get(name)
    if (postings === undefined) this.#postings.set(name, (postings = new Map()))
    let list = postings.get(value)
    if (list === undefined) {
      postings.set(value, (list = new RefList()))
      // A list, its array and an entry of the map.
      this.#postingCount += 20
    }
    list.push(ref)
    this.#postingCount++
  }

  #shapeFor(names: readonly string[]): Shape {
    const key = names.join('\0')
    const known = this.#shapeIds.get(key)
    if (known !== undefined) return known
    const shape = {
      id: this.#shapes.length,
      names: [...names],
      columns: new Map(names.map((name, column) => [name, column])),
    }
    this.#shapes.push(shape)
    this.#shapeIds.set(key, shape)
    return shape
  }

  #reserve(ref: number, valueCount: number): void {
    if (ref >= this.#shapeOf.length) {
      const length = Math.max(ref + 1, this.#shapeOf.length * 2)
      this.#shapeOf = grown(this.#shapeOf, length)
      this.#offsetOf = grown(this.#offsetOf, length)
    }
    if (this.#valuesUsed + valueCount > this.#values.length) {
      this.#values = grown(this.#values, this.#values.length * 2 + valueCount)
    }
  }
}

function grown(from: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const more = new Uint32Array(length)
  more.set(from)
  return more
}

/** All of some lists that have nothing in common, rising. A copy. */
function unionOfLists(lists: readonly RefList[]): Uint32Array {
  const [first] = lists
  if (first === undefined) return NOTHING
  if (lists.length === 1) return first.view().slice()
  const union = new Uint32Array(lists.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const list of lists) {
    union.set(list.view(), at)
    at += list.length
  }
  return union.sort()
}
