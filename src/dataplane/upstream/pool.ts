import type { UpstreamGround } from './ground.ts'
import type { Instance, PooledConnection } from './instance.ts'

/**
 * An idle connection is not used for longer than this: services in use close theirs after five seconds (Node's default), and the
 * closer to it, the likelier a request meets the closing one.
 */
export const UPSTREAM_IDLE_MS = 4_000
/** A request that must not be done twice takes only a connection that was in use this short a time ago. */
export const FRESH_IDLE_MS = 1_000

/** The connection that was used last, if it was used at most `idleMsMax` ago. `C` is what this worker opens connections as. */
export function takeIdle<C extends PooledConnection>(
  instance: Instance,
  nowMs: number,
  idleMsMax: number,
): C | undefined {
  const { idle } = instance
  const connection = idle[idle.length - 1]
  if (connection === undefined || nowMs - connection.idleSinceMs > idleMsMax) return undefined
  idle.pop()
  return connection as C
}

/** Takes a place for a new connection; an idle one that is too old for this request gives its own up. False: there is none. */
export function takePlace(instance: Instance): boolean {
  if (instance.permits.take()) return true
  const oldest = instance.idle[0]
  if (oldest === undefined) return false
  oldest.cancel()
  return instance.permits.take()
}

/** Whether a request could go to the instance now without waiting. */
export function hasRoom(instance: Instance): boolean {
  return instance.idle.length > 0 || instance.permits.hasRoom
}

/** A connection that was given up: its place is free. */
export function forgetConnection(
  ground: UpstreamGround,
  connection: PooledConnection & { readonly instance: Instance },
): void {
  const { instance } = connection
  const at = instance.idle.indexOf(connection)
  if (at >= 0) instance.idle.splice(at, 1)
  instance.connectionCount--
  instance.permits.give()
  ground.instanceChanged(instance)
  wakeWaiters(ground, instance)
}

/** Whoever waits for a connection looks again, when the event at hand has been dealt with. */
export function wakeWaiters(ground: UpstreamGround, instance: Instance): void {
  if (instance.service.waiting.size > 0) ground.turns.schedule(instance.service)
}

/** Keeps a connection for the next request. False: it is not wanted any more. */
export function restConnection(
  ground: UpstreamGround,
  connection: PooledConnection & { readonly instance: Instance },
  nowMs: number,
): boolean {
  const { instance } = connection
  if (instance.isGone || instance.permits.isWantedElsewhere) return false
  connection.idleSinceMs = nowMs
  instance.idle.push(connection)
  wakeWaiters(ground, instance)
  return true
}

/** Closes what was not used for longer than `idleMsMax`; the oldest stand first. */
export function closeStale(instance: Instance, nowMs: number, idleMsMax: number): void {
  let oldest = instance.idle[0]
  while (oldest !== undefined && nowMs - oldest.idleSinceMs > idleMsMax) {
    oldest.cancel()
    oldest = instance.idle[0]
  }
}
