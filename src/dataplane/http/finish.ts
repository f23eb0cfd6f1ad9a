import { beginBody } from '../../mechanisms/http1/body.ts'
import { FRAMING } from '../../mechanisms/http1/response-head.ts'
import { clearRecord, createRecord } from '../records/record.ts'
import { finishRecord } from '../records/sinks.ts'
import { SPARE_EXCHANGES_MAX, type WorkerContext } from '../worker/context.ts'
import type { ClientConnection } from './client-connection.ts'
import {
  createExchange,
  type Exchange,
  HEAD_ROOM_BYTES,
  PHASE,
  REPLAY_BYTES_MAX,
} from './exchange.ts'

/** Takes a record from the pool and puts it into flight. */
export function openExchange(ctx: WorkerContext, client: ClientConnection): Exchange {
  const exchange = ctx.spareExchanges.pop() ?? createExchange(createRecord())
  const { record } = exchange
  clearRecord(record)
  const nowMs = ctx.clock.monotonicMs()
  exchange.client = client
  exchange.startedMs = nowMs
  exchange.place = ctx.exchanges.length
  ctx.exchanges.push(exchange)
  record.startedMs = nowMs
  record.startedAtMs = nowMs + ctx.wallOffsetMs
  record.listener = client.listener.id
  record.caller = client.listener.caller
  record.client = client.address
  record.version = ctx.version
  ctx.totals.countRequest()
  return exchange
}

/**
 * The one end of every request, however it ended: counts it, logs it, keeps its record, gives the record back and lets the client
 * connection go on. The upstream connection must have been let go before.
 */
export function finishExchange(
  ctx: WorkerContext,
  exchange: Exchange,
  nowMs = ctx.clock.monotonicMs(),
): void {
  const client = exchange.client!
  const { record } = exchange
  record.durationMs = nowMs - exchange.startedMs
  record.requestBytes = exchange.requestBody.received
  record.responseBytes = exchange.responseBody.received
  if (exchange.edge !== null) exchange.edge.inFlight--
  exchange.record = finishRecord(ctx, record, exchange.edge)
  const keepsAlive = exchange.keepsAlive
  recycle(ctx, exchange)
  ctx.counts.give('requests')
  client.exchangeEnded(keepsAlive, nowMs)
}

function recycle(ctx: WorkerContext, exchange: Exchange): void {
  const last = ctx.exchanges.pop()!
  if (last !== exchange) {
    ctx.exchanges[exchange.place] = last
    last.place = exchange.place
  }
  exchange.phase = PHASE.free
  exchange.turn++
  exchange.place = -1
  exchange.client = null
  exchange.upstream = null
  exchange.service = null
  exchange.instance = null
  exchange.edge = null
  exchange.attempt = null
  exchange.tried.length = 0
  exchange.isUpgrade = false
  exchange.expectsContinue = false
  exchange.sticky = ''
  exchange.setsSticky = false
  exchange.outEnd = 0
  exchange.isReplayable = true
  exchange.hasAnswered = false
  exchange.totalDeadlineMs = 0
  exchange.needsFresh = false
  if (exchange.isOutLent || exchange.out.length > REPLAY_BYTES_MAX) {
    exchange.out = Buffer.allocUnsafeSlow(HEAD_ROOM_BYTES)
    exchange.isOutLent = false
  }
  beginBody(exchange.requestBody, FRAMING.none, 0, 0)
  beginBody(exchange.responseBody, FRAMING.none, 0, 0)
  if (ctx.spareExchanges.length < SPARE_EXCHANGES_MAX) ctx.spareExchanges.push(exchange)
}
