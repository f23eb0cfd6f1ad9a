import { Labels } from '../../labels/labels.ts'
import { compileMatcher, type CompiledMatcher } from '../../labels/matchers.ts'
import { isReset } from '../../native-histogram/arithmetic.ts'
import type { FloatHistogram } from '../../native-histogram/float-histogram.ts'
import {
  bitsOf,
  isStaleAt,
  markStaleAt,
  type Queryable,
  type SelectQuery,
  type Series,
} from '../queryable.ts'

/** A sample to store: a number, a histogram, or the mark that a series ended. */
export type StoredValue = number | FloatHistogram | 'stale'

interface Stored {
  readonly labels: Labels
  readonly samples: Map<number, StoredValue>
}

/** A store for tests: everything in maps, the obvious way. */
export class MemoryStore implements Queryable {
  readonly #series = new Map<string, Stored>()

  /** Forgets everything. */
  clear(): void {
    this.#series.clear()
  }

  /** Stores a sample. A later one of the same time replaces it. */
  add(labels: Labels, timeMs: number, value: StoredValue): void {
    const known = this.#series.get(labels.signature)
    const stored: Stored = known ?? { labels, samples: new Map() }
    this.#series.set(labels.signature, stored)
    stored.samples.set(timeMs, value)
  }

  select(query: SelectQuery): Promise<readonly Series[]> {
    const tests = query.matchers.map(compileMatcher)
    const found = [...this.#series.values()]
      .filter(({ labels }) => matches(labels, tests))
      .map((stored) => cut(stored, query))
      .filter(({ timestamps }) => timestamps.length > 0)
    return Promise.resolve(found)
  }
}

function matches(labels: Labels, tests: readonly CompiledMatcher[]): boolean {
  return tests.every((test) => test.matches(labels.get(test.name)))
}

function cut({ labels, samples }: Stored, { fromMs, toMs }: SelectQuery): Series {
  const all = [...samples].toSorted(([one], [other]) => one - other)
  const hinted = withHints(all)
  const within = hinted.filter(([time]) => time >= fromMs && time <= toMs)
  const values = Float64Array.from(within, ([, value]) => (typeof value === 'number' ? value : NaN))
  const bits = bitsOf(values)
  for (const [index, [, value]] of within.entries()) {
    if (value === 'stale') markStaleAt(bits, index)
    else if (isStaleAt(bits, index)) values[index] = NaN
  }
  const histograms = within.map(([, value]) => (typeof value === 'object' ? value : undefined))
  return {
    labels,
    timestamps: Float64Array.from(within, ([time]) => time),
    values,
    ...(histograms.some((value) => value !== undefined) ? { histograms } : {}),
  }
}

/**
 * Prometheus' store knows of each histogram of a counter, but the first one of a chunk, that there was no reset before it. A chunk ends
 * at a reset and where something else than a counter's histogram comes.
 */
function withHints(samples: readonly (readonly [number, StoredValue])[]): [number, StoredValue][] {
  let previous: FloatHistogram | undefined
  return samples.map(([time, value]) => {
    if (typeof value !== 'object') {
      previous = undefined
      return [time, value]
    }
    if (value.resetHint === 'gauge') {
      previous = undefined
      return [time, value]
    }
    const plain: FloatHistogram = { ...value, resetHint: 'unknown' }
    const isFirst =
      previous === undefined ||
      value.resetHint === 'reset' ||
      isReset(plain, previous) ||
      !isAlike(plain, previous)
    previous = plain
    return [time, isFirst ? plain : { ...plain, resetHint: 'not-reset' }]
  })
}

function isAlike(one: FloatHistogram, other: FloatHistogram): boolean {
  return (
    one.schema === other.schema &&
    one.zeroThreshold === other.zeroThreshold &&
    one.customBounds.join() === other.customBounds.join()
  )
}
