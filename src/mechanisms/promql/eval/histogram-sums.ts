import {
  addHistograms,
  divideHistogram,
  subtractHistograms,
} from '../../native-histogram/arithmetic.ts'
import { compact } from '../../native-histogram/buckets.ts'
import type { FloatHistogram } from '../../native-histogram/float-histogram.ts'
import type { TextRange } from '../syntax/parse-error.ts'
import type { Notes } from './notes.ts'

/** What somebody should be told about histograms that were put together. */
class Findings {
  #hasReset = false
  #hasNoReset = false
  areBoundsReconciled = false

  see({ resetHint }: FloatHistogram): void {
    if (resetHint === 'reset') this.#hasReset = true
    if (resetHint === 'not-reset') this.#hasNoReset = true
  }

  report(notes: Notes, place: TextRange): void {
    if (this.#hasReset && this.#hasNoReset) {
      notes.warn('conflicting counter resets during histogram aggregation', place)
    }
    if (this.areBoundsReconciled) {
      notes.inform('mismatched custom buckets were reconciled during aggregation', place)
    }
  }
}

/** The sum of histograms that are added one by one. */
export class HistogramSum {
  #sum: FloatHistogram | undefined
  readonly #findings = new Findings()

  /** Answers false for one that does not fit to those before. */
  add(histogram: FloatHistogram): boolean {
    this.#findings.see(histogram)
    if (this.#sum === undefined) {
      this.#sum = histogram
      return true
    }
    const sum = addHistograms(this.#sum, histogram)
    if (sum === undefined) return false
    this.#sum = sum.histogram
    if (sum.areBoundsReconciled) this.#findings.areBoundsReconciled = true
    return true
  }

  /** Tells what was strange. */
  report(notes: Notes, place: TextRange): void {
    this.#findings.report(notes, place)
  }

  /** The sum, without empty buckets. */
  result(): FloatHistogram | undefined {
    return this.#sum === undefined ? undefined : compact(this.#sum)
  }
}

/** The mean of histograms that are added one by one; never larger on its way than its parts. */
export class HistogramMean {
  #mean: FloatHistogram | undefined
  #count = 0
  readonly #findings = new Findings()

  /** Answers false for one that does not fit to those before. */
  add(histogram: FloatHistogram): boolean {
    this.#findings.see(histogram)
    this.#count++
    if (this.#mean === undefined) {
      this.#mean = histogram
      return true
    }
    const { resetHint } = this.#mean
    const part = divideHistogram(histogram, this.#count)
    const difference = subtractHistograms(part, divideHistogram(this.#mean, this.#count))
    if (difference === undefined) return false
    const hint = addHistograms({ ...this.#mean, resetHint }, histogram)
    const mean = addHistograms(this.#mean, difference.histogram)
    if (mean === undefined || hint === undefined) return false
    this.#mean = { ...mean.histogram, resetHint: hint.histogram.resetHint }
    if (mean.areBoundsReconciled || difference.areBoundsReconciled) {
      this.#findings.areBoundsReconciled = true
    }
    return true
  }

  /** Tells what was strange. */
  report(notes: Notes, place: TextRange): void {
    this.#findings.report(notes, place)
  }

  /** The mean, without empty buckets. */
  result(): FloatHistogram | undefined {
    return this.#mean === undefined ? undefined : compact(this.#mean)
  }
}
