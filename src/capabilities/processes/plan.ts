/** What the reconciler knows of one instance slot. */
export interface SlotView {
  readonly number: number
  /** Starts with the specification and generation that are wanted now. */
  readonly isCurrent: boolean
  /** In rotation, or (for a task) running or finished. */
  readonly isUp: boolean
  /** Already on its way out. */
  readonly isRetiring: boolean
  /** The first to go when there are more than wanted. */
  readonly isUnwanted: boolean
}

export interface PlanInput {
  readonly slots: readonly SlotView[]
  /** Wanted number of instances; 0 when stopped. */
  readonly target: number
  /** A new instance may run beside the one that it replaces. Not so with a fixed port. */
  readonly maySurge: boolean
  /** What stands in `after` is healthy or finished. */
  readonly mayStart: boolean
}

/** What is known of one slot of a task. */
export interface TaskView {
  readonly isCurrent: boolean
  readonly isRetiring: boolean
  /** It has ended with 0. */
  readonly hasSucceeded: boolean
}

/** Whether what waits for a task may start: by what is wanted now; what an earlier version of it has done does not count. */
export function isTaskFinished(slots: readonly TaskView[]): boolean {
  const counting = slots.filter((slot) => slot.isCurrent && !slot.isRetiring)
  return counting.length > 0 && counting.every((slot) => slot.hasSucceeded)
}

export type PlanAction =
  | { readonly do: 'start'; readonly number: number }
  | { readonly do: 'retire'; readonly number: number }

/**
 * The next actions towards the target; empty when there is nothing to do or something must be waited for.
 * A replacement goes one at a time: start one, wait until it is in rotation, then retire one old instance, so that capacity never
 * falls below the target, and a new version that does not come up leaves the old one in place.
 */
export function planInstances(input: PlanInput): readonly PlanAction[] {
  const { slots, target, maySurge, mayStart } = input
  const staying = slots.filter((slot) => !slot.isRetiring)
  const current = staying.filter((slot) => slot.isCurrent)
  const outdated = staying.filter((slot) => !slot.isCurrent)
  const retire = [...surplusOf(current, target), ...replacedOf(current, outdated, target, maySurge)]
  const starts = mayStart ? startsOf(slots, current, outdated, target, maySurge) : []
  return [
    ...retire.map((slot): PlanAction => ({ do: 'retire', number: slot.number })),
    ...starts.map((number): PlanAction => ({ do: 'start', number })),
  ]
}

/** More than wanted: one that somebody wants gone goes first, then those that are not up, then the highest number. */
function surplusOf(current: readonly SlotView[], target: number): readonly SlotView[] {
  const order = current.toSorted(
    (a, b) =>
      Number(b.isUnwanted) - Number(a.isUnwanted) ||
      Number(a.isUp) - Number(b.isUp) ||
      b.number - a.number,
  )
  return order.slice(0, Math.max(0, current.length - target))
}

/** Old instances that are not needed any more: broken ones at once, the others as far as new ones carry the load. */
function replacedOf(
  current: readonly SlotView[],
  outdated: readonly SlotView[],
  target: number,
  maySurge: boolean,
): readonly SlotView[] {
  const broken = outdated.filter((slot) => !slot.isUp)
  const serving = outdated.filter((slot) => slot.isUp)
  if (!maySurge) return [...broken, ...serving]
  const upCount = current.filter((slot) => slot.isUp).length
  const needed = Math.max(0, target - upCount)
  return [...broken, ...serving.slice(needed)]
}

function startsOf(
  slots: readonly SlotView[],
  current: readonly SlotView[],
  outdated: readonly SlotView[],
  target: number,
  maySurge: boolean,
): readonly number[] {
  const missing = target - current.length
  if (missing <= 0) return []
  const isReplacing = outdated.some((slot) => slot.isUp)
  // Without room for two, the old one must be gone, also when it is only retiring.
  if (!maySurge && slots.some((slot) => slot.isRetiring || !slot.isCurrent)) return []
  if (isReplacing && current.some((slot) => !slot.isUp)) return []
  const free = freeNumbers(slots)
  return Array.from({ length: isReplacing ? 1 : missing }, () => free.next().value)
}

/** 1, 2, 3, ... without those that are taken. Never ends. */
function* freeNumbers(slots: readonly SlotView[]): Generator<number, never> {
  const taken = new Set(slots.map((slot) => slot.number))
  for (let number = 1; ; number++) {
    if (!taken.has(number)) yield number
  }
}
