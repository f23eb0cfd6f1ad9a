import type { FastifyInstance } from 'fastify'
import type { RequestRecord } from '../../contracts/snapshot.ts'
import type { Clock, Log, Scope } from '../../platform/capability.ts'
import { ProblemError } from '../../platform/problem.ts'
import type { Telemetry } from './api.ts'
import { querySeries, type SeriesQuery } from './series-query.ts'
import { SECOND_MS, TENS_KEEP_MS } from './series-store.ts'

/** Requests in one answer. */
export const REQUESTS_ANSWER_MAX = 1_000
/** Steps from begin to end of one question. */
export const STEPS_MAX = 3_600

const NAME = { type: 'string', maxLength: 256, default: '' } as const
const MOMENT = { type: 'integer', minimum: 0, description: 'Unix milliseconds' } as const

interface SeriesQuerystring {
  readonly by: SeriesQuery['by']
  readonly from?: number
  readonly to?: number
  readonly step: number
  readonly service: string
}

interface RequestsQuerystring {
  readonly limit: number
  readonly service: string
  readonly route: string
  readonly trace: string
  readonly failed: boolean
}

/** Registers the admin routes of telemetry. */
export function registerTelemetryRoutes(
  app: FastifyInstance,
  telemetry: Telemetry,
  { clock, log }: Pick<Scope, 'clock' | 'log'>,
): void {
  registerSeries(app, telemetry, clock)
  registerRequests(app, telemetry, log)
  app.get('/api/v1/telemetry/status', {
    schema: {
      summary: 'What telemetry holds: series, and the bytes of their points and of requests.',
    },
    handler: () => ({
      series: telemetry.series.seriesCount,
      seriesBytes: telemetry.series.bytes,
      requestBatches: telemetry.requests.batchCount,
      requestBytes: telemetry.requests.bytes,
    }),
  })
}

function registerSeries(app: FastifyInstance, telemetry: Telemetry, clock: Clock): void {
  app.get<{ Querystring: SeriesQuerystring }>('/api/v1/telemetry/series', {
    schema: {
      summary:
        'Requests, errors and latencies of the last hour: by edge (who calls whom), route, service or instance. One-second points for ten minutes, ten-second points for an hour.',
      querystring: {
        type: 'object',
        additionalProperties: false,
        properties: {
          by: { enum: ['edge', 'route', 'service', 'instance'], default: 'edge' },
          from: { ...MOMENT, description: 'Unix milliseconds; default: an hour before `to`' },
          to: { ...MOMENT, description: 'Unix milliseconds, exclusive; default: now' },
          step: {
            type: 'integer',
            minimum: SECOND_MS,
            maximum: TENS_KEEP_MS,
            default: 10_000,
            description: 'Milliseconds',
          },
          service: { ...NAME, description: 'Only what was asked of this service' },
        },
      },
    },
    handler: ({ query }) => querySeries(telemetry.series, rangeOf(query, clock.nowMs())),
  })
}

function registerRequests(app: FastifyInstance, telemetry: Telemetry, log: Log): void {
  app.get<{ Querystring: RequestsQuerystring }>('/api/v1/telemetry/requests', {
    schema: {
      summary: 'The newest finished requests of all workers, newest first.',
      querystring: {
        type: 'object',
        additionalProperties: false,
        properties: {
          limit: { type: 'integer', minimum: 1, maximum: REQUESTS_ANSWER_MAX, default: 100 },
          service: NAME,
          route: NAME,
          trace: { ...NAME, description: 'Trace id: 32 hexadecimal digits' },
          failed: {
            type: 'boolean',
            default: false,
            description: 'Only those that ended with 5xx or were answered by the gateway itself',
          },
        },
      },
    },
    handler: ({ query }) =>
      telemetry.requests.newest(
        query.limit,
        (record) => isWanted(record, query),
        (error) => log('error', 'a batch of records cannot be read', { error }),
      ),
  })
}

function rangeOf(query: SeriesQuerystring, nowMs: number): SeriesQuery {
  const toMs = query.to ?? nowMs + 1
  const fromMs = query.from ?? Math.max(0, toMs - TENS_KEEP_MS)
  if (fromMs >= toMs || (toMs - fromMs) / query.step > STEPS_MAX + 1) {
    throw new ProblemError(
      400,
      'ERR_TELEMETRY_RANGE',
      `From ${fromMs} to ${toMs} in steps of ${query.step} ms: 'from' must be before 'to', with at most ${STEPS_MAX} steps between them.`,
    )
  }
  return { by: query.by, fromMs, toMs, stepMs: query.step, service: query.service }
}

function isWanted(record: RequestRecord, query: RequestsQuerystring): boolean {
  return (
    (query.service === '' || record.service === query.service) &&
    (query.route === '' || record.route === query.route) &&
    (query.trace === '' || record.traceId === query.trace) &&
    (!query.failed || record.reason !== '' || record.status >= 500)
  )
}
