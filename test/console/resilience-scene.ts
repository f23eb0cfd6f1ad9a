import { specifyService } from '../../src/capabilities/gateway/specify.ts'
import type { ServiceResilience } from '../../src/capabilities/gateway/resilience.ts'
import type { BreakerState, ResilienceEvent, ServiceLoad } from '../../src/contracts/resilience.ts'
import type { RequestRecord } from '../../src/contracts/snapshot.ts'
import { defaultService } from '../../src/settings.ts'
import { calledRequest, SCENE_AT_MS } from './scene.ts'

const because = 'open, because 18 of 20 calls failed; it tries again in 1.2 s'

const event = (
  agoMs: number,
  kind: ResilienceEvent['kind'],
  change: Partial<ResilienceEvent> = {},
): ResilienceEvent => ({
  atMs: SCENE_AT_MS - agoMs,
  service: 'payments',
  instance: '',
  kind,
  because,
  ...change,
})

const breaker: BreakerState = {
  service: 'payments',
  instance: '',
  state: 'open',
  order: 'auto',
  period: 7,
  openUntilMs: SCENE_AT_MS + 1_200,
  because,
}

const load: ServiceLoad = {
  service: 'payments',
  requests: 90,
  retries: 30,
  retriesAllowed: 30,
  limit: 8,
  inFlight: 7,
  queued: 12,
  waiting: 0,
  overloadedWorkers: 1,
  because: 'three of four calls took more than 956 ms where 32 ms are usual',
  shed: 41,
  retriesRefused: 5,
  hedges: 0,
  hedgeWins: 0,
  fallbacks: 3,
  ejections: 2,
}

/** Payments are in trouble; of the others there is nothing to say. */
export function resilienceOf(service: string): ServiceResilience {
  const policy = specifyService(service, defaultService(), () => 'backplane.yaml:9')
  if (service !== 'payments') return { service, policy, breakers: [], events: [], load: null }
  const instance = { instance: 'payments-1' }
  const ejected = 'for 30 s: 5 failures in a row, the last: answered 503'
  const events = [
    event(4_000, 'opened'),
    event(6_000, 'half-open'),
    event(60_000, 'opened'),
    event(62_000, 'overloaded'),
    event(200_000, 'ejected', { ...instance, forMs: 30_000, because: ejected }),
    event(300_000, 'closed'),
    event(310_000, 'opened'),
  ]
  return { service, policy, breakers: [breaker], events, load }
}

/** One that the breaker refused. */
export const refusedRequest: RequestRecord = {
  ...calledRequest(),
  requestId: '01JD8Z6T9X',
  status: 503,
  reason: 'ERR_GATEWAY_BREAKER_OPEN',
  detail: `the breaker of payments is ${because}`,
}
