import type { RequestRecord, AttemptRecord } from '../contracts/snapshot.ts'
import { formatColumns } from './status-text.ts'

/** The record of one request as plain text. */
export function formatWhy(record: RequestRecord): string {
  const caller = record.caller === '' ? `client ${record.client}` : record.caller
  const facts = [
    ['request', record.requestId],
    ['when', new Date(record.startedAtMs).toISOString()],
    ['what', `${record.method} ${record.host}${record.target}`],
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
    ['version', `of the routing snapshot: ${record.version}`],
  ]
  return [
    ...formatColumns(facts),
    ...(record.detail === '' ? [] : ['', record.detail]),
    ...record.attempts.flatMap((one, at) => ['', ...formatAttempt(one, at + 1)]),
    '',
  ].join('\n')
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
    `  connect  ${one.connectedMs <= 0 ? 'never' : `at ${milliseconds(one.connectedMs)}`}`,
    `  answer   ${one.answeredMs <= 0 ? 'none' : `${one.status} at ${milliseconds(one.answeredMs)}`}, ${one.outcome}`,
  ]
}

function milliseconds(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`
}
