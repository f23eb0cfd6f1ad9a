import type { UpstreamGround } from './ground.ts'
import type { Instance, PooledConnection, SharedConnection } from './instance.ts'

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
  if (instance.idle.length > 0 || instance.permits.hasRoom) return true
  return instance.isHttp2 && instance.shared.some(({ hasRoom: isOpen }) => isOpen)
}

/** As many requests share a connection before another one is opened. */
const STREAMS_PER_CONNECTION = 64
/** Connections of one worker to one instance: few, so that much leaves in one write. */
const SHARED_CONNECTIONS_MAX = 8

/** The shared connection with the fewest requests that takes another one; undefined where a new one is better. `C` as for `takeIdle`. */
export function takeShared<C extends SharedConnection>(instance: Instance): C | undefined {
  const { idle, shared } = instance
  const rested = idle.at(-1)
  if (rested !== undefined) {
    idle.pop()
    shared.push(rested as SharedConnection)
    return rested as C
  }
  let best: SharedConnection | undefined
  for (const one of shared) {
    if (one.hasRoom && (best === undefined || one.streamCount < best.streamCount)) best = one
  }
  if (best === undefined) return undefined
  const mayOpen = shared.length < SHARED_CONNECTIONS_MAX && instance.permits.hasRoom
  return best.streamCount >= STREAMS_PER_CONNECTION && mayOpen ? undefined : (best as C)
}

/** A shared connection has no requests any more: it is kept for the next one. False: it is not wanted. */
export function restShared(
  ground: UpstreamGround,
  connection: SharedConnection & { readonly instance: Instance },
  nowMs: number,
): boolean {
  const { instance } = connection
  dropShared(instance, connection)
  if (!instance.isHttp2) return false
  return keepIdle(ground, connection, nowMs)
}

/** It takes no more requests. */
export function dropShared(instance: Instance, connection: SharedConnection): void {
  const at = instance.shared.indexOf(connection)
  if (at >= 0) instance.shared.splice(at, 1)
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
  // What speaks HTTP/2 has no use for a connection of HTTP/1.1 but that of an upgrade.
  return !connection.instance.isHttp2 && keepIdle(ground, connection, nowMs)
}

function keepIdle(
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
  while (oldest !== undefined && nowMs - oldest.idleSinceMs > (oldest.idleMsMax ?? idleMsMax)) {
    oldest.cancel()
    oldest = instance.idle[0]
  }
}
