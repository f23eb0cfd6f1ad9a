import { createCounterWindow } from './counter-window.ts'

/** Turns totals that only grow (counters, histogram buckets) into increases and rates over a sliding window. */
export interface RateWindow {
  /**
   * Takes the totals at `nowMs`, `width` of them. A total below its last value was reset (its process started again):
   * all of it is new. A row that did not change needs no sample.
   */
  sample(totals: readonly number[], nowMs: number): void
  /** Increase of one total over the window that ends at `nowMs`. */
  increase(index: number, nowMs: number): number
  /** The same a second. While the window is not full yet, over the time since the first sample, at least a second. */
  perSecond(index: number, nowMs: number): number
  /** Increases of `out.length` totals from `first` on, written to `out`: the counts of a histogram, for `quantile`. */
  increasesInto(out: number[], first: number, nowMs: number): void
}

/** The smoothing that the console shows. */
export const RATE_WINDOW_MS = 10_000

/**
 * A window over `width` totals. The first sample says where they stand; with `startsAtZero` (a row that came into
 * being while we watched) all of it is new.
 */
export function createRateWindow(options: {
  readonly width: number
  readonly windowMs?: number
  readonly startsAtZero?: boolean
}): RateWindow {
  const { width, windowMs = RATE_WINDOW_MS } = options
  const window = createCounterWindow({ width, windowMs, buckets: 10 })
  const last = new Float64Array(width)
  let isKnown = options.startsAtZero === true
  let firstAtMs = Infinity

  function perSecond(index: number, nowMs: number): number {
    const coveredMs = Math.min(windowMs, Math.max(nowMs - firstAtMs, 1000))
    return firstAtMs === Infinity ? 0 : (window.sum(index, nowMs) * 1000) / coveredMs
  }

  return {
    sample(totals, nowMs) {
      // Totals that came with the first sample of a new row are those of the second before it.
      if (firstAtMs === Infinity) firstAtMs = isKnown ? nowMs - 1000 : nowMs
      for (let i = 0; i < width; i++) {
        const total = totals[i] ?? 0
        const before = last[i]!
        if (isKnown && total !== before)
          window.add(i, total < before ? total : total - before, nowMs)
        last[i] = total
      }
      isKnown = true
    },
    increase: (index, nowMs) => window.sum(index, nowMs),
    perSecond,
    increasesInto(out, first, nowMs) {
      for (let i = 0; i < out.length; i++) out[i] = window.sum(first + i, nowMs)
    },
  }
}
