import type { FastifyInstance } from 'fastify'
import {
  GROUP_DEFAULTS,
  STRATEGIES,
  type GroupSettings,
} from '../../subscriptions/groups/group-model.ts'
import type { Served } from '../served.ts'
import { eventJson } from './event-json.ts'

const BASE = '/api/v1/events/groups'
/** Parked events that one answer lists. */
const PARKED_LISTED_MAX = 100

const stream = {
  type: 'string',
  minLength: 1,
  maxLength: 1_024,
  description: 'Its stream; $all is everything, $ce-order a category.',
} as const
const group = { type: 'string', minLength: 1, maxLength: 200 } as const
const named = {
  type: 'object',
  required: ['stream', 'group'],
  properties: { stream, group },
} as const
interface Named {
  readonly stream: string
  readonly group: string
}

/** Groups of competing consumers, for people: what there is, how far each has come, what it could not handle. */
export function registerGroupRoutes(app: FastifyInstance, served: () => Served): void {
  app.get(BASE, {
    schema: { summary: 'Groups of competing consumers, with their lag and their consumers.' },
    handler: async () => ({
      groups: await Promise.all(
        served()
          .groups.list()
          .map((one) => one.view()),
      ),
    }),
  })
  app.post<{ Body: Named & { readonly settings?: Partial<GroupSettings> } }>(BASE, {
    schema: { summary: 'Makes a group.', body: createSchema },
    async handler({ body }, reply) {
      const settings = { ...GROUP_DEFAULTS, ...body.settings }
      const { groups } = served()
      await groups.create({ stream: body.stream, name: body.group, filter: undefined, settings })
      return reply.code(201).send(await groups.get(body.stream, body.group).view())
    },
  })
  app.delete<{ Querystring: Named }>(BASE, {
    schema: { summary: 'Deletes a group, with what it has parked.', querystring: named },
    async handler({ query }) {
      await served().groups.delete(query.stream, query.group)
      return query
    },
  })
  app.get<{ Querystring: Named & { readonly from: number } }>(`${BASE}/parked`, {
    schema: {
      summary: 'Events that a group could not handle, with the reason of each.',
      querystring: {
        ...named,
        properties: { ...named.properties, from: { type: 'integer', minimum: 0, default: 0 } },
      },
    },
    async handler({ query }, reply) {
      const found = served().groups.get(query.stream, query.group).parked(query.from)
      const lines: string[] = []
      for await (const { revision, key, reason, atUs, of, event } of found) {
        const head = JSON.stringify({ revision, key, reason, at: timeOf(atUs), of })
        const shown = event === undefined ? 'null' : eventJson(event)
        lines.push(`${head.slice(0, -1)},"event":${shown}}`)
        if (lines.length === PARKED_LISTED_MAX) break
      }
      return reply
        .header('content-type', 'application/json')
        .send(`{"parked":[${lines.join(',')}]}`)
    },
  })
  app.post<{ Body: Named & { readonly count?: number } }>(`${BASE}/replay`, {
    schema: {
      summary: 'Delivers parked events again, in their order.',
      body: {
        ...named,
        properties: { ...named.properties, count: { type: 'integer', minimum: 1 } },
      },
    },
    async handler({ body: { stream: of, group: name, count } }) {
      const found = served().groups.get(of, name)
      await found.replayParked(count)
      return found.view()
    },
  })
}

const createSchema = {
  type: 'object',
  required: ['stream', 'group'],
  properties: {
    stream,
    group,
    settings: {
      type: 'object',
      additionalProperties: false,
      properties: {
        strategy: { type: 'string', enum: STRATEGIES },
        resolveLinks: { type: 'boolean' },
        startFrom: {
          anyOf: [
            { type: 'integer', minimum: 0 },
            { type: 'string', enum: ['end'] },
          ],
        },
        messageTimeoutMs: { type: 'integer', minimum: 1 },
        maxRetryCount: { type: 'integer', minimum: 0 },
        retryDelayMs: { type: 'integer', minimum: 0 },
        bufferSize: { type: 'integer', minimum: 1, maximum: 10_000 },
        maxSubscriberCount: { type: 'integer', minimum: 0 },
      },
    },
  },
} as const

function timeOf(atUs: number): string {
  return new Date(atUs / 1_000).toISOString()
}
