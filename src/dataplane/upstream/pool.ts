import type { WorkerContext } from '../worker/context.ts'
import { UpstreamConnection } from './connection.ts'
import type { Instance } from './instance.ts'

/** The connection that was used last, if it was used at most `idleMsMax` ago. Older ones are closed. */
export function takeIdle(
  instance: Instance,
  nowMs: number,
  idleMsMax: number,
): UpstreamConnection | undefined {
  const connection = instance.idle.at(-1)
  if (connection === undefined || nowMs - connection.idleSinceMs > idleMsMax) return undefined
  instance.idle.pop()
  return connection
}

/** Opens a new one; the caller has seen that there is room. */
export function openConnection(ctx: WorkerContext, instance: Instance): UpstreamConnection {
  instance.connectionCount++
  ctx.totals.touchInstance(instance)
  return new UpstreamConnection(instance, ctx.readBuffer, ctx.upstreamEvents)
}

/** Gives a connection up: its place is free at once, whatever the socket still does. */
export function discardConnection(ctx: WorkerContext, connection: UpstreamConnection): void {
  if (connection.isReleased) return
  connection.isReleased = true
  connection.exchange = null
  connection.partial = null
  const { instance } = connection
  instance.connectionCount--
  const at = instance.idle.indexOf(connection)
  if (at >= 0) instance.idle.splice(at, 1)
  ctx.totals.touchInstance(instance)
  connection.socket.destroy()
}

/** Puts a connection back for the next request. */
export function restConnection(connection: UpstreamConnection, nowMs: number): void {
  connection.exchange = null
  connection.isReused = true
  connection.hasAnswered = false
  connection.idleSinceMs = nowMs
  connection.instance.idle.push(connection)
}

/** Closes what was not used for longer than `idleMsMax`; the oldest stand first. */
export function closeStale(
  ctx: WorkerContext,
  instance: Instance,
  nowMs: number,
  idleMsMax: number,
): void {
  let oldest = instance.idle[0]
  while (oldest !== undefined && nowMs - oldest.idleSinceMs > idleMsMax) {
    discardConnection(ctx, oldest)
    oldest = instance.idle[0]
  }
}
