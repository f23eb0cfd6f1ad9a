/**
 * Told as the caller of requests that came through an outbound listener which services share (nobody said `calls`, and there are many services).
 * Which of them called is not known, but it was no client. No service can have this name.
 */
export const CALLER_SHARED = '(services)'

/**
 * Who called, as people are told: '' for a client, the name of a service, or `CALLER_SHARED`. Records and totals have '' for both a client and a
 * shared listener, but what comes in through gateway or TCP listeners has a route as soon as it has a service.
 */
export function callerOf(told: {
  readonly caller: string
  readonly route: string
  readonly service: string
}): string {
  const isShared = told.caller === '' && told.route === '' && told.service !== ''
  return isShared ? CALLER_SHARED : told.caller
}
