import { discardConnection } from '../upstream/pool.ts'
import { releaseInFlight } from '../upstream/retry.ts'
import type { WorkerContext } from '../worker/context.ts'
import { isClogged } from './backpressure.ts'
import { type Exchange, PHASE } from './exchange.ts'
import { finishExchange } from './finish.ts'

/** The last bytes of a tunnel may take this long. */
const FLUSH_MS = 5_000

/** From here on bytes go both ways as they are (RFC 9110 section 7.8). */
export function startTunnel(ctx: WorkerContext, exchange: Exchange): void {
  exchange.phase = PHASE.tunnel
  exchange.hasAnswered = true
  exchange.keepsAlive = false
  touchTunnel(ctx, exchange)
  exchange.client!.resume()
  exchange.client!.flushEarlyBytes()
}

function touchTunnel(ctx: WorkerContext, exchange: Exchange): void {
  const idleMs = ctx.limits.tunnelIdleTimeoutMs
  exchange.deadlineMs = idleMs === 0 ? Infinity : ctx.clock.monotonicMs() + idleMs
}

/** Client to instance. */
export function tunnelUp(
  ctx: WorkerContext,
  exchange: Exchange,
  bytes: Buffer,
  length: number,
): void {
  const connection = exchange.upstream!
  const out = ctx.scratch.take(length)
  bytes.copy(out, 0, 0, length)
  ctx.scratch.write(connection.socket, out, length)
  exchange.requestBody.received += length
  touchTunnel(ctx, exchange)
  if (isClogged(connection.socket)) exchange.client!.pause()
}

/** Instance to client. */
export function tunnelDown(
  ctx: WorkerContext,
  exchange: Exchange,
  bytes: Buffer,
  length: number,
): void {
  const { socket } = exchange.client!
  const out = ctx.scratch.take(length)
  bytes.copy(out, 0, 0, length)
  ctx.scratch.write(socket, out, length)
  exchange.responseBody.received += length
  touchTunnel(ctx, exchange)
  if (isClogged(socket)) exchange.upstream!.socket.pause()
}

/** One side has closed: what is queued for the other one still goes out, then that is closed too. */
export function endTunnel(ctx: WorkerContext, exchange: Exchange): void {
  const connection = exchange.upstream!
  if (connection.socket.writableLength === 0) discardConnection(ctx, connection)
  else {
    connection.socket.setTimeout(FLUSH_MS, () => discardConnection(ctx, connection))
    connection.socket.end(() => discardConnection(ctx, connection))
  }
  connection.exchange = null
  releaseInFlight(ctx, exchange)
  finishExchange(ctx, exchange)
}
