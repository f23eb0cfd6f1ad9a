/** One call of a client, as it saw it. */
export interface Recorded<Op, Result> {
  readonly op: Op
  /** When it was sent, and when its answer had come; Infinity: the answer never came, and nobody knows whether it was done. */
  readonly sentMs: number
  readonly answeredMs: number
  /** Undefined where the answer never came. */
  readonly result: Result | undefined
}

/** What one object does, one operation after the other. */
export interface Model<State, Op, Result> {
  readonly first: State
  /** The state after the operation; undefined: from here it cannot have had this result. Any result will do where it is undefined. */
  step(state: State, op: Op, result: Result | undefined): State | undefined
  /** The same text for the same state. */
  key(state: State): string
}

/** States that are looked at before giving up: a history that needs more is too tangled, which is no proof of anything. */
const LOOKS_MAX = 300_000

/**
 * Whether there is one order of the calls, in which each takes effect at a moment between its sending and its answer, that gives these results: Wing
 * and Gong's search with Lowe's memory of configurations. Calls without an answer may have taken effect at any time since, or never. Throws when it
 * gives up. G. Lowe, Testing for linearizability, 2017.
 */
export function isLinearizable<State, Op, Result>(
  history: readonly Recorded<Op, Result>[],
  model: Model<State, Op, Result>,
): boolean {
  const calls = history.toSorted((a, b) => a.sentMs - b.sentMs)
  const seen = new Set<string>()
  const stack = [{ done: new Set<number>(), first: 0, state: model.first }]
  let looks = 0
  for (let here = stack.pop(); here !== undefined; here = stack.pop()) {
    const { done, state } = here
    let { first } = here
    while (done.has(first)) done.delete(first++)
    const bound = earliestAnswer(calls, done, first)
    // Nobody waits for an answer any more: whether the rest was done does not matter.
    if (bound === Infinity) return true
    const before = model.key(state)
    for (const at of candidates(calls, done, first, bound)) {
      const { op, result } = calls[at]!
      const next = model.step(state, op, result)
      if (next === undefined) continue
      const key = model.key(next)
      // Without an answer and without an effect it need not have been done.
      if (result === undefined && key === before) continue
      const after = new Set(done).add(at)
      const known = `${first} ${[...after].toSorted((a, b) => a - b).join(',')} ${key}`
      if (seen.has(known)) continue
      if (++looks > LOOKS_MAX) throw new Error(`gave up after ${looks} configurations`)
      seen.add(known)
      stack.push({ done: after, first, state: next })
    }
  }
  return false
}

/** What may come next; the one that was answered first is last, so that it is tried first. */
function candidates(
  calls: readonly Recorded<unknown, unknown>[],
  done: ReadonlySet<number>,
  first: number,
  bound: number,
): readonly number[] {
  const found: number[] = []
  for (let at = first; at < calls.length && calls[at]!.sentMs <= bound; at++) {
    if (!done.has(at)) found.push(at)
  }
  return found.toSorted((a, b) => (calls[a]!.answeredMs < calls[b]!.answeredMs ? 1 : -1))
}

/** Whoever is answered before another is sent comes before it. */
function earliestAnswer(
  calls: readonly Recorded<unknown, unknown>[],
  done: ReadonlySet<number>,
  first: number,
): number {
  let bound = Infinity
  for (let at = first; at < calls.length && calls[at]!.sentMs <= bound; at++) {
    if (!done.has(at)) bound = Math.min(bound, calls[at]!.answeredMs)
  }
  return bound
}
