import type {
  BreakerOrder,
  BreakerState,
  ResilienceEvent,
  ServiceLoad,
} from '../../../src/contracts/resilience.ts'
import type { RequestRecord, ServiceSpec } from '../../../src/contracts/snapshot.ts'
import { send } from './actions.ts'

/** The answer of `GET /api/v1/services/:service/resilience`. */
export interface ResilienceView {
  readonly service: string
  readonly policy: ServiceSpec
  readonly breakers: readonly BreakerState[]
  /** Newest first. */
  readonly events: readonly ResilienceEvent[]
  readonly load: ServiceLoad | null
}

const base = (service: string): string => `/api/v1/services/${encodeURIComponent(service)}`

/** What holds for a service, and what has happened. Throws `ActionError`. */
export async function loadResilience(service: string): Promise<ResilienceView> {
  return (await send('GET', `${base(service)}/resilience`)) as ResilienceView
}

/** The newest requests of a service that the gateway answered itself, newest first. Throws `ActionError`. */
export async function loadRefused(service: string): Promise<readonly RequestRecord[]> {
  const all = (await send(
    'GET',
    '/api/v1/requests?failed=true&limit=200',
  )) as readonly RequestRecord[]
  return all.filter((one) => one.service === service && one.reason !== '').slice(0, 8)
}

/** Holds the breaker of a service, or lets it decide by itself. Throws `ActionError`. */
export async function orderBreaker(service: string, order: BreakerOrder): Promise<void> {
  await send('PUT', `${base(service)}/breaker`, { order })
}

/** Takes an instance out of rotation, or gives it back. Throws `ActionError`. */
export async function drainInstance(
  service: string,
  id: string,
  isDrained: boolean,
): Promise<void> {
  const url = `${base(service)}/instances/${encodeURIComponent(id)}/status`
  await send('PUT', url, { status: isDrained ? 'maintenance' : 'clear' })
}
