import { noLabels, type Labels } from '../../labels/labels.ts'
import type { FloatHistogram } from '../../native-histogram/float-histogram.ts'

/** What a row has at a time. */
export const absent = 0
export const float = 1
export const histogram = 2

/**
 * A series of a result, at each time of a grid. Rows travel one by one; whoever is given one may change it and must not keep it: the
 * next one uses the same arrays.
 */
export interface Row {
  labels: Labels
  /** The name of the metric goes at the end of the evaluation. */
  dropsName: boolean
  /** Numbers where `kinds` says `float`. */
  readonly values: Float64Array
  readonly kinds: Uint8Array
  /** Histograms where `kinds` says so; made when there is a first one. */
  histograms: (FloatHistogram | undefined)[] | undefined
}

/** Takes one row after the other. */
export type RowSink = (row: Row) => void

/** A row without anything in it. */
export function createRow(count: number): Row {
  return {
    labels: noLabels,
    dropsName: false,
    values: new Float64Array(count),
    kinds: new Uint8Array(count),
    histograms: undefined,
  }
}

/** Puts a histogram into a row. */
export function setHistogram(row: Row, step: number, value: FloatHistogram): void {
  row.histograms ??= []
  row.histograms[step] = value
  row.kinds[step] = histogram
}

/** The histogram of a row at a time where there is one. */
export function histogramAt(row: Row, step: number): FloatHistogram {
  const value = row.histograms?.[step]
  if (value === undefined) throw new Error('a row has no histogram where it says that it has one')
  return value
}

/** Whether a row has nothing at any time. */
export function isEmpty({ kinds }: Row): boolean {
  for (let step = 0; step < kinds.length; step++) if (kinds[step] !== absent) return false
  return true
}

/** Rows that are kept, side by side in two arrays. */
export class Table {
  readonly count: number
  readonly labels: Labels[] = []
  readonly dropsName: boolean[] = []
  #values: Float64Array
  #kinds: Uint8Array
  readonly #histograms = new Map<number, (FloatHistogram | undefined)[]>()

  constructor(count: number) {
    this.count = count
    this.#values = new Float64Array(16 * count)
    this.#kinds = new Uint8Array(16 * count)
  }

  /** How many rows there are. */
  get length(): number {
    return this.labels.length
  }

  /** The numbers of all rows. */
  get values(): Float64Array {
    return this.#values
  }

  /** The kinds of all rows. */
  get kinds(): Uint8Array {
    return this.#kinds
  }

  /** Keeps a row. */
  push(row: Row): void {
    const index = this.labels.length
    const at = index * this.count
    if (at + this.count > this.#values.length) this.#grow()
    if (this.count === 1) {
      this.#values[at] = row.values[0]!
      this.#kinds[at] = row.kinds[0]!
    } else {
      this.#values.set(row.values, at)
      this.#kinds.set(row.kinds, at)
    }
    this.labels.push(row.labels)
    this.dropsName.push(row.dropsName)
    if (row.histograms !== undefined && row.kinds.includes(histogram)) {
      this.#histograms.set(index, row.histograms.slice())
    }
  }

  /** Whether any row has a histogram. */
  get hasHistograms(): boolean {
    return this.#histograms.size > 0
  }

  /** The histogram of a row at a time, if there is one. */
  histogramAt(index: number, step: number): FloatHistogram | undefined {
    return this.#kinds[index * this.count + step] === histogram
      ? this.#histograms.get(index)?.[step]
      : undefined
  }

  /** A row as it was kept: its arrays are those of the table. */
  row(index: number): Row {
    const [from, to] = [index * this.count, (index + 1) * this.count]
    return {
      labels: this.labels[index] ?? noLabels,
      dropsName: this.dropsName[index] ?? false,
      values: this.#values.subarray(from, to),
      kinds: this.#kinds.subarray(from, to),
      histograms: this.#histograms.get(index),
    }
  }

  /** Copies a row into another one, which may be changed then. */
  load(index: number, row: Row): void {
    const at = index * this.count
    if (this.count === 1) {
      row.values[0] = this.#values[at]!
      row.kinds[0] = this.#kinds[at]!
    } else {
      row.values.set(this.#values.subarray(at, at + this.count))
      row.kinds.set(this.#kinds.subarray(at, at + this.count))
    }
    row.labels = this.labels[index] ?? noLabels
    row.dropsName = this.dropsName[index] ?? false
    row.histograms = this.#histograms.get(index)?.slice()
  }

  /** Adds what `row` has where row `index` has nothing. Answers false where both have something. */
  merge(index: number, row: Row): boolean {
    const at = index * this.count
    for (let step = 0; step < this.count; step++) {
      const kind = row.kinds[step]!
      if (kind === absent) continue
      if (this.#kinds[at + step] !== absent) return false
      this.#kinds[at + step] = kind
      this.#values[at + step] = row.values[step]!
      if (kind === histogram) {
        const known = this.#histograms.get(index) ?? []
        known[step] = row.histograms?.[step]
        this.#histograms.set(index, known)
      }
    }
    return true
  }

  #grow(): void {
    const values = new Float64Array(this.#values.length * 2)
    const kinds = new Uint8Array(this.#kinds.length * 2)
    values.set(this.#values)
    kinds.set(this.#kinds)
    this.#values = values
    this.#kinds = kinds
  }
}
