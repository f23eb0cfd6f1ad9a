import { releaseAttempt } from './attempt-end.ts'
import { toTunnel } from './attempt-states.ts'
import type { ExchangeContext } from './context.ts'
import { type BoundAttempt, PHASE } from './exchange.ts'
import { finishExchange } from './finish.ts'

/** When one side has closed, the other one may be silent for this long; raw connections may stay half closed as long as bytes move. */
const HALF_CLOSED_MS = 5_000

/** From here on bytes go both ways as they are (RFC 9110 section 7.8). The client's side is open already. */
export function openTunnel(ctx: ExchangeContext, attempt: BoundAttempt): void {
  toTunnel(attempt)
  attempt.exchange.phase = PHASE.tunnel
  attempt.stream.openTunnel()
  touchTunnel(ctx, attempt)
}

function touchTunnel(ctx: ExchangeContext, attempt: BoundAttempt): void {
  const { isHalfClosed, isRaw } = attempt.exchange
  const idleMs = ctx.limits.tunnelIdleTimeoutMs || Infinity
  const silentMsMax = isHalfClosed && !isRaw ? Math.min(HALF_CLOSED_MS, idleMs) : idleMs
  attempt.deadlineMs = ctx.clock.monotonicMs() + silentMsMax
}

/** Client to instance. */
export function tunnelUp(
  ctx: ExchangeContext,
  attempt: BoundAttempt,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  const { exchange, stream } = attempt
  stream.sendRaw(bytes, start, end)
  exchange.client.body.received += end - start
  touchTunnel(ctx, attempt)
  if (stream.isClogged) exchange.client.pause()
}

/** Instance to client. */
export function tunnelDown(
  ctx: ExchangeContext,
  attempt: BoundAttempt,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  const { exchange, stream } = attempt
  exchange.client.sendRaw(bytes, start, end)
  exchange.sentBytes += end - start
  touchTunnel(ctx, attempt)
  if (exchange.client.outlet.isClogged) stream.pause()
}

/** One side has closed in order: the other one is told behind what is queued, and may finish. */
export function halfClose(
  ctx: ExchangeContext,
  attempt: BoundAttempt,
  side: 'client' | 'instance',
): void {
  const { exchange, stream } = attempt
  if (side === 'client') stream.endRaw()
  else exchange.client.endRaw()
  if (exchange.isHalfClosed) return endTunnel(ctx, attempt)
  exchange.isHalfClosed = true
  touchTunnel(ctx, attempt)
}

/** A side is gone: the other one still gets what is queued for it. */
export function endTunnel(ctx: ExchangeContext, attempt: BoundAttempt): void {
  const nowMs = ctx.clock.monotonicMs()
  const { exchange } = attempt
  releaseAttempt(ctx, attempt, false, nowMs)
  finishExchange(ctx, exchange, nowMs)
}
