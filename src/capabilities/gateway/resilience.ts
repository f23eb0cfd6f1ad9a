import type { FastifyInstance } from 'fastify'
import type {
  BreakerOrder,
  BreakerState,
  ResilienceEvent,
  ServiceLoad,
} from '../../contracts/resilience.ts'
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
  /** Budget, limit, queue and counts; null before the first request. */
  readonly load: ServiceLoad | null
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
      load: needs.store.load(service) ?? null,
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

/** Breakers that are not closed, those that an operator holds, services that are overloaded, and budgets of retries that are used up. */
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
  for (const load of store.loads()) yield* loadProblems(load)
}

function* loadProblems(load: ServiceLoad): Generator<Problem> {
  const { service, overloadedWorkers, because, retries, retriesAllowed, requests } = load
  if (overloadedWorkers > 0) {
    const text = `${service} is overloaded and is given less until it has caught up: ${because}. ${load.shed} requests were refused.`
    yield { severity: 'error', code: 'ERR_GATEWAY_OVERLOADED', service, instance: '', text }
  }
  if (retries === 0 || retries < retriesAllowed) return
  const text = `${service} has used up its budget of retries: ${retries} further attempts of ${requests} requests in the last ten seconds. What fails now is not tried again.`
  yield { severity: 'warning', code: 'ERR_GATEWAY_RETRIES_USED_UP', service, instance: '', text }
}

/** What a service's load is told as: name, what it means, and whether it only rises. */
const LOAD_FAMILIES: readonly (readonly [
  name: string,
  help: string,
  type: 'gauge' | 'counter',
  value: (load: ServiceLoad) => number,
])[] = [
  [
    'retry_budget_used',
    'Further attempts in the last ten seconds, hedges among them.',
    'gauge',
    ({ retries }) => retries,
  ],
  [
    'retry_budget_allowed',
    'Further attempts that the budget allows within ten seconds.',
    'gauge',
    ({ retriesAllowed }) => retriesAllowed,
  ],
  [
    'retries_refused_total',
    'Further attempts that the budget did not allow.',
    'counter',
    ({ retriesRefused }) => retriesRefused,
  ],
  [
    'concurrency_limit',
    'Requests that may be in flight now; 0: as many as come.',
    'gauge',
    ({ limit }) => limit,
  ],
  [
    'concurrency_in_flight',
    'Requests in flight, where that is limited.',
    'gauge',
    ({ inFlight }) => inFlight,
  ],
  [
    'concurrency_queue',
    'Requests that wait for a place in flight.',
    'gauge',
    ({ queued }) => queued,
  ],
  ['connection_queue', 'Requests that wait for a connection.', 'gauge', ({ waiting }) => waiting],
  [
    'overloaded_workers',
    'Workers that give the service less, since it works for callers that have gone.',
    'gauge',
    ({ overloadedWorkers }) => overloadedWorkers,
  ],
  ['shed_total', 'Requests that got no place in flight.', 'counter', ({ shed }) => shed],
  ['hedges_total', 'Second attempts beside the first one.', 'counter', ({ hedges }) => hedges],
  [
    'hedges_won_total',
    'Second attempts that had their answer first.',
    'counter',
    ({ hedgeWins }) => hedgeWins,
  ],
  ['fallbacks_total', 'Requests that got a fallback.', 'counter', ({ fallbacks }) => fallbacks],
  [
    'ejections_total',
    'Ejections of instances, by each worker.',
    'counter',
    ({ ejections }) => ejections,
  ],
]

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
  const loads = [...store.loads()]
  for (const [name, help, type, value] of LOAD_FAMILIES) {
    yield {
      name: `backplane_gateway_${name}`,
      help,
      type,
      samples: loads.map((load) => ({ labels: { service: load.service }, value: value(load) })),
    }
  }
}
