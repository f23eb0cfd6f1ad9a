import { copyChoice } from '../../mechanisms/balancing/choice.ts'
import { RETRY_ON } from '../../mechanisms/retry/conditions.ts'
import { addAttempt } from '../records/record.ts'
import { askService, slowFrom, TOLD } from '../resilience/breakers.ts'
import type { Instance, PooledConnection } from '../upstream/instance.ts'
import type { InstanceOf } from '../upstream/instance-stream.ts'
import type { Http2InstanceConnection } from '../upstream/http2-connection.ts'
import {
  FRESH_IDLE_MS,
  hasRoom,
  takeIdle,
  takePlace,
  takeShared,
  UPSTREAM_IDLE_MS,
} from '../upstream/pool.ts'
import type { Service } from '../upstream/service.ts'
import { leaveQueue } from './attempt-end.ts'
import { toConnecting, toSent, toWaiting } from './attempt-states.ts'
import { chooseWithRoom, hasInstanceLeft } from './choose-instance.ts'
import type { ExchangeContext } from './context.ts'
import { decideAttemptDeadline } from './decide.ts'
import { ATTEMPT, type Attempt, type BoundAttempt, type Exchange, viewOfOut } from './exchange.ts'
import { admit, takePlaceInFlight } from './admit.ts'
import { answerLocally } from './local-reply.ts'
import { refuseByInstances, refuseByService } from './refusals.ts'

/** How often a worker asks the others to give back what they hold and do not use; whoever waits looks as often. */
const URGE_MS = 25

/** Begins an attempt of an exchange whose request is in `out`: at an instance, in the queue, or the exchange is answered. */
export function startAttempt(ctx: ExchangeContext, attempt: Attempt, nowMs: number): void {
  const { exchange } = attempt
  const service = exchange.service!
  if (!askService(service.breaker, exchange, nowMs)) {
    return answerLocally(ctx, exchange, refuseByService(service, nowMs))
  }
  if (service.admission !== null && !admit(ctx, attempt, service.admission, nowMs)) return
  findInstance(ctx, attempt, service, nowMs)
}

/** The request may be made: where? */
export function findInstance(
  ctx: ExchangeContext,
  attempt: Attempt,
  service: Service<Attempt>,
  nowMs: number,
): void {
  const { exchange } = attempt
  if (connectSomewhere(ctx, attempt, service, nowMs)) return
  if (hasInstanceLeft(exchange, null, nowMs)) {
    return waitForPlace(ctx, attempt, service, nowMs)
  }
  answerLocally(ctx, exchange, refuseByInstances(service, exchange.tried, exchange.subset, nowMs))
}

/** As `startAttempt`, but false where there is no other instance: then nothing has happened. */
export function startNextAttempt(ctx: ExchangeContext, attempt: Attempt, nowMs: number): boolean {
  const { exchange } = attempt
  const service = exchange.service!
  if (service.balancer.candidates.length === 0) return false
  // A service that nobody calls any more is not called again.
  if (service.breaker?.isOpen(nowMs) === true) return false
  if (connectSomewhere(ctx, attempt, service, nowMs)) return true
  if (!hasInstanceLeft(exchange, null, nowMs)) return false
  waitForPlace(ctx, attempt, service, nowMs)
  return true
}

/** Connects to the balancer's choice among those that a request can go to now. False: nothing has happened. */
export function connectSomewhere(
  ctx: ExchangeContext,
  attempt: Attempt,
  service: Service<Attempt>,
  nowMs: number,
): boolean {
  const instance = chooseWithRoom(ctx, attempt.exchange, service, nowMs)
  if (instance === undefined) return false
  attempt.permit = ctx.instancePermit
  if (connectTo(ctx, attempt, instance, nowMs)) return true
  instance.breaker?.giveBack(attempt.permit)
  return false
}

/** False, and nothing has happened: another worker was faster, and there is no place any more. One that waited leaves the queue. */
function connectTo(
  ctx: ExchangeContext,
  attempt: Attempt,
  instance: Instance,
  nowMs: number,
): boolean {
  const { exchange } = attempt
  const stream = takeStream(ctx, exchange, instance, nowMs)
  if (stream === undefined) return false
  if (attempt.state === ATTEMPT.waiting) leaveQueue(ctx, attempt)
  enterInstance(ctx, instance)
  if (stream.isOpen) {
    const bound = toSent(attempt, instance, stream)
    describeAttempt(ctx, attempt, instance, nowMs)
    sendAttempt(ctx, bound, nowMs)
    return true
  }
  const { connectTimeoutMs } = exchange.service!.spec
  const deadlineMs = Math.min(nowMs + connectTimeoutMs, exchange.totalDeadlineMs || Infinity)
  toConnecting(attempt, instance, stream, deadlineMs)
  describeAttempt(ctx, attempt, instance, nowMs)
  return true
}

