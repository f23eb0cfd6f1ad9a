import { formatLine } from '../../mechanisms/http1/answer.ts'
import { fieldValue, findField, valueOf } from '../../mechanisms/http1/fields.ts'
import { FIELD } from '../../mechanisms/http1/names.ts'
import type { RequestHead } from '../../mechanisms/http1/request-head.ts'
import type { ResponseHead } from '../../mechanisms/http1/response-head.ts'
import {
  encodeGrpcMessage,
  formatGrpcTimeout,
  GRPC,
  type GrpcKind,
  grpcKindOf,
  grpcStatusOfHttp,
  httpStatusOfGrpc,
  parseGrpcStatus,
  parseGrpcTimeout,
} from '../../mechanisms/grpc/grpc.ts'
import { GRPC_CONDITIONS } from '../../mechanisms/retry/conditions.ts'
import type { Clock } from '../../platform/capability.ts'
import type { GatewayLimits } from '../../contracts/gateway-limits.ts'
import type { LocalReply } from '../policies/policy.ts'
import type { Exchange } from './exchange.ts'

/** What is different where a request is a call of gRPC: how it ends, how long it may take, and what of it is a failure. */

/** The kind of call that a head begins; most are none. */
export function callOf(head: RequestHead, bytes: Buffer): GrpcKind {
  if (head.method !== 'POST') return GRPC.none
  const field = findField(head.fields, FIELD.contentType)
  return field < 0 ? GRPC.none : grpcKindOf(fieldValue(bytes, head.fields, field))
}

/**
 * The caller's own deadline, `grpc-timeout`: it can only shorten ours, and goes on to the instance. False: it has passed. What is no timeout says
 * nothing.
 */
export function takeCallTimeout(exchange: Exchange, head: RequestHead, bytes: Buffer): boolean {
  const field = findField(head.fields, FIELD.grpcTimeout)
  if (field < 0 || exchange.grpc === GRPC.none) return true
  const ms = parseGrpcTimeout(fieldValue(bytes, head.fields, field))
  if (ms < 0) return true
  exchange.callTimeoutMs = ms
  exchange.timeoutMs = Math.min(exchange.timeoutMs, ms)
  return ms > 0
}

/** What is left of it, for the instance; '' where the caller said none. */
export function callTimeoutLine({ callTimeoutMs, startedMs }: Exchange, clock: Clock): string {
  if (callTimeoutMs < 0) return ''
  const nowMs = clock.monotonicMs()
  const leftMs = Math.max(0, callTimeoutMs - (nowMs - startedMs))
  return `grpc-timeout: ${formatGrpcTimeout(leftMs)}\r\n`
}

/** The status of a call whose answer is nothing but a head ("trailers-only"): nothing of it has reached the client. -1: it has none. */
export function callStatusOf({ grpc }: Exchange, head: ResponseHead, bytes: Buffer): number {
  if (grpc === GRPC.none) return -1
  return parseGrpcStatus(valueOf(bytes, head.fields, 'grpc-status') ?? '')
}

/** Whether the service's conditions name statuses of calls: then one that ended with such a status may be made again, whatever it does. */
export function mayRepeatCall({ grpc, service }: Exchange): boolean {
  return grpc !== GRPC.none && service !== null && (service.retryOn.bits & GRPC_CONDITIONS) !== 0
}

/** As which status the answer is judged: the instance's own, or what the status of a call says. */
export function judgedStatus(head: ResponseHead, callStatus: number): number {
  return head.status === 200 && callStatus > 0 ? httpStatusOfGrpc(callStatus) : head.status
}

/** Whether our own answers to this request are those of a call. HTTP/1.1 has no calls but those of gRPC-web. */
export function isCall({ grpc, client }: Exchange): boolean {
  return grpc > GRPC.grpc || (grpc === GRPC.grpc && client.protocol === 'http/2')
}

/**
 * How long an answer that has begun may be silent. A call as long as it likes, which is what streams of events are; but not where somebody does not take what waits
 * for him.
 */
export function silenceMsMax(
  { grpc }: Exchange,
  { bodyTimeoutMs, tunnelIdleTimeoutMs }: GatewayLimits,
  isClogged: boolean,
): number {
  return grpc === GRPC.none || isClogged ? bodyTimeoutMs : tunnelIdleTimeoutMs || Infinity
}

const TYPES: readonly string[] = [
  '',
  'application/grpc',
  'application/grpc-web',
  'application/grpc-web-text',
]

/** The lines of an answer of our own to a call: it is a head and nothing else. */
export function callLines(exchange: Exchange, reply: LocalReply, status: number): string {
  const told = reply.told ?? reply.detail
  const detail = told === '' ? '' : `: ${told}`
  const message = encodeGrpcMessage(`${reply.code}${detail}`)
  return (
    formatLine('content-type', TYPES[exchange.grpc]!) +
    formatLine('grpc-status', String(grpcStatusOfHttp(status))) +
    formatLine('grpc-message', message)
  )
}
