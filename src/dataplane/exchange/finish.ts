import { PRIORITY } from '../../mechanisms/bulkhead-queue/bulkhead-queue.ts'
import { GRPC } from '../../mechanisms/grpc/grpc.ts'
import { beginBody } from '../../mechanisms/http1/body.ts'
import { FRAMING } from '../../mechanisms/http1/response-head.ts'
import type { ClientOf } from '../client/client-stream.ts'
import { clearRecord, createRecord } from '../records/record.ts'
import { giveBack } from '../resilience/breakers.ts'
import { PLACE } from '../shared/counts.ts'
import { finishRecord } from '../records/sinks.ts'
import { type ExchangeContext, SPARE_EXCHANGES_MAX } from './context.ts'
import { endEncoding } from './encoding.ts'
import { mirrorRequest } from './mirror.ts'
import {
  createExchange,
  type Exchange,
  HEAD_ROOM_BYTES,
  PHASE,
  REPLAY_BYTES_MAX,
} from './exchange.ts'

/**
 * Takes an exchange from the pool and puts it into flight. Beyond `requestsMax` in all workers it is not admitted, and counts all the
 * same: `finishExchange` gives one back, whatever happens.
 */
export function openExchange(
  ctx: ExchangeContext,
  client: ClientOf<Exchange>,
  requestsMax: number,
): Exchange {
  const isAdmitted = ctx.counts.take(PLACE.requests, requestsMax)
  if (!isAdmitted) ctx.counts.take(PLACE.requests, Infinity)
  const exchange = ctx.spareExchanges.pop() ?? createExchange(createRecord())
  const { record } = exchange
  clearRecord(record)
  const nowMs = ctx.clock.monotonicMs()
  exchange.phase = PHASE.asking
  exchange.isAdmitted = isAdmitted
  exchange.client = client
  client.owner = exchange
  exchange.startedMs = nowMs
  exchange.place = ctx.exchanges.length
  ctx.exchanges.push(exchange)
  record.startedMs = nowMs
  record.startedAtMs = nowMs + ctx.wallOffsetMs
  record.listener = client.listener.id
  record.caller = client.listener.caller
  record.client = client.peer.address
  const { tls } = client.peer
  record.tls = tls === null ? '' : tls.label
  if (tls !== null) exchange.responseLines = ctx.https.hstsLine
  record.version = ctx.version
  ctx.totals.countRequest()
  return exchange
}

/** All of the answer was written. What waits for a slow client still belongs to the request: its end is the end of that. */
export function endExchange(ctx: ExchangeContext, exchange: Exchange, nowMs: number): void {
  const { client } = exchange
  if (client.outlet.isFlushed) return finishExchange(ctx, exchange, nowMs)
  exchange.phase = PHASE.flushing
  exchange.unsentBefore = client.outlet.unsentBytes
  exchange.deadlineMs = nowMs + ctx.limits.bodyTimeoutMs
}

/**
 * The one end of every request, however it ended: counts it, records it, gives it back to the pool and lets the client connection go on. Its
 * attempts must be over.
 */
export function finishExchange(ctx: ExchangeContext, exchange: Exchange, nowMs: number): void {
  const { client, record } = exchange
  record.durationMs = nowMs - exchange.startedMs
  record.requestBytes = client.body.received
  record.responseBytes = exchange.sentBytes
  if (exchange.edge !== null) exchange.edge.inFlight--
  giveBack(exchange.service?.breaker ?? null, exchange)
  leaveFlight(ctx, exchange)
  if (exchange.encodes !== null) endEncoding(ctx, exchange)
  if (exchange.flightPlaces.length > 0) giveFlights(ctx, exchange)
  try {
    tellEnd(ctx, exchange)
    if (exchange.mirrorTo !== '') mirrorRequest(ctx, exchange)
  } catch (error) {
    // Nobody waits for what is told: the request ends all the same.
    ctx.reportDefect(error)
  }
  recycle(ctx, exchange)
  ctx.counts.give(PLACE.requests)
  client.release(nowMs)
}

/** Of limits that count how many are under way. */
function giveFlights(ctx: ExchangeContext, { flightPlaces }: Exchange): void {
  for (const place of flightPlaces) ctx.policyGround.flights.give(place)
  flightPlaces.length = 0
}

/** It is in flight no more: who waits for that here gets a turn, and who waits elsewhere is woken. */
export function leaveFlight(ctx: ExchangeContext, exchange: Exchange): void {
  const { admission, service } = exchange
  if (admission === null) return
  exchange.admission = null
  admission.give()
  if (service !== null && admission.queued > 0) ctx.turns.schedule(service)
}

/** To the policies, and to who counts, logs and remembers. */
function tellEnd(ctx: ExchangeContext, exchange: Exchange): void {
  const { record } = exchange
  const policies = exchange.route?.policies
  if (policies?.hasEnd === true) {
    policies.end(exchange.policiesRan, record.status, record.durationMs)
  }
  finishRecord(ctx.sinks, record, exchange.edge)
}

function recycle(ctx: ExchangeContext, exchange: Exchange): void {
  const last = ctx.exchanges.pop()!
  if (last !== exchange) {
    ctx.exchanges[exchange.place] = last
    last.place = exchange.place
  }
  exchange.phase = PHASE.free
  exchange.turn++
  exchange.place = -1
  exchange.service = null
  exchange.route = null
  exchange.edge = null
  // Even the same length would be a call of the runtime.
  if (exchange.tried.length > 0) exchange.tried.length = 0
  exchange.isUpgrade = false
  exchange.grpc = GRPC.none
  exchange.web = null
  exchange.callTimeoutMs = -1
  exchange.expectsContinue = false
  exchange.isRaw = false
  exchange.isHalfClosed = false
  exchange.sticky = ''
  exchange.setsSticky = false
  exchange.hash = -1
  exchange.subset = null
  exchange.outEnd = 0
  exchange.isReplayable = true
  exchange.totalDeadlineMs = 0
  exchange.deadlineMs = Infinity
  exchange.sentBytes = 0
  exchange.needsFresh = false
  exchange.slowAtMs = Infinity
  exchange.pausedMs = 0
  exchange.wasTried = false
  exchange.fallback = null
  exchange.stale = null
  exchange.capture = null
  exchange.priority = PRIORITY.normal
  exchange.admittedMs = 0
  exchange.hedgeAtMs = Infinity
  exchange.failure = null
  exchange.failureDetail = ''
  exchange.triesLineLength = 0
  exchange.responseLines = ''
  exchange.requestLines = ''
  exchange.rewrittenPath = ''
  exchange.rewrittenQuery = undefined
  exchange.mirrorTo = ''
  exchange.encoding = ''
  exchange.identity = null
  exchange.policiesRan = 0
  exchange.heldHead = null
  exchange.heldBytes = null
  exchange.ticket = null
  exchange.decision = null
  if (exchange.isOutLent || exchange.out.length > REPLAY_BYTES_MAX) {
    exchange.out = Buffer.allocUnsafeSlow(HEAD_ROOM_BYTES)
    exchange.isOutLent = false
  }
  if (ctx.spareExchanges.length < SPARE_EXCHANGES_MAX) ctx.spareExchanges.push(exchange)
}

/** A request without a body, or one that nobody will read. */
export function forgetBody(exchange: Exchange): void {
  beginBody(exchange.client.body, FRAMING.none, 0, 0)
}
