import { CALLER_SHARED, callerOf } from '../contracts/callers.ts'
import type { RequestRecord, AttemptRecord } from '../contracts/snapshot.ts'
import { formatColumns } from './status-text.ts'

/** The record of one request as plain text. */
export function formatWhy(record: RequestRecord): string {
  const caller = callerText(record)
  const { queueMs, traceId } = record
  const facts = [
    ['request', record.requestId],
    ['when', new Date(record.startedAtMs).toISOString()],
    [
      'what',
      `${record.method} ${record.host}${record.target} over ${record.protocol}${record.tls === '' ? '' : ` and ${record.tls}`}`,
    ],
    ['from', `${caller} at listener ${record.listener}, worker ${record.worker}`],
    ['route', record.route === '' ? 'none' : `${record.route} (${record.routeSource})`],
    [
      'service',
      record.service === ''
        ? 'none'
        : `${record.service} (${record.serviceSource}), ${record.algorithm}`,
    ],
    ['answer', answerText(record)],
    [
      'took',
      `${milliseconds(record.durationMs)}, ${record.requestBytes} bytes in, ${record.responseBytes} bytes out`,
    ],
    ...(queueMs > 0 ? [['queue', `${milliseconds(queueMs)} for a connection`]] : []),
    ...(traceId === '' ? [] : [['trace', traceText(record)]]),
    ['version', `of the routing snapshot: ${record.version}`],
  ]
  return [
    ...formatColumns(facts),
    ...(record.detail === '' ? [] : ['', record.detail]),
    ...formatPolicies(record),
    ...record.attempts.flatMap((one, at) => ['', ...formatAttempt(one, at + 1)]),
    '',
  ].join('\n')
}

function callerText(record: RequestRecord): string {
  const caller = callerOf(record)
  if (caller === '') return `client ${record.client}`
  return caller === CALLER_SHARED ? 'a service that shares its listener' : caller
}

function traceText({ traceId, spanId, parentSpanId, isSampled }: RequestRecord): string {
  const parent = parentSpanId === '' ? '' : ` below ${parentSpanId}`
  return `${traceId}, span ${spanId}${parent}, ${isSampled ? '' : 'not '}sampled`
}

function formatPolicies({ policies }: RequestRecord): readonly string[] {
  if (policies.length === 0) return []
  return [
    '',
    ...formatColumns(policies.map(({ policy, decision }) => [`policy ${policy}`, decision])),
  ]
}

function answerText(record: RequestRecord): string {
  const status = record.status === 0 ? 'none was sent' : String(record.status)
  return record.reason === ''
    ? `${status}, made by ${record.service}`
    : `${status}, made by the gateway: ${record.reason}`
}

function formatAttempt(one: AttemptRecord, nth: number): string[] {
  const excluded = one.excluded === 0 ? '' : `, ${one.excluded} left out`
  return [
    `attempt ${nth} at ${milliseconds(one.startedMs)}: ${one.instance} (${one.address})`,
    `  chosen   ${one.choice} (${one.candidates} candidates${excluded})`,
    `  connect  ${connectText(one)}`,
    `  answer   ${one.answeredMs <= 0 ? 'none' : `${one.status} at ${milliseconds(one.answeredMs)}`}, ${one.outcome}`,
  ]
}

/** A kept connection is there from the begin of the attempt, which may be at 0. */
function connectText({ startedMs, connectedMs, answeredMs }: AttemptRecord): string {
  if (connectedMs > startedMs) return `at ${milliseconds(connectedMs)}`
  return answeredMs > 0 ? 'was open' : 'never'
}

function milliseconds(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`
}
