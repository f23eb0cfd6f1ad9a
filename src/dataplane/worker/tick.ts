import { expireExchange } from '../http/abort.ts'
import { closeStale } from '../upstream/pool.ts'
import { UPSTREAM_IDLE_MS } from '../upstream/connection.ts'
import type { WorkerContext } from './context.ts'

/** How exact the deadlines of requests are. One loop over what is in flight costs less than a timer a request, armed and cancelled. */
export const TICK_MS = 25
/** Idle connections and pools are looked at every so many ticks. */
const SLOW_TICKS = 20

/** Starts the one timer of a worker; returns how to stop it. */
export function startTicks(ctx: WorkerContext): () => void {
  let count = 0
  const timer = setInterval(() => {
    const nowMs = ctx.clock.monotonicMs()
    expireExchanges(ctx, nowMs)
    if (++count % SLOW_TICKS !== 0) return
    ctx.wallOffsetMs = ctx.clock.nowMs() - nowMs
    expireClients(ctx, nowMs)
    for (const service of ctx.services.values()) {
      for (const instance of service.instances.values()) {
        if (instance.idle.length > 0) closeStale(ctx, instance, nowMs, UPSTREAM_IDLE_MS)
      }
    }
  }, TICK_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** Backwards, because one that ends is replaced by the last one. */
function expireExchanges(ctx: WorkerContext, nowMs: number): void {
  for (let place = ctx.exchanges.length - 1; place >= 0; place--) {
    const exchange = ctx.exchanges[place]
    if (exchange !== undefined && exchange.deadlineMs <= nowMs) expireExchange(ctx, exchange, nowMs)
  }
}

function expireClients(ctx: WorkerContext, nowMs: number): void {
  for (const client of ctx.clients) {
    if (client.deadlineMs <= nowMs) client.timeOut()
  }
}
