/**
 * One timer, owned by the caller and used again and again: a connection makes its nodes once, and no request
 * allocates. A node is in at most one wheel.
 */
export interface TimerNode<Owner> {
  readonly owner: Owner
  /** When it is due, as it was scheduled; meaningful while scheduled. */
  dueMs: number
  /** Kept by the wheel. */
  dueTick: number
  /** Kept by the wheel; null while not scheduled. */
  previous: TimerNode<Owner> | null
  next: TimerNode<Owner> | null
}

/** A node that is not scheduled. */
export function createTimerNode<Owner>(owner: Owner): TimerNode<Owner> {
  return { owner, dueMs: 0, dueTick: 0, previous: null, next: null }
}

export function isScheduled<Owner>(node: TimerNode<Owner>): boolean {
  return node.next !== null
}

/** A hashed timing wheel (Varghese and Lauck, 1987, scheme 6): everything is O(1) and nothing allocates. */
export interface TimerWheel<Owner> {
  readonly size: number
  /** (Re)schedules: an earlier date of the node is forgotten. A due time in the past fires at the next tick. */
  schedule(node: TimerNode<Owner>, dueMs: number): void
  /** Takes the node out; nothing happens when it is not scheduled. */
  cancel(node: TimerNode<Owner>): void
  /**
   * Fires what is due at `nowMs`, each node once and taken out before `onDue`, which may schedule and cancel any
   * node; what it schedules fires at a later `advance`. Never early, and at most one tick late when called each tick.
   * When `onDue` throws, the rest fires at the next call.
   */
  advance(nowMs: number, onDue: (owner: Owner, node: TimerNode<Owner>) => void): void
}

/**
 * A wheel of `slots` slots of `tickMs` that begins at `startMs` of the caller's monotonic clock. Timers longer than
 * one turn stay in their slot and are passed over, so choose slots x tickMs near the usual timeout.
 */
export function createTimerWheel<Owner>(options: {
  readonly tickMs: number
  readonly slots: number
  readonly startMs: number
}): TimerWheel<Owner> {
  const { tickMs } = options
  const slots = Array.from({ length: options.slots }, () => createRing<Owner>())
  const firing = createRing<Owner>()
  let tick = Math.floor(options.startMs / tickMs)
  let size = 0

  function schedule(node: TimerNode<Owner>, dueMs: number): void {
    if (node.next === null) size++
    else unlink(node)
    node.dueMs = dueMs
    node.dueTick = Math.max(tick + 1, Math.ceil(dueMs / tickMs))
    append(slotOf(node.dueTick), node)
  }

  function cancel(node: TimerNode<Owner>): void {
    if (node.next === null) return
    unlink(node)
    size--
  }

  function slotOf(someTick: number): TimerNode<Owner> {
    return slots[((someTick % slots.length) + slots.length) % slots.length]!
  }

  function collect(slot: TimerNode<Owner>, now: number): void {
    let node = slot.next!
    while (node !== slot) {
      const following = node.next!
      if (node.dueTick <= now) {
        unlink(node)
        append(firing, node)
      }
      node = following
    }
  }

  return {
    get size() {
      return size
    },
    schedule,
    cancel,
    advance(nowMs, onDue) {
      const now = Math.floor(nowMs / tickMs)
      const first = Math.max(tick + 1, now - slots.length + 1)
      for (let passed = first; passed <= now; passed++) collect(slotOf(passed), now)
      tick = Math.max(tick, now)
      while (firing.next !== firing) {
        const node = firing.next!
        cancel(node)
        onDue(node.owner, node)
      }
    },
  }
}

/** The head of an empty ring; it is never handed out, so its owner is never read. */
function createRing<Owner>(): TimerNode<Owner> {
  const head = createTimerNode<Owner>(undefined as Owner)
  head.previous = head
  head.next = head
  return head
}

function append<Owner>(head: TimerNode<Owner>, node: TimerNode<Owner>): void {
  const last = head.previous!
  node.previous = last
  node.next = head
  last.next = node
  head.previous = node
}

function unlink<Owner>(node: TimerNode<Owner>): void {
  node.previous!.next = node.next
  node.next!.previous = node.previous
  node.previous = null
  node.next = null
}
