/** Sums of `width` numbers over a sliding window, kept in a ring of buckets: constant memory, no allocation. */
export interface CounterWindow {
  /** Adds to one of the numbers. A time that is before the window's newest bucket counts as that bucket. */
  add(index: number, amount: number, nowMs: number): void
  /** Sum of one number over the window that ends at `nowMs`. */
  sum(index: number, nowMs: number): number
}

/**
 * `buckets` steps of `windowMs / buckets`; the window reaches back at most `windowMs` and at least one step less.
 * Times may start anywhere and must not go back by more than the clock's jitter.
 */
export function createCounterWindow(options: {
  readonly width: number
  readonly windowMs: number
  readonly buckets: number
}): CounterWindow {
  const { width, buckets } = options
  const stepMs = options.windowMs / buckets
  const counts = new Float64Array(width * buckets)
  const sums = new Float64Array(width)
  let newest = -Infinity

  function advance(nowMs: number): void {
    const step = Math.floor(nowMs / stepMs)
    if (step <= newest) return
    if (step - newest >= buckets) {
      counts.fill(0)
      sums.fill(0)
    } else {
      for (let passed = newest + 1; passed <= step; passed++) clearBucket(passed)
    }
    newest = step
  }

  function offsetOf(step: number): number {
    return (((step % buckets) + buckets) % buckets) * width
  }

  function clearBucket(step: number): void {
    const offset = offsetOf(step)
    for (let i = 0; i < width; i++) {
      const count = counts[offset + i]!
      if (count === 0) continue
      sums[i]! -= count
      counts[offset + i] = 0
    }
  }

  return {
    add(index, amount, nowMs) {
      advance(nowMs)
      counts[offsetOf(newest) + index]! += amount
      sums[index]! += amount
    },
    sum(index, nowMs) {
      advance(nowMs)
      return sums[index]!
    },
  }
}
