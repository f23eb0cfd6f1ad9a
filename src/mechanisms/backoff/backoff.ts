/** How waits are spread, so that many that failed together do not come back together. */
export type Jitter =
  /** The exponential wait itself. */
  | 'none'
  /** Half of it to the whole of it. */
  | 'equal'
  /** Anything up to it, at least `minMs`. */
  | 'full'

/**
 * The wait before try `attempt` (0 is the first wait): min x 2^attempt, at most max, with jitter. Milliseconds.
 * "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
 */
export function backoffMs(
  bounds: { readonly minMs: number; readonly maxMs: number },
  attempt: number,
  jitter: Jitter,
  random: () => number,
): number {
  const wholeMs = Math.min(bounds.maxMs, bounds.minMs * 2 ** Math.min(Math.max(0, attempt), 60))
  switch (jitter) {
    case 'none':
      return wholeMs
    case 'equal':
      return wholeMs / 2 + (random() * wholeMs) / 2
    case 'full':
      return bounds.minMs + random() * Math.max(0, wholeMs - bounds.minMs)
    default:
      return jitter satisfies never
  }
}

/** Tells a crash from a crash loop. */
export interface CrashWindow {
  /** Notes an exit; true when it is the `count`th within the window, or a later one. */
  record(nowMs: number): boolean
  /** Whether it is a loop at `nowMs`, without a new exit. */
  isLoop(nowMs: number): boolean
  /** Forgets all: a person started it again. */
  reset(): void
}

/** `count` exits within `windowMs` are a loop. Keeps `count` times and no more. */
export function createCrashWindow(options: {
  readonly count: number
  readonly windowMs: number
}): CrashWindow {
  const { count, windowMs } = options
  const times: number[] = []

  function isLoop(nowMs: number): boolean {
    return times.length === count && nowMs - times[0]! <= windowMs
  }

  return {
    record(nowMs) {
      times.push(nowMs)
      if (times.length > count) times.shift()
      return isLoop(nowMs)
    },
    isLoop,
    reset() {
      times.length = 0
    },
  }
}
