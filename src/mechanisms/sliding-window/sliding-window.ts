/**
 * A sliding window as one number of at most 52 bits: what was counted in the window that runs now, and in the one before it, of which the part counts that still lies within the
 * length of a window. Never more than half of the one before is counted wrongly, and only where requests came unevenly within it; a border is never doubled.
 */

const COUNT_BITS = 16
const COUNT_SIZE = 2 ** COUNT_BITS
/** Requests that one window may count. */
export const WINDOW_COUNT_MAX = COUNT_SIZE - 1
/** Windows that are told apart: at one second twelve days, then a key that was away just as long starts in what it left. */
const INDEX_SIZE = 2 ** 20

/** What a state says at a moment. */
export interface WindowView {
  /** 0 up to (not including) 1: how much of the running window has passed. */
  fraction: number
  index: number
  before: number
  now: number
}

/** A record to read states into. */
export function createWindowView(): WindowView {
  return { fraction: 0, index: 0, before: 0, now: 0 }
}

/** Reads a state (0: nothing was counted) at `sinceMs`, milliseconds since a fixed moment. */
export function readWindow(
  state: number,
  sinceMs: number,
  windowMs: number,
  view: WindowView,
): WindowView {
  const position = sinceMs / windowMs
  const whole = Math.floor(position)
  view.fraction = position - whole
  view.index = whole % INDEX_SIZE
  const counted = state % COUNT_SIZE
  const rest = (state - counted) / COUNT_SIZE
  const before = rest % COUNT_SIZE
  const passed = (view.index - (rest - before) / COUNT_SIZE + INDEX_SIZE) % INDEX_SIZE
  view.before = passed === 0 ? before : passed === 1 ? counted : 0
  view.now = passed === 0 ? counted : 0
  return view
}

/** Requests that count at this moment, with a fraction. */
export function usedOf({ fraction, before, now }: WindowView): number {
  return before * (1 - fraction) + now
}

/** The state with one request more, or -1 where `limit` is reached. */
export function takeFromWindow(view: WindowView, limit: number): number {
  if (usedOf(view) + 1 > limit) return -1
  return (view.index * COUNT_SIZE + view.before) * COUNT_SIZE + view.now + 1
}

/** How long until one more fits, milliseconds, if nobody else comes. */
export function waitForWindow(view: WindowView, limit: number, windowMs: number): number {
  const { fraction, before, now } = view
  if (usedOf(view) + 1 <= limit) return 0
  // Within this window, as the one before it leaves; else in the next one, where this is the one before.
  if (now + 1 <= limit) return (1 - (limit - 1 - now) / before - fraction) * windowMs
  return (1 - fraction + (1 - (limit - 1) / now)) * windowMs
}
