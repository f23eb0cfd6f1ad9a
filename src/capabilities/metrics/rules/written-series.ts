import type { Labels } from '../../../mechanisms/labels/labels.ts'
import type { FloatHistogram } from '../../../mechanisms/native-histogram/float-histogram.ts'
import { staleHigh, staleLow } from '../../../mechanisms/promql/queryable.ts'
import type { Store } from '../store/store.ts'

/** A sample that a rule stores. */
export interface RuleOutput {
  readonly labels: Labels
  readonly value: number
  readonly histogram?: FloatHistogram | undefined
}

/** The series that a rule has written at its last evaluation: those that are missing at the next one end. */
export class WrittenSeries {
  readonly #store: Store
  #last: ReadonlyMap<string, Labels>

  constructor(store: Store, last: ReadonlyMap<string, Labels> = new Map()) {
    this.#store = store
    this.#last = last
  }

  get last(): ReadonlyMap<string, Labels> {
    return this.#last
  }

  /** Stores what the rule answered. Throws `SeriesLimitError`; then nothing ends. */
  write(outputs: readonly RuleOutput[], timeMs: number): void {
    const now = new Map<string, Labels>()
    for (const { labels, value, histogram } of outputs) {
      const ref = this.#store.seriesOf(labels)
      if (histogram === undefined) this.#store.appendValue(ref, timeMs, value)
      else this.#store.appendHistogram(ref, timeMs, histogram)
      now.set(labels.signature, labels)
    }
    for (const [signature, labels] of this.#last) {
      if (!now.has(signature)) this.#end(labels, timeMs)
    }
    this.#last = now
  }

  /** A series that was written before this start counts as written by the last evaluation. */
  adopt(labels: Labels): void {
    this.#last = new Map([...this.#last, [labels.signature, labels]])
  }

  /** The rule is gone: all its series end. */
  end(timeMs: number): void {
    for (const labels of this.#last.values()) this.#end(labels, timeMs)
    this.#last = new Map()
  }

  #end(labels: Labels, timeMs: number): void {
    this.#store.append(this.#store.seriesOf(labels), timeMs, staleHigh, staleLow)
  }
}
