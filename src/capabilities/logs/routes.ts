import type { FastifyInstance } from 'fastify'
import { levelOf } from '../../mechanisms/log-query/severity.ts'
import type { LogRecord, Signal } from '../../contracts/signals.ts'
import type { Clock } from '../../platform/capability.ts'
import { eventOf, openEvents } from '../../platform/http/events.ts'
import { ProblemError } from '../../platform/problem.ts'
import type { LogsHouse } from './house.ts'
import { registerExportRoutes } from './export-routes.ts'
import {
  clientOf,
  expressionOf,
  openHouse,
  rangeOf,
  searchProperties,
  searchSchema,
  type SearchQuery,
} from './routes-ground.ts'

/** Records of one answer. */
const LIMIT_MAX = 5_000
/** Parts of a histogram. */
const BUCKETS_MAX = 1_000
/** Spans and records of one trace. */
const TRACE_ROWS_MAX = 10_000
/** Tails are told so often, at most. */
const TAIL_MS = 20

/** Registers the admin routes of logs and traces, below `/api/v1/telemetry`. */
export function registerLogRoutes(
  app: FastifyInstance,
  house: () => LogsHouse | undefined,
  clock: Clock,
): void {
  registerSearch(app, house, clock)
  registerCounts(app, house, clock)
  registerTrace(app, house)
  registerTail(app, house, clock)
  registerExportRoutes(app, house, clock)
  app.get('/api/v1/telemetry/logs/health', {
    schema: { summary: 'What comes from where, what is refused or shed, and what is stored.' },
    handler: () => healthOf(openHouse(house)),
  })
}

function registerSearch(
  app: FastifyInstance,
  house: () => LogsHouse | undefined,
  clock: Clock,
): void {
  type Query = SearchQuery & { limit: number; beforeTime?: number; beforeSeq?: number }
  app.get<{ Querystring: Query }>('/api/v1/telemetry/logs/search', {
    ...searchSchema('The newest log records or spans that a search asks for, newest first.', {
      limit: { type: 'integer', minimum: 1, maximum: LIMIT_MAX, default: 200 },
      beforeTime: {
        type: 'integer',
        minimum: 0,
        description: 'Only what stands before the record with this time (microseconds) ...',
      },
      beforeSeq: { type: 'integer', minimum: 0, description: '... and this number' },
    }),
    handler: async ({ query }, reply) => {
      const { signal, limit, beforeTime, beforeSeq } = query
      const before =
        beforeTime === undefined || beforeSeq === undefined
          ? {}
          : { before: { time: beforeTime, seq: beforeSeq } }
      const rows = await openHouse(house).queries.search(
        {
          signal,
          expression: expressionOf(query.query),
          range: rangeOf(query, clock),
          limit,
          ...before,
        },
        clientOf(reply),
      )
      return { rows, isCut: rows.length === limit }
    },
  })
  type Around = { time: number; seq: number; service: string; instance: string; count: number }
  app.get<{ Querystring: Around }>('/api/v1/telemetry/logs/around', {
    schema: {
      summary: 'The records of the same instance before and behind one, oldest first.',
      querystring: {
        type: 'object',
        required: ['time', 'seq'],
        properties: {
          time: { type: 'integer', minimum: 0, description: 'Microseconds' },
          seq: { type: 'integer', minimum: 0 },
          service: { type: 'string', maxLength: 256, default: '' },
          instance: { type: 'string', maxLength: 256, default: '' },
          count: { type: 'integer', minimum: 1, maximum: 500, default: 20 },
        },
      },
    },
    handler: async ({ query }, reply) => ({
      rows: await openHouse(house).queries.around(query, query.count, clientOf(reply)),
    }),
  })
}

