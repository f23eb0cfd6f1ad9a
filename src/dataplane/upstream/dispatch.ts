import { copyChoice } from '../../mechanisms/balancing/choice.ts'
import { type Exchange, PHASE } from '../http/exchange.ts'
import { answerOwn } from '../http/own-answer.ts'
import { writeNow } from '../http/write-now.ts'
import { addAttempt } from '../records/record.ts'
import type { WorkerContext } from '../worker/context.ts'
import { FRESH_IDLE_MS, UPSTREAM_IDLE_MS, type UpstreamConnection } from './connection.ts'
import type { Instance } from './instance.ts'
import { discardConnection, openConnection, takeIdle } from './pool.ts'
import type { Service } from './service.ts'

/** First attempt of an exchange whose request is in `out`, at `nowMs`. */
export function dispatch(ctx: WorkerContext, exchange: Exchange, nowMs: number): void {
  const service = exchange.service!
  const instance = chooseInstance(ctx, exchange, service, nowMs)
  if (instance !== undefined) return connectTo(ctx, exchange, service, instance)
  answerOwn(ctx, exchange, {
    code: 'ERR_GATEWAY_NO_INSTANCE',
    detail: `the service ${service.name} has no routable instance: see backplane status`,
  })
}

/**
 * Asks the balancer, and notes why in the record. When all are ejected it chooses among them nevertheless: a guess is better than a certain
 * 503, and if they have recovered the first success tells. Undefined: every instance was tried.
 */
export function chooseInstance(
  ctx: WorkerContext,
  exchange: Exchange,
  service: Service,
  nowMs: number,
): Instance | undefined {
  const { pick } = ctx
  pick.nowMs = nowMs
  pick.excluded = exchange.tried
  pick.slowStartMs = service.spec.balance.slowStartMs
  pick.sticky = exchange.sticky
  pick.mayPanic = true
  const instance = service.balancer.pick(pick)
  if (instance === undefined) return undefined
  exchange.setsSticky = pick.setsSticky
  const attempt = addAttempt(exchange.record, nowMs)
  const excluded = exchange.tried.length + service.ejection.count(nowMs)
  attempt.instance = instance.id
  attempt.address = instance.address
  attempt.candidates = Math.max(1, service.balancer.candidates.length - excluded)
  attempt.excluded = excluded
  copyChoice(pick.choice, attempt.choice)
  exchange.attempt = attempt
  return instance
}

/** Takes an open connection, opens one, or waits. */
export function connectTo(
  ctx: WorkerContext,
  exchange: Exchange,
  service: Service,
  instance: Instance,
): void {
  const nowMs = exchange.attempt!.startedMs
  const idleMsMax = exchange.isIdempotent ? UPSTREAM_IDLE_MS : FRESH_IDLE_MS
  const idle = exchange.needsFresh ? undefined : takeIdle(instance, nowMs, idleMsMax)
  if (idle !== undefined) {
    bind(ctx, exchange, instance, idle)
    return sendRequest(ctx, exchange, idle, nowMs)
  }
  if (instance.connectionCount < instance.connectionsMax || dropIdle(ctx, instance)) {
    const connection = openConnection(ctx, instance)
    bind(ctx, exchange, instance, connection)
    exchange.phase = PHASE.connecting
    exchange.deadlineMs = Math.min(
      nowMs + service.spec.connectTimeoutMs,
      exchange.totalDeadlineMs || Infinity,
    )
    return
  }
  waitForConnection(ctx, exchange, service, nowMs)
}

/** A request that cannot use an idle connection (too old for it) must not wait because of it. */
function dropIdle(ctx: WorkerContext, instance: Instance): boolean {
  const oldest = instance.idle[0]
  if (oldest === undefined) return false
  discardConnection(ctx, oldest)
  return true
}

function bind(
  ctx: WorkerContext,
  exchange: Exchange,
  instance: Instance,
  connection: UpstreamConnection,
): void {
  exchange.instance = instance
  exchange.upstream = connection
  connection.exchange = exchange
  instance.inFlight++
  ctx.totals.touchInstance(instance)
}

function waitForConnection(
  ctx: WorkerContext,
  exchange: Exchange,
  service: Service,
  nowMs: number,
): void {
  exchange.record.attemptCount--
  exchange.attempt = null
  if (service.waiting.length >= service.spec.pendingMax) {
    ctx.totals.countLimited('pending')
    return answerOwn(ctx, exchange, {
      code: 'ERR_GATEWAY_PENDING_FULL',
      detail: `${service.waiting.length} requests wait for a connection to ${service.name}, the limit is ${service.spec.pendingMax} a worker`,
    })
  }
  exchange.phase = PHASE.pending
  exchange.deadlineMs = exchange.totalDeadlineMs || nowMs + exchange.timeoutMs
  service.waiting.push(exchange)
}

/** A connection has become free, or may be opened: the one that waits longest gets it. */
export function serveWaiting(ctx: WorkerContext, service: Service): void {
  const exchange = service.waiting.shift()
  if (exchange === undefined) return
  exchange.phase = PHASE.free
  dispatch(ctx, exchange, ctx.clock.monotonicMs())
}

/** Takes an exchange that ends out of the queue. */
export function stopWaiting(exchange: Exchange): void {
  const waiting = exchange.service?.waiting
  const at = waiting === undefined ? -1 : waiting.indexOf(exchange)
  if (at >= 0) waiting!.splice(at, 1)
}

/** Writes what there is of the request, in one write, and lets the rest of the body come. */
export function sendRequest(
  ctx: WorkerContext,
  exchange: Exchange,
  connection: UpstreamConnection,
  nowMs: number,
): void {
  const { socket } = connection
  exchange.phase = PHASE.asked
  exchange.attempt!.connectedMs = nowMs
  writeNow(socket, exchange.out.subarray(0, exchange.outEnd))
  if (socket.writableLength !== 0) exchange.isOutLent = true
  armDeadline(ctx, exchange, nowMs)
  if (!exchange.requestBody.isDone) exchange.client!.resume()
}

/**
 * The deadlines of the attempt and of the request run from when the whole request has been sent: until then an upload may take as long as it
 * moves on.
 */
export function armDeadline(ctx: WorkerContext, exchange: Exchange, nowMs: number): void {
  if (!exchange.requestBody.isDone) {
    exchange.deadlineMs = nowMs + ctx.limits.bodyTimeoutMs
    return
  }
  if (exchange.totalDeadlineMs === 0) exchange.totalDeadlineMs = nowMs + exchange.timeoutMs
  const attemptMs = exchange.service!.spec.attemptTimeoutMs
  exchange.deadlineMs = Math.min(nowMs + attemptMs, exchange.totalDeadlineMs)
}
