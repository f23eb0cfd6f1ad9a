import { CALLER_SHARED } from '../../contracts/callers.ts'
import type { Tick } from '../../contracts/feed.ts'
import type { Problem } from '../../platform/capability.ts'

/** Share of failed requests from which on a service is a problem, and the rate below which nobody is alarmed. */
const ERROR_RATIO_ALARM = 0.05
const ERROR_RATE_LEAST = 0.2

/** Edges that fail: who calls whom, and how often it goes wrong. */
export function failingEdges(tick: Tick | undefined): readonly Problem[] {
  return (tick?.edges ?? [])
    .filter((edge) => edge.service !== '' && edge.errorRatio >= ERROR_RATIO_ALARM)
    .filter((edge) => edge.errorRatio * edge.requestsPerSecond >= ERROR_RATE_LEAST)
    .map(({ caller, service }) => ({
      severity: 'warning',
      code: 'ERR_GATEWAY_ERRORS_HIGH',
      service,
      instance: '',
      key: caller,
      text: `Requests of ${nameOf(caller)} to ${service} fail with 5xx or without an answer.`,
    }))
}

function nameOf(caller: string): string {
  if (caller === '') return 'clients'
  return caller === CALLER_SHARED ? 'services' : caller
}