/** A stream for the request: on a connection that is there, or on one that is begun. Undefined: there is no place. */
function takeStream(
  ctx: ExchangeContext,
  exchange: Exchange,
  instance: Instance,
  nowMs: number,
): InstanceOf<Attempt> | undefined {
  // An upgrade takes a connection for itself, so it is one of HTTP/1.1.
  if (instance.isHttp2 && !exchange.isUpgrade) return takeSharedStream(ctx, instance)
  const idleMsMax = exchange.isIdempotent ? UPSTREAM_IDLE_MS : FRESH_IDLE_MS
  const idle =
    exchange.needsFresh || exchange.isRaw || instance.isHttp2
      ? undefined
      : takeIdle<InstanceOf<Attempt> & PooledConnection>(instance, nowMs, idleMsMax)
  if (idle !== undefined) return idle
  return takePlace(instance) ? begin(instance, () => ctx.connect(instance)) : undefined
}

function takeSharedStream(
  ctx: ExchangeContext,
  instance: Instance,
): InstanceOf<Attempt> | undefined {
  const shared = takeShared<Http2InstanceConnection<Attempt>>(instance)
  if (shared !== undefined) return shared.openStream()
  if (!takePlace(instance)) return undefined
  return begin(instance, () => ctx.connectShared(instance)).openStream()
}

/** Begins a connection in the place that was taken for it, and gives the place back where that throws. */
function begin<C>(instance: Instance, connect: () => C): C {
  try {
    const connection = connect()
    instance.connectionCount++
    return connection
  } catch (error) {
    instance.permits.give()
    throw error
  }
}

function enterInstance(ctx: ExchangeContext, instance: Instance): void {
  instance.inFlight++
  ctx.instanceChanged(instance)
}

function describeAttempt(
  ctx: ExchangeContext,
  attempt: Attempt,
  instance: Instance,
  nowMs: number,
): void {
  const { exchange } = attempt
  const { balancer, ejection } = exchange.service!
  const entry = addAttempt(exchange.record, nowMs)
  const excluded = exchange.tried.length + ejection.count(nowMs)
  entry.instance = instance.id
  entry.address = instance.address
  entry.candidates = Math.max(1, balancer.candidates.length - excluded)
  entry.excluded = excluded
  copyChoice(ctx.pick.choice, entry.choice)
  exchange.setsSticky = ctx.pick.setsSticky
  attempt.entry = entry
  attempt.isBlamed = false
  attempt.startedMs = nowMs
  attempt.told = TOLD.nothing
  attempt.slowAtMs = Infinity
}

/** All connections that the limits allow are in use: the attempt waits in its service's queue, oldest first. */
function waitForPlace(
  ctx: ExchangeContext,
  attempt: Attempt,
  service: Service<Attempt>,
  nowMs: number,
): void {
  const { exchange } = attempt
  if (!service.pending.take()) {
    ctx.totals.countLimited('pending')
    return answerLocally(ctx, exchange, {
      code: 'ERR_GATEWAY_PENDING_FULL',
      detail: `${service.spec.pendingMax} requests wait for a connection to ${service.name} already: resilience.pending`,
    })
  }
  attempt.startedMs = nowMs
  toWaiting(attempt, exchange.totalDeadlineMs || nowMs + exchange.timeoutMs)
  service.waiting.add(attempt)
  ctx.crowded.add(service)
  askForRoom(ctx, service, nowMs)
}

/** Other workers say when they give something back. */
function askForRoom(ctx: ExchangeContext, service: Service<Attempt>, nowMs: number): void {
  const wasFree = isAnyFree(service)
  // Workers that all wait must not wake each other without end.
  const urges = nowMs - service.urgedAtMs >= URGE_MS
  if (urges) service.urgedAtMs = nowMs
  for (const { permits } of service.instances.values()) permits.waitForRoom(urges)
  // Room may have come before the others knew that somebody waits.
  if (!wasFree && isAnyFree(service)) ctx.turns.schedule(service)
}

/**
 * In a turn of the service's own, when a place may have become free: those that wait, in the order in which they came. One that cannot go
 * on keeps its place in the queue, and does not keep those behind it from an instance that has room.
 */