function registerCounts(
  app: FastifyInstance,
  house: () => LogsHouse | undefined,
  clock: Clock,
): void {
  app.get<{ Querystring: SearchQuery & { buckets: number } }>('/api/v1/telemetry/logs/histogram', {
    ...searchSchema(
      'How many records a search finds in each part of the time, by level or status.',
      {
        buckets: { type: 'integer', minimum: 1, maximum: BUCKETS_MAX, default: 60 },
      },
    ),
    handler: async ({ query }, reply) => {
      const range = rangeOf(query, clock)
      const bucketUs = Math.max(
        1_000,
        Math.ceil((range.to - range.from) / query.buckets / 1_000) * 1_000,
      )
      const expression = expressionOf(query.query)
      const counts = await openHouse(house).queries.histogram(
        { signal: query.signal, expression, range },
        bucketUs,
        clientOf(reply),
      )
      return { bucketUs, counts }
    },
  })
  app.get<{ Querystring: SearchQuery & { field: string; limit: number } }>(
    '/api/v1/telemetry/logs/top',
    {
      ...searchSchema('The most frequent values of a field, with their counts.', {
        field: { type: 'string', minLength: 1, maxLength: 256, default: 'service' },
        limit: { type: 'integer', minimum: 1, maximum: 1_000, default: 10 },
      }),
      handler: async ({ query }, reply) => {
        const { signal, field, limit } = query
        const search = {
          signal,
          expression: expressionOf(query.query),
          range: rangeOf(query, clock),
          limit,
        }
        const values = await openHouse(house).queries.top(search, field, clientOf(reply))
        return { field, values: values.map(([value, count]) => ({ value, count })) }
      },
    },
  )
}

function registerTrace(app: FastifyInstance, house: () => LogsHouse | undefined): void {
  app.get<{ Params: { trace: string } }>('/api/v1/telemetry/traces/:trace', {
    schema: {
      summary: 'All spans and log records of a trace, oldest first.',
      params: {
        type: 'object',
        properties: { trace: { type: 'string', pattern: '^[0-9a-f]{32}$' } },
      },
    },
    handler: ({ params }, reply) =>
      openHouse(house).queries.trace(params.trace, TRACE_ROWS_MAX, clientOf(reply)),
  })
}

function registerTail(
  app: FastifyInstance,
  house: () => LogsHouse | undefined,
  clock: Clock,
): void {
  app.get<{ Querystring: { query: string } }>('/api/v1/telemetry/logs/tail', {
    schema: {
      summary: 'Server-Sent Events with each log record that a search asks for, once it is stored.',
      querystring: {
        type: 'object',
        additionalProperties: false,
        properties: { query: searchProperties.query },
      },
    },
    handler: ({ query }, reply) => {
      const { tail } = openHouse(house).ingest
      let isPlanned = false
      let isWaiting = false
      const send = (): void => {
        isPlanned = false
        if (isWaiting || opened === undefined) return
        const { records, dropped } = opened.take()
        if (records.length === 0) return
        isWaiting = !reply.raw.write(eventOf({ records: records.map(tailed), dropped }))
      }
      const plan = (): void => {
        if (isPlanned) return
        isPlanned = true
        clock.after(TAIL_MS, send)
      }
      const opened = tail.open(expressionOf(query.query), plan)
      if (opened === undefined) {
        throw new ProblemError(503, 'ERR_HTTP_TOO_MANY_FOLLOWERS', 'Too many watch already.')
      }
      openEvents(reply)
      // So that a client knows from when on nothing is missed.
      reply.raw.write(eventOf({ records: [], dropped: 0 }))
      reply.raw.on('drain', () => {
        isWaiting = false
        send()
      })
      reply.raw.on('close', () => opened.close())
    },
  })
}

function tailed(record: LogRecord): object {
  return {
    ...record,
    level: levelOf(record.severity),
    attributes: JSON.parse(record.attributes) as unknown,
  }
}

function healthOf({ ingest, store, queries }: LogsHouse): object {
  const of = (signal: Signal): object => {
    const one = store.of(signal)
    const { rows, bytes, fileCount, unsealedCount, oldestHour } = one
    return { rows, bytes, files: fileCount, unsealed: unsealedCount, oldestHour }
  }
  return {
    sources: ingest.health.all(),
    tails: ingest.tail.count,
    pending: store.pending,
    failure: store.failure?.message ?? '',
    enginePid: queries.enginePid,
    logs: of('logs'),
    spans: of('spans'),
  }
}
