import type { CompiledMatcher } from '../../../mechanisms/labels/matchers.ts'
import type { Labels } from '../../../mechanisms/labels/labels.ts'

/** A single observation of a series: most often of a trace. */
export interface StoredExemplar {
  readonly labels: Labels
  readonly timeMs: number
  readonly value: number
}

/** The exemplars of one series. */
export interface SeriesExemplars {
  readonly series: Labels
  readonly exemplars: readonly StoredExemplar[]
}

interface Entry {
  readonly series: Labels
  readonly exemplar: StoredExemplar
}

/** The newest exemplars of all series, so many and no more. */
export class ExemplarRing {
  readonly #entries: Entry[] = []
  readonly #max: number
  /** The newest one of each series: a target tells the same one at every scrape. */
  readonly #last = new Map<string, StoredExemplar>()
  #at = 0

  constructor(max: number) {
    this.#max = max
  }

  get count(): number {
    return this.#entries.length
  }

  /** False where it is known, or older than the newest one of its series. */
  add(series: Labels, exemplar: StoredExemplar): boolean {
    const last = this.#last.get(series.signature)
    if (last !== undefined) {
      if (exemplar.timeMs < last.timeMs) return false
      if (
        exemplar.timeMs === last.timeMs &&
        (exemplar.value === last.value || exemplar.labels.signature === last.labels.signature)
      ) {
        return false
      }
    }
    const before = this.#entries[this.#at]
    if (before !== undefined) {
      const { signature } = before.series
      if (this.#last.get(signature) === before.exemplar) this.#last.delete(signature)
    }
    this.#last.set(series.signature, exemplar)
    this.#entries[this.#at] = { series, exemplar }
    this.#at = (this.#at + 1) % this.#max
    return true
  }

  /** Those of series that fulfil all matchers of one of the sets, from `from` to `to`. */
  select(
    sets: readonly (readonly CompiledMatcher[])[],
    from: number,
    to: number,
  ): readonly SeriesExemplars[] {
    const found = new Map<string, { series: Labels; exemplars: StoredExemplar[] }>()
    const isWanted = ({ series, exemplar }: Entry): boolean =>
      exemplar.timeMs >= from &&
      exemplar.timeMs <= to &&
      sets.some((matchers) => matchers.every((one) => one.matches(series.get(one.name))))
    for (const entry of this.#entries) {
      if (!isWanted(entry)) continue
      const { signature } = entry.series
      const known = found.get(signature) ?? { series: entry.series, exemplars: [] }
      known.exemplars.push(entry.exemplar)
      found.set(signature, known)
    }
    return [...found.values()].map(({ series, exemplars }) => ({
      series,
      exemplars: exemplars.toSorted((one, other) => one.timeMs - other.timeMs),
    }))
  }

  /** All, the oldest first. */
  *all(): Generator<Entry> {
    for (let index = 0; index < this.#entries.length; index++) {
      yield this.#entries[(this.#at + index) % this.#entries.length]!
    }
  }
}