export function serveWaiting(ctx: ExchangeContext, service: Service<Attempt>): void {
  const nowMs = ctx.clock.monotonicMs()
  serveAdmission(ctx, service, nowMs)
  for (const attempt of service.waiting) {
    const { client } = attempt.exchange
    try {
      if (!serveOne(ctx, service, attempt, nowMs) && !isAnyFree(service)) break
    } catch (error) {
      // It costs the request at hand, not those behind it.
      ctx.clientEvents.failed(client, error)
    }
  }
  if (service.waiting.size > 0) askForRoom(ctx, service, nowMs)
  else if ((service.admission?.queued ?? 0) === 0) ctx.crowded.delete(service)
}

/** Those that wait to be in flight at all: as many as there is room for. */
function serveAdmission(ctx: ExchangeContext, service: Service<Attempt>, nowMs: number): void {
  const { admission } = service
  if (admission === null) return
  for (const answer of admission.shed.splice(0)) answer()
  for (;;) {
    const attempt = admission.next(nowMs)
    if (attempt === null) return
    const { client } = attempt.exchange
    try {
      takePlaceInFlight(ctx, attempt, admission, nowMs)
      if (service.breaker?.isOpen(nowMs) === true) {
        answerLocally(ctx, attempt.exchange, refuseByService(service, nowMs))
      } else {
        findInstance(ctx, attempt, service, nowMs)
      }
    } catch (error) {
      ctx.clientEvents.failed(client, error)
    }
  }
}

/** False: there is no room for it. */
function serveOne(
  ctx: ExchangeContext,
  service: Service<Attempt>,
  attempt: Attempt,
  nowMs: number,
): boolean {
  // Those that are left may be the very ones that it has tried, and a breaker may have opened meanwhile: then it is answered.
  const { exchange } = attempt
  if (service.breaker?.isOpen(nowMs) === true) {
    answerLocally(ctx, exchange, refuseByService(service, nowMs))
    return true
  }
  if (!hasInstanceLeft(exchange, null, nowMs)) {
    leaveQueue(ctx, attempt)
    findInstance(ctx, attempt, service, nowMs)
    return true
  }
  return connectSomewhere(ctx, attempt, service, nowMs)
}

function isAnyFree(service: Service<Attempt>): boolean {
  return service.balancer.candidates.some(hasRoom)
}

/** Writes what there is of the request, in one write, and lets the rest of its body come. */
export function sendAttempt(ctx: ExchangeContext, attempt: BoundAttempt, nowMs: number): void {
  const { exchange, stream } = attempt
  attempt.entry.connectedMs = nowMs
  attempt.sentEnd = exchange.outEnd
  exchange.wasTried = true
  if (!stream.sendRequest(exchange.method, viewOfOut(exchange))) {
    exchange.isOutLent = true
  }
  armDeadline(ctx, attempt, nowMs)
  if (!exchange.client.body.isDone) exchange.client.resume()
}

/**
 * The deadlines of the attempt and of the request run from when the whole request has been sent: until then an upload may take as long as it
 * moves on.
 */
export function armDeadline(ctx: ExchangeContext, attempt: BoundAttempt, nowMs: number): void {
  const { exchange } = attempt
  if (!exchange.client.body.isDone) {
    attempt.unsentBefore = attempt.stream.unsentBytes
    attempt.deadlineMs = nowMs + ctx.limits.bodyTimeoutMs
    return
  }
  if (exchange.totalDeadlineMs === 0) exchange.totalDeadlineMs = nowMs + exchange.timeoutMs
  const { spec, balancer } = exchange.service!
  attempt.slowAtMs = slowFrom(spec.breaker, nowMs)
  if (exchange.isIdempotent && attempt === exchange.first) {
    exchange.hedgeAtMs = nowMs + (exchange.service!.hedge?.delayMs ?? Infinity)
  }
  if (exchange.slowAtMs === Infinity && exchange.told === TOLD.nothing) {
    exchange.slowAtMs = attempt.slowAtMs
  }
  attempt.deadlineMs = decideAttemptDeadline({
    nowMs,
    attemptTimeoutMs: spec.attemptTimeoutMs,
    totalDeadlineMs: exchange.totalDeadlineMs,
    mayRetry:
      exchange.isIdempotent &&
      (exchange.service!.retryOn.bits & RETRY_ON.timeout) !== 0 &&
      exchange.isReplayable &&
      exchange.retriesLeft > 0 &&
      balancer.candidates.length > exchange.tried.length + 1,
  })
}
