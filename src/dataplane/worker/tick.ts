import { expireExchange, noteHanging } from '../exchange/failures.ts'
import { guardService } from '../exchange/overload.ts'
import { judgeService } from '../resilience/outlier-watch.ts'
import { hedgeWhenDue } from '../exchange/hedging.ts'
import { closeStale, UPSTREAM_IDLE_MS } from '../upstream/pool.ts'
import type { WorkerContext } from './context.ts'
import { collectNow, Crowd } from './crowd.ts'

/** How exact the deadlines of requests are. One loop over what is in flight costs less than a timer a request, armed and cancelled. */
export const TICK_MS = 25
/** Idle connections and pools are looked at every so many ticks. */
const SLOW_TICKS = 20
/** Instances are compared with each other once a second. */
const JUDGE_TICKS = 40

/**
 * A tick that comes so late says that this thread did not run: what its clients and instances sent meanwhile waits to be read, and nobody may be called late
 * before it was.
 */
const LATE_MS = 3 * TICK_MS

/** Starts the one timer of a worker; returns how to stop it. */
export function startTicks(ctx: WorkerContext): () => void {
  const crowd = new Crowd()
  let count = 0
  let lastMs = ctx.clock.monotonicMs()
  let cancelLate: (() => void) | undefined
  const stop = ctx.clock.every(TICK_MS, () => {
    const nowMs = ctx.clock.monotonicMs()
    const isLate = nowMs - lastMs > LATE_MS
    lastMs = nowMs
    const isSlow = ++count % SLOW_TICKS === 0
    cancelLate?.()
    cancelLate = undefined
    if (count % JUDGE_TICKS === 0) judgeAll(ctx, nowMs)
    if (isLate) cancelLate = ctx.clock.nextTurn(() => expire(ctx, isSlow))
    else expire(ctx, isSlow)
    if (isSlow && crowd.look(ctx.clients.size + ctx.rawClients.size, nowMs)) collectNow()
  })
  return () => {
    stop()
    cancelLate?.()
  }
}

function expire(ctx: WorkerContext, isSlow: boolean): void {
  const nowMs = ctx.clock.monotonicMs()
  expireExchanges(ctx, nowMs)
  for (const service of ctx.crowded) ctx.turns.schedule(service)
  if (isSlow) {
    ctx.wallOffsetMs = ctx.clock.nowMs() - nowMs
    expireClients(ctx, nowMs)
    for (const service of ctx.services.values()) {
      for (const instance of service.instances.values()) {
        if (instance.idle.length > 0) closeStale(instance, nowMs, UPSTREAM_IDLE_MS)
      }
    }
  }
  ctx.turns.run()
}

/** Leaves out who is too different from the others. */
function judgeAll(ctx: WorkerContext, nowMs: number): void {
  for (const service of ctx.services.values()) {
    // First: the spans of its instances are turned behind it.
    guardService(ctx, service, nowMs)
    judgeService(service, nowMs, (instance, event) => {
      ctx.instanceChanged(instance)
      ctx.happened(event)
    })
  }
}

/** Backwards, because one that ends is replaced by the last one. */
function expireExchanges(ctx: WorkerContext, nowMs: number): void {
  for (let place = ctx.exchanges.length - 1; place >= 0; place--) {
    const exchange = ctx.exchanges[place]
    if (exchange === undefined) continue
    const { first, second, deadlineMs } = exchange
    if (exchange.slowAtMs <= nowMs || first.slowAtMs <= nowMs || second.slowAtMs <= nowMs) {
      noteHanging(ctx, exchange, nowMs)
    }
    if (exchange.hedgeAtMs <= nowMs) hedgeWhenDue(ctx, exchange, nowMs)
    if (first.deadlineMs > nowMs && second.deadlineMs > nowMs && deadlineMs > nowMs) continue
    try {
      expireExchange(ctx, exchange, nowMs)
    } catch (error) {
      ctx.clientEvents.failed(exchange.client, error)
    }
  }
}

function expireClients(ctx: WorkerContext, nowMs: number): void {
  for (const client of ctx.clients) {
    if (client.deadlineMs <= nowMs) client.timeOut()
  }
  for (const client of ctx.rawClients) {
    if (client.deadlineMs <= nowMs) client.timeOut()
  }
  for (const handshake of ctx.handshakes) {
    if (handshake.deadlineMs <= nowMs) handshake.timeOut()
  }
}
