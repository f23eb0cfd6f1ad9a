import type { FastifyInstance } from 'fastify'
import type { ListenerView } from '../../contracts/feed.ts'
import type { ListenerSpec } from '../../contracts/snapshot.ts'
import type { Problem } from '../../platform/capability.ts'
import { formatHostPort } from '../../platform/config/addresses.ts'
import { isOn, switchSchema, type Switch } from '../../platform/http/switch.ts'
import { ProblemError } from '../../platform/problem.ts'
import type { Gateway, ListenerState } from './api.ts'
import type { SourceOf } from './specify.ts'
import type { TotalsStore } from './totals.ts'

/** Recent requests, and how one was decided. */
export function registerRequestRoutes(
  app: FastifyInstance,
  gateway: Pick<Gateway, 'why' | 'recent'>,
): void {
  app.get<{ Params: { requestId: string } }>(
    '/api/v1/why/:requestId',
    {
      schema: {
        summary: 'How a recent request was decided: route, candidates, attempts, timings.',
        params: {
          type: 'object',
          required: ['requestId'],
          properties: { requestId: { type: 'string', maxLength: 128 } },
        },
      },
    },
    async (request) => {
      const record = await gateway.why(request.params.requestId)
      if (record !== undefined) return record
      throw new ProblemError(
        404,
        'ERR_GATEWAY_REQUEST_UNKNOWN',
        `No recent request has the id '${request.params.requestId}'. Only the newest are kept, 16 MiB of them.`,
      )
    },
  )
  app.get<{ Querystring: { failed: Switch; limit: number } }>(
    '/api/v1/requests',
    {
      schema: {
        summary: 'The newest finished requests, newest first.',
        querystring: {
          type: 'object',
          properties: {
            failed: switchSchema,
            limit: { type: 'integer', minimum: 1, maximum: 500, default: 50 },
          },
        },
      },
    },
    (request) => gateway.recent(request.query.limit, isOn(request.query.failed)),
  )
}

/** Data that is away, and instances that fail and are left out. */
export function* gatewayProblems(
  totals: Pick<TotalsStore, 'instances'>,
  isDataConnected: boolean,
  nowMs: number,
): Generator<Problem> {
  if (!isDataConnected) {
    yield {
      severity: 'error',
      code: 'ERR_GATEWAY_DATA_AWAY',
      service: '',
      instance: '',
      text: 'The data plane does not answer; it is being started again.',
    }
  }
  for (const { service, id, ejectedUntilMs } of totals.instances()) {
    // The data plane says nothing when an ejection ends without traffic.
    if (ejectedUntilMs <= nowMs) continue
    yield {
      severity: 'warning',
      code: 'ERR_GATEWAY_EJECTED',
      service,
      instance: id,
      text: `${id} fails and is left out for a while.`,
    }
  }
}

/** The listeners of the data plane, as people are told. */
export function viewListeners(
  listeners: readonly ListenerState[],
  sourceOf: SourceOf,
): readonly ListenerView[] {
  return listeners.map(({ spec, status }) => {
    const address = formatHostPort({ host: spec.host, port: status.port || spec.port })
    return {
      id: spec.id,
      kind: spec.kind,
      address,
      url: `${schemeOf(spec)}://${address}`,
      error: status.error,
      caller: spec.kind === 'outbound' ? spec.caller : '',
      service: spec.kind === 'gateway' ? '' : spec.service,
      source: spec.kind === 'gateway' ? sourceOf(['listen', nameOf(spec)]) : 'default',
    }
  })
}

function schemeOf(spec: ListenerSpec): 'tcp' | 'http' | 'https' {
  if (spec.kind === 'tcp') return 'tcp'
  return spec.kind === 'gateway' && spec.tls !== undefined ? 'https' : 'http'
}

function nameOf({ tls }: ListenerSpec & { readonly kind: 'gateway' }): string {
  return tls === undefined ? 'gateway' : 'gateway-tls'
}
