import { createOutputFollower, type OutputFollower } from './output-follower.ts'
import type { ProcessTable } from './process-table.ts'
import type { FromSupervisor, OwnProcess, ToSupervisor } from './protocol.ts'

/** The supervisor's end of the channel to the control plane, over all of its lives. */
export interface ControlChannel {
  /** A new control plane: greets it with everything that there is, and forgets what the last one followed. */
  connect(send: (message: FromSupervisor) => void): void
  disconnect(): void
  readonly isConnected: boolean
  /** Executes a command of control; false: not one for the processes, the caller looks at it. */
  receive(message: ToSupervisor): boolean
  send(message: FromSupervisor): void
  processChanged(id: string): void
  ownChanged(): void
  linesCame(id: string): void
}

/** Open subscriptions of one control plane; a further `follow` is not taken. */
export const FOLLOWERS_MAX = 256
/** Lines asked for at the start of a subscription. */
const TAIL_MAX = 10_000

/** Makes the channel, not connected. */
export function createControlChannel(
  table: ProcessTable,
  own: () => readonly OwnProcess[],
  refuse: (text: string) => void,
): ControlChannel {
  const dirty = new Set<string>()
  const followers = new Map<number, OutputFollower>()
  let sendNow: ((message: FromSupervisor) => void) | null = null
  let isOwnDirty = false
  let isUnseen = false
  let isFlushPlanned = false
  const lively = new Set<OutputFollower>()

  // Once a turn of the event loop: a burst of changes is one message.
  function planFlush(): void {
    if (isFlushPlanned || sendNow === null) return
    isFlushPlanned = true
    setImmediate(flush)
  }

  function flush(): void {
    isFlushPlanned = false
    if (sendNow === null) return
    if (!isUnseen && (dirty.size > 0 || isOwnDirty)) {
      const processes = [...dirty]
        .map((id) => table.get(id)?.status() ?? null)
        .filter((status) => status !== null)
      dirty.clear()
      isOwnDirty = false
      isUnseen = true
      sendNow({ type: 'events', own: own(), processes })
    }
    for (const follower of lively) {
      const batch = follower.next()
      if (batch !== null) sendNow(batch)
    }
    lively.clear()
  }

  function follow(message: Extract<ToSupervisor, { type: 'follow' }>): void {
    const { subscription, processes, tail } = message
    if (followers.size >= FOLLOWERS_MAX && !followers.has(subscription)) {
      refuse(`output is not followed: there are already ${FOLLOWERS_MAX} subscriptions`)
      return
    }
    const tailCount = Math.max(0, Math.min(Math.trunc(tail) || 0, TAIL_MAX))
    const follower = createOutputFollower(
      subscription,
      processes,
      tailCount,
      (id) => table.get(id)?.output,
    )
    followers.set(subscription, follower)
    lively.add(follower)
    planFlush()
  }

  function receive(message: ToSupervisor): boolean {
    switch (message.type) {
      case 'start':
        table.start(message.spec)
        return true
      case 'stop':
        table.stop(message.id)
        return true
      case 'forget':
        table.forget(message.id)
        return true
      case 'events-seen':
        isUnseen = false
        planFlush()
        return true
      case 'follow':
        follow(message)
        return true
      case 'output-seen': {
        const follower = followers.get(message.subscription)
        follower?.seen()
        if (follower !== undefined) lively.add(follower)
        planFlush()
        return true
      }
      case 'unfollow': {
        const follower = followers.get(message.subscription)
        if (follower !== undefined) lively.delete(follower)
        followers.delete(message.subscription)
        return true
      }
      default:
        return false
    }
  }

  return {
    connect(send) {
      followers.clear()
      lively.clear()
      dirty.clear()
      isOwnDirty = false
      isUnseen = false
      sendNow = send
      send({
        type: 'hello',
        supervisorPid: process.pid,
        own: own(),
        processes: table.statuses(),
      })
    },
    disconnect() {
      sendNow = null
      followers.clear()
      lively.clear()
    },
    get isConnected() {
      return sendNow !== null
    },
    receive,
    send: (message) => sendNow?.(message),
    processChanged(id) {
      if (sendNow === null) return
      dirty.add(id)
      planFlush()
    },
    ownChanged() {
      isOwnDirty = true
      planFlush()
    },
    linesCame(id) {
      if (followers.size === 0) return
      for (const follower of followers.values()) {
        if (follower.follows(id)) lively.add(follower)
      }
      if (lively.size > 0) planFlush()
    },
  }
}
