import type { LabelIndex } from '../../../mechanisms/label-index/label-index.ts'
import { compileMatcher } from '../../../mechanisms/labels/matchers.ts'
import { Labels } from '../../../mechanisms/labels/labels.ts'

/** Stands in place of the values beyond the limit: the series of all of them are one, the sum of theirs. */
export const OVERFLOW_VALUE = '__overflow__'

/** These tell what a sample is, or where it comes from: without them it would mean nothing. */
const exempt: ReadonlySet<string> = new Set(['__name__', 'le', 'quantile', 'job', 'instance'])

/** A label of a metric that has more values than it may. */
export interface Explosion {
  readonly metric: string
  readonly label: string
  /** Series that were put together since the start. */
  readonly overflowed: number
}

/**
 * Limits how many values a label of one metric has. It counts only where it must: a metric with fewer series than the limit has fewer values
 * too.
 */
export class CardinalityGuard {
  readonly #valuesMax: number
  /** Values by label, of the metrics that have many series. */
  readonly #counted = new Map<string, Map<string, Set<string>>>()
  readonly #explosions = new Map<string, { metric: string; label: string; overflowed: number }>()

  constructor(valuesMax: number) {
    this.#valuesMax = valuesMax
  }

  /** The labels that a new series may have. */
  admit(labels: Labels, index: LabelIndex): Labels {
    const metric = labels.get('__name__')
    let counted = this.#counted.get(metric)
    if (counted === undefined) {
      if (index.countOf('__name__', metric) < this.#valuesMax) return labels
      counted = countValues(metric, index)
      this.#counted.set(metric, counted)
    }
    let values: string[] | undefined
    for (const [at, name] of labels.names.entries()) {
      if (exempt.has(name)) continue
      const known = counted.get(name) ?? new Set()
      counted.set(name, known)
      const value = labels.values[at]!
      if (known.has(value)) continue
      if (known.size < this.#valuesMax) {
        known.add(value)
        continue
      }
      values ??= [...labels.values]
      values[at] = OVERFLOW_VALUE
      this.#count(metric, name)
    }
    return values === undefined ? labels : new Labels(labels.names, values)
  }

  /** What overflows, the worst first. */
  explosions(): readonly Explosion[] {
    return [...this.#explosions.values()].toSorted(
      (one, other) => other.overflowed - one.overflowed,
    )
  }

  /** After series were taken out: what is still too much is counted anew when the next one comes. */
  reset(): void {
    this.#counted.clear()
  }

  #count(metric: string, label: string): void {
    const key = `${metric}\0${label}`
    const known = this.#explosions.get(key) ?? { metric, label, overflowed: 0 }
    known.overflowed++
    this.#explosions.set(key, known)
  }
}

function countValues(metric: string, index: LabelIndex): Map<string, Set<string>> {
  const refs = index.select([compileMatcher({ name: '__name__', kind: '=', value: metric })])
  return new Map(index.names(refs).map((name) => [name, new Set(index.values(name, refs))]))
}
