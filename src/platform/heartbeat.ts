import type { FromOwnProcess } from '../contracts/supervisor.ts'
import type { Clock } from './capability.ts'

/** Between two signs of life. The supervisor's patience is a multiple of it. */
export const HEARTBEAT_INTERVAL_MS = 1_000

/** `process` of a child with an IPC channel. */
export interface HeartbeatPort {
  readonly connected?: boolean
  send?(message: unknown, done: (error: Error | null) => void): unknown
}

/**
 * Tells the supervisor, now and every second, that the thread which calls this still turns its event loop: **hung is dead**, and a process
 * that tells nothing is ended and started again. A sign that the channel has not taken yet is not followed by another, so that a supervisor
 * that sleeps costs nothing. Returns the end of it.
 */
export function startHeartbeat(clock: Clock, port: HeartbeatPort): () => void {
  let isOnItsWay = false
  let cancel = (): void => {}

  function beat(): void {
    cancel = clock.after(HEARTBEAT_INTERVAL_MS, beat)
    if (isOnItsWay || port.connected !== true) return
    isOnItsWay = true
    const alive: FromOwnProcess = { type: 'alive' }
    port.send?.(alive, () => {
      isOnItsWay = false
    })
  }

  beat()
  return () => cancel()
}
