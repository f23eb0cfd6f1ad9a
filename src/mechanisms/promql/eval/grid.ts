/** The times at which an expression is evaluated, in milliseconds. One time has any step. */
export interface Grid {
  readonly startMs: number
  readonly stepMs: number
  readonly count: number
}

/** The last of the times. */
export function endOf({ startMs, stepMs, count }: Grid): number {
  return startMs + (count - 1) * stepMs
}

/** The times from `startMs` to at most `endMs`. */
export function createGrid(startMs: number, endMs: number, stepMs: number): Grid {
  const count = stepMs > 0 ? Math.floor((endMs - startMs) / stepMs) + 1 : 1
  return { startMs, stepMs: stepMs > 0 ? stepMs : 1, count: Math.max(0, count) }
}
