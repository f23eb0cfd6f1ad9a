import type { FloatHistogram } from '../../../mechanisms/native-histogram/float-histogram.ts'
import { addHistograms } from '../../../mechanisms/native-histogram/arithmetic.ts'

/** Series that come as differences; further ones are refused. */
export const DELTA_SERIES_MAX = 200_000
/** Buckets of one sum. Differences may each have others, and the sum has them all: beyond this it begins anew. */
export const DELTA_BUCKETS_MAX = 20_000
/** What was not told of for so long is forgotten: it begins at zero again, as after a restart. */
const IDLE_MS = 3_600_000

/** A series of the store. */
export interface SeriesPlace {
  readonly ref: number
  readonly generation: number
}

interface Sum {
  /** A number of a series is given to another one when the first is gone. */
  readonly generation: number
  timeMs: number
  value: number
  histogram: FloatHistogram | undefined
}

/**
 * Sums of series that senders tell as differences (delta temporality). A point that is not newer than the last one was counted already. After a restart they begin
 * at zero, which rates take for a reset of the counter.
 */
export class DeltaSums {
  readonly #sums = new Map<number, Sum>()

  /** The sum with a number added; undefined where there are too many series, or the point is not new. */
  add(series: SeriesPlace, timeMs: number, value: number): number | undefined {
    const sum = this.#of(series, timeMs)
    if (sum === undefined) return undefined
    sum.value += value
    return sum.value
  }

  /** The same of a histogram. */
  addHistogram(
    series: SeriesPlace,
    timeMs: number,
    more: FloatHistogram,
  ): FloatHistogram | undefined {
    const sum = this.#of(series, timeMs)
    if (sum === undefined) return undefined
    const both = sum.histogram === undefined ? more : addHistograms(sum.histogram, more)?.histogram
    sum.histogram = both !== undefined && bucketsOf(both) > DELTA_BUCKETS_MAX ? more : both
    return sum.histogram
  }

  /** Forgets what was not told of for a while. */
  tidy(nowMs: number): void {
    for (const [ref, { timeMs }] of this.#sums) if (nowMs - timeMs > IDLE_MS) this.#sums.delete(ref)
  }

  #of({ ref, generation }: SeriesPlace, timeMs: number): Sum | undefined {
    const known = this.#sums.get(ref)
    if (known === undefined || known.generation !== generation) {
      if (this.#sums.size >= DELTA_SERIES_MAX) return undefined
      const sum = { generation, timeMs, value: 0, histogram: undefined }
      this.#sums.set(ref, sum)
      return sum
    }
    if (timeMs <= known.timeMs) return undefined
    known.timeMs = timeMs
    return known
  }
}

function bucketsOf({ positiveCounts, negativeCounts }: FloatHistogram): number {
  return positiveCounts.length + negativeCounts.length
}
