import type { FastifyInstance } from 'fastify'
import type { BreakerOrder, BreakerState, ResilienceEvent } from '../../contracts/resilience.ts'
import type { ServiceSpec } from '../../contracts/snapshot.ts'
import { nearestWord } from '../../mechanisms/nearest-word/nearest-word.ts'
import type { Problem } from '../../platform/capability.ts'
import type { MetricFamily } from '../../platform/metrics-text.ts'
import { ProblemError } from '../../platform/problem.ts'
import { BREAKER_ORDERS } from './breaker-orders.ts'
import type { ResilienceStore } from './resilience-store.ts'

/** Answer of `GET /api/v1/services/:service/resilience`. */
export interface ServiceResilience {
  readonly service: string
  /** What holds, in the words of the snapshot. */
  readonly policy: ServiceSpec
  readonly breakers: readonly BreakerState[]
  /** Newest first. */
  readonly events: readonly ResilienceEvent[]
}

/** What the routes do their work with. */
export interface ResilienceNeeds {
  readonly store: ResilienceStore
  /** The names of all services. */
  names(): readonly string[]
  /** Undefined where there is no service of this name. */
  specOf(service: string): ServiceSpec | undefined
  /** Resolves when every worker follows it, and it is stored. */
  order(service: string, order: BreakerOrder): Promise<void>
}

const params = {
  type: 'object',
  required: ['service'],
  properties: { service: { type: 'string', maxLength: 80 } },
} as const

/** Breakers, what has happened, and orders. */
export function registerResilienceRoutes(app: FastifyInstance, needs: ResilienceNeeds): void {
  app.get(
    '/api/v1/breakers',
    { schema: { summary: 'Every breaker: where it is, why, and what an operator has ordered.' } },
    () => ({ breakers: needs.store.breakers() }),
  )
  app.get<{ Params: { service: string } }>(
    '/api/v1/services/:service/resilience',
    {
      schema: {
        summary: 'The policy of a service that is in force, its breakers, and what has happened.',
        params,
      },
    },
    ({ params: { service } }): ServiceResilience => ({
      service,
      policy: policyOf(needs, service),
      breakers: needs.store.breakers(service),
      events: needs.store.events(service),
    }),
  )
  app.put<{ Params: { service: string }; Body: { order: BreakerOrder } }>(
    '/api/v1/services/:service/breaker',
    {
      schema: {
        summary:
          'Holds the breaker of a service open or closed, switches it off, or lets it decide by itself again (auto).',
        params,
        body: {
          type: 'object',
          required: ['order'],
          additionalProperties: false,
          properties: { order: { type: 'string', enum: BREAKER_ORDERS } },
        },
      },
    },
    async (request) => {
      const { service } = request.params
      policyOf(needs, service)
      await needs.order(service, request.body.order)
      return { service, order: request.body.order }
    },
  )
}

function policyOf(needs: ResilienceNeeds, service: string): ServiceSpec {
  const spec = needs.specOf(service)
  if (spec !== undefined) return spec
  const nearest = nearestWord(service, needs.names())
  const guess = nearest === undefined ? '' : ` Did you mean ${nearest}?`
  const message = `There is no service '${service}'.${guess} 'backplane status' lists all.`
  throw new ProblemError(404, 'ERR_GATEWAY_SERVICE_UNKNOWN', message)
}

/** Breakers that are not closed, and those that an operator holds. */
export function* resilienceProblems(store: ResilienceStore): Generator<Problem> {
  for (const { service, instance, state, order, because } of store.breakers()) {
    if (order === 'auto' && state === 'closed') continue
    const whose = instance === '' ? service : instance
    yield {
      severity: order === 'auto' || order === 'open' ? 'error' : 'warning',
      code: order === 'auto' ? 'ERR_GATEWAY_BREAKER_OPEN' : 'ERR_GATEWAY_BREAKER_ORDERED',
      service,
      instance,
      text: `The breaker of ${whose} is ${because}.`,
    }
  }
}

/** For Prometheus. */
export function* resilienceMetrics(store: ResilienceStore): Generator<MetricFamily> {
  const rows = store.breakers()
  yield {
    name: 'backplane_gateway_breaker_state',
    help: 'Where a breaker is: 0 closed, 1 open, 2 half open; instance is empty for that of the service.',
    type: 'gauge',
    samples: rows.map(({ service, instance, state, order }) => ({
      labels: { service, instance, order },
      value: order === 'open' ? 1 : ['closed', 'open', 'half-open'].indexOf(state),
    })),
  }
  yield {
    name: 'backplane_gateway_breaker_changes_total',
    help: 'Changes of state of a breaker since the data plane started.',
    type: 'counter',
    samples: rows.map(({ service, instance, period }) => ({
      labels: { service, instance },
      value: period,
    })),
  }
}
