import { CALLER_SHARED } from '../../contracts/callers.ts'
import type { Problem } from '../../platform/capability.ts'
import type { EdgeFailures } from './ticks.ts'

/** Share of failed requests from which on a service is a problem, and the rate below which nobody is alarmed. */
const ERROR_RATIO_ALARM = 0.05
const ERROR_RATE_LEAST = 0.2

/** Reasons in one sentence; the most frequent ones. */
const REASONS_MAX = 3

/** Edges that fail: who calls whom, how often it goes wrong, and how. */
export function failingEdges(failures: readonly EdgeFailures[]): readonly Problem[] {
  return failures.filter(isAlarming).map((edge) => ({
    severity: 'warning',
    code: 'ERR_GATEWAY_ERRORS_HIGH',
    service: edge.service,
    instance: '',
    key: edge.caller,
    text: describe(edge),
  }))
}

function isAlarming({ service, requests, seconds, ...edge }: EdgeFailures): boolean {
  const errors = edge.serverErrors + edge.unanswered
  if (service === '' || errors < ERROR_RATIO_ALARM * requests) return false
  return errors / seconds >= ERROR_RATE_LEAST
}

/** `12 of 75 requests of clients to payments failed in the last 10 s: 5xx × 10, no answer × 2; the gateway answered ERR_… × 4.` */
function describe(edge: EdgeFailures): string {
  const { serverErrors, unanswered } = edge
  const kinds = counted([
    ['5xx', serverErrors],
    ['no answer', unanswered],
  ])
  const frequent = [...edge.reasons].toSorted(([, a], [, b]) => b - a).slice(0, REASONS_MAX)
  const reasons = frequent.length === 0 ? '' : `; the gateway answered ${counted(frequent)}`
  const share = `${serverErrors + unanswered} of ${edge.requests} requests`
  return `${share} of ${nameOf(edge.caller)} to ${edge.service} failed in the last ${Math.round(edge.seconds)} s: ${kinds}${reasons}.`
}

function counted(counts: readonly (readonly [string, number])[]): string {
  return counts
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} × ${count}`)
    .join(', ')
}

function nameOf(caller: string): string {
  if (caller === '') return 'clients'
  return caller === CALLER_SHARED ? 'services' : caller
}
