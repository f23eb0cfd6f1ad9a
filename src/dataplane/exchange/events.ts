import { reportSuccess } from '../../mechanisms/ejection/ejection.ts'
import { noteReason } from '../records/record.ts'
import { breakerOf, tellAnswer } from '../resilience/breakers.ts'
import type { ClientEvents } from '../client/client-stream.ts'
import type { InstanceEvents } from '../upstream/instance-stream.ts'
import { clientWritable, passBody, passEnd, passFailure, passHead, passInterim } from './answers.ts'
import { toSent } from './attempt-states.ts'
import { cancelAttempts } from './attempt-end.ts'
import { sendAttempt } from './attempts.ts'
import type { ExchangeContext } from './context.ts'
import { ATTEMPT, type Attempt, type BoundAttempt, type Exchange, PHASE } from './exchange.ts'
import { abortExchange } from './failures.ts'
import { finishExchange } from './finish.ts'
import { answerLocally } from './local-reply.ts'
import {
  beginConnection,
  beginRequest,
  instanceWritable,
  refuseHead,
  takeBody,
} from './requests.ts'
import { endTunnel, halfClose, openTunnel, tunnelDown, tunnelUp } from './tunnels.ts'

/** The status under which the counters file a raw connection that was carried. */
const RAW_CARRIED = 200
const NO_BYTES = Buffer.alloc(0)

/** What happens at the streams of clients, led to the step that the exchange is in. */
export function createClientEvents(context: () => ExchangeContext): ClientEvents<Exchange> {
  return {
    begin: (client, head, bytes, start, end) =>
      beginRequest(context(), client, head, bytes, start, end),
    open: (client) => beginConnection(context(), client),
    refused(client, code, detail) {
      if (client.owner === null) refuseHead(context(), client, code, detail)
      else answerLocally(context(), client.owner, { code, detail })
    },
    body: (exchange, bytes, start, end) => takeBody(context(), exchange, bytes, start, end),
    raw(exchange, bytes, start, end) {
      const attempt = tunnelOf(exchange)
      if (attempt !== null) tunnelUp(context(), attempt, bytes, start, end)
    },
    writable: (exchange) => clientWritable(context(), exchange),
    ended(exchange) {
      const attempt = tunnelOf(exchange)
      if (attempt !== null) halfClose(context(), attempt, 'client')
      else if (exchange.phase !== PHASE.flushing) abortExchange(context(), exchange)
    },
    gone(exchange, isReset) {
      const attempt = tunnelOf(exchange)
      if (attempt === null) return abortExchange(context(), exchange)
      if (isReset) attempt.stream.reset()
      endTunnel(context(), attempt)
    },
    failed(client, error) {
      context().reportDefect(error)
      if (client.owner === null) client.reset()
      else endForDefect(context(), client.owner)
    },
  }
}

/** What happens at the streams of instances, led to the step that the attempt is in. */
export function createInstanceEvents(context: () => ExchangeContext): InstanceEvents<Attempt> {
  return {
    connected(attempt) {
      const bound = attempt as BoundAttempt
      const ctx = context()
      if (bound.exchange.isRaw) return beginRaw(ctx, bound)
      const nowMs = ctx.clock.monotonicMs()
      sendAttempt(ctx, toSent(bound, bound.instance, bound.stream), nowMs)
    },
    interim: (attempt, head, bytes) => passInterim(context(), attempt as BoundAttempt, head, bytes),
    head: (attempt, head, bytes, start, end) =>
      passHead(context(), attempt as BoundAttempt, head, bytes, start, end),
    data: (attempt, bytes, start, end) =>
      passBody(context(), attempt as BoundAttempt, bytes, start, end),
    raw: (attempt, bytes, start, end) =>
      tunnelDown(context(), attempt as BoundAttempt, bytes, start, end),
    writable: (attempt) => instanceWritable(context(), attempt),
    // It reads no more, but may have said why: its answer, or the end of the connection, comes next.
    unwritable: (attempt) => instanceWritable(context(), attempt),
    ended(attempt) {
      const bound = attempt as BoundAttempt
      if (bound.state === ATTEMPT.tunnel) halfClose(context(), bound, 'instance')
      else passEnd(context(), bound)
    },
    failed(attempt, failure, detail) {
      const bound = attempt as BoundAttempt
      if (bound.state !== ATTEMPT.tunnel) return passFailure(context(), bound, failure, detail)
      if (bound.stream.wasReset) bound.exchange.client.reset()
      endTunnel(context(), bound)
    },
    crashed(attempt, error) {
      context().reportDefect(error)
      // Also where the attempt is over already: its exchange would wait for ever for what was to come next.
      if (attempt !== null) endForDefect(context(), attempt.exchange)
    },
  }
}

function tunnelOf(exchange: Exchange): BoundAttempt | null {
  const { first, second } = exchange
  if (first.state === ATTEMPT.tunnel) return first
  return second.state === ATTEMPT.tunnel ? second : null
}

/** A raw connection is a tunnel as soon as there is somebody at the other end. */
function beginRaw(ctx: ExchangeContext, attempt: BoundAttempt): void {
  const { exchange, instance } = attempt
  const nowMs = ctx.clock.monotonicMs()
  attempt.entry.connectedMs = nowMs
  attempt.entry.outcome = 'connected'
  exchange.record.status = RAW_CARRIED
  tellAnswer(breakerOf(instance), attempt, nowMs)
  tellAnswer(exchange.service!.breaker, exchange, nowMs)
  if (!instance.isGone) reportSuccess(instance, exchange.service!.spec.ejection, nowMs)
  openTunnel(ctx, attempt)
  exchange.client.openTunnel(null, NO_BYTES, 0, 0, null)
}

/** A throw of ours ends the request that it happened in, in whatever state that is, and nothing else. */
function endForDefect(ctx: ExchangeContext, exchange: Exchange): void {
  if (isOver(exchange)) return
  exchange.record.hasDefect = true
  const detail = 'a defect of Backplane ended the request: its log has the stack'
  try {
    // How far its bytes were understood is not known: what follows on the connection may not be a request.
    exchange.client.closeAfterwards()
    answerLocally(ctx, exchange, { code: 'ERR_GATEWAY_DEFECT', detail })
  } catch (error) {
    ctx.reportDefect(error)
    noteReason(exchange.record, 'ERR_GATEWAY_DEFECT', detail)
    exchange.client.reset()
    if (isOver(exchange)) return
    cancelAttempts(ctx, exchange)
    finishExchange(ctx, exchange, ctx.clock.monotonicMs())
  }
}

function isOver(exchange: Exchange): boolean {
  return exchange.phase === PHASE.free
}
