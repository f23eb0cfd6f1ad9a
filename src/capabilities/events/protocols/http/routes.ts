import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { EventsError } from '../../errors.ts'
import { APPEND_EVENTS_MAX, APPEND_STREAMS_MAX } from '../../limits.ts'
import type { AppendOutcome, Expected, ReadPage } from '../../model.ts'
import type { PageRequest } from '../../store.ts'
import type { Served } from '../served.ts'
import {
  appendOf,
  eventSchema,
  expectedOf,
  expectedSchema,
  multiAppendOf,
  type EventBody,
} from './append-body.ts'
import { eventJson } from './event-json.ts'
import { allQuerySchema, pageRequestOf, streamQuerySchema, type ReadQuery } from './read-query.ts'
import { streamEvents } from './stream-events.ts'

const BASE = '/api/v1/events'
/** JSON and base64 around the bytes of an append. */
const BODY_BYTES_MAX = 96 * 1024 * 1024
const stream = { type: 'string', minLength: 1, maxLength: 1_024 } as const
const params = { type: 'object', properties: { stream } } as const

interface StreamRoute {
  readonly Params: { readonly stream: string }
  readonly Querystring: ReadQuery
}
interface Conditions {
  readonly 'if-match'?: string
  readonly 'if-none-match'?: string
}

/** Events over HTTP: for services without a client of KurrentDB, and for the console. */
export function registerEventRoutes(app: FastifyInstance, served: () => Served): void {
  registerAppends(app, served)
  registerDeletion(app, served)
  registerReads(app, served)
  app.get<{
    Querystring: { readonly prefix: string; readonly after: string; readonly limit: number }
  }>(`${BASE}/streams`, {
    schema: {
      summary: 'Names of streams, in their order.',
      querystring: {
        type: 'object',
        properties: {
          prefix: { type: 'string', maxLength: 1_024, default: '' },
          after: { type: 'string', maxLength: 1_024, default: '' },
          limit: { type: 'integer', minimum: 1, maximum: 1_000, default: 100 },
        },
      },
    },
    async handler({ query: { prefix, after, limit } }) {
      const { store } = served()
      return { streams: await store.engine.streams(prefix, after, limit), end: store.engine.end() }
    },
  })
}

function registerAppends(app: FastifyInstance, served: () => Served): void {
  app.post<StreamRoute & { Body: { readonly events: readonly EventBody[] }; Headers: Conditions }>(
    `${BASE}/streams/:stream`,
    {
      bodyLimit: BODY_BYTES_MAX,
      schema: {
        summary:
          'Appends events. If-Match: the last revision, or * where the stream must be there; If-None-Match: * where it must not. 412 where that does not hold.',
        params,
        body: {
          type: 'object',
          required: ['events'],
          properties: {
            events: { type: 'array', maxItems: APPEND_EVENTS_MAX, items: eventSchema },
          },
        },
      },
      async handler({ params: { stream: name }, body: { events }, headers }, reply) {
        const expected = expectedOf(headers['if-match'], headers['if-none-match'])
        const append = appendOf(name, expected, events)
        return answerAppend(reply, await served().store.append(append), [name])
      },
    },
  )
  app.post<{
    Body: {
      readonly streams: readonly { readonly stream: string; readonly expected: Expected }[]
      readonly events: readonly EventBody[]
    }
  }>(`${BASE}/append`, {
    bodyLimit: BODY_BYTES_MAX,
    schema: {
      summary:
        'Appends to several streams: all or nothing. A stream without events is only checked.',
      body: {
        type: 'object',
        required: ['streams', 'events'],
        properties: {
          streams: {
            type: 'array',
            maxItems: APPEND_STREAMS_MAX,
            items: {
              type: 'object',
              required: ['stream', 'expected'],
              properties: { stream, expected: expectedSchema },
            },
          },
          events: {
            type: 'array',
            maxItems: APPEND_EVENTS_MAX,
            items: {
              ...eventSchema,
              required: ['stream', 'type'],
              properties: { ...eventSchema.properties, stream },
            },
          },
        },
      },
    },
    async handler({ body }, reply) {
      const append = multiAppendOf(body)
      const names = append.streams.map(({ name }) => name)
      return answerAppend(reply, await served().store.append(append), names)
    },
  })
}

function registerDeletion(app: FastifyInstance, served: () => Served): void {
  app.delete<{
    Params: { readonly stream: string }
    Querystring: { readonly forEver: boolean }
    Headers: Conditions
  }>(`${BASE}/streams/:stream`, {
    schema: {
      summary: 'Ends a stream: it may begin again behind what it had, or never with forEver.',
      params,
      querystring: {
        type: 'object',
        properties: { forEver: { type: 'boolean', default: false } },
      },
    },
    async handler({ params: { stream: name }, query: { forEver }, headers }, reply) {
      const expected = expectedOf(headers['if-match'], headers['if-none-match'])
      const deletion = { stream: name, expected, isForEver: forEver }
      return answerAppend(reply, await served().store.remove(deletion), [name])
    },
  })
}

function registerReads(app: FastifyInstance, served: () => Served): void {
  app.get<StreamRoute>(`${BASE}/streams/:stream`, {
    schema: {
      summary:
        'Events of a stream; $ce-order and $et-placed are those of a category and a type. With Accept: text/event-stream they are followed.',
      params,
      querystring: streamQuerySchema,
    },
    handler: ({ params: { stream: name }, query, headers }, reply) =>
      read(served(), reply, name, query, headers),
  })
  app.get<{ Querystring: ReadQuery }>(`${BASE}/all`, {
    schema: {
      summary: 'All events in their order. With Accept: text/event-stream they are followed.',
      querystring: allQuerySchema,
    },
    handler: ({ query, headers }, reply) => read(served(), reply, '$all', query, headers),
  })
}

async function read(
  served: Served,
  reply: FastifyReply,
  stream: string,
  query: ReadQuery,
  headers: IncomingHttpHeaders,
): Promise<FastifyReply> {
  const lastEventId = [headers['last-event-id']].flat()[0]
  const request = await pageRequestOf(served.store, stream, query, lastEventId)
  const isFollowed = headers.accept?.includes('text/event-stream') === true
  if (isFollowed && !request.isBackwards) {
    // What is no stream any more is an answer, and not an event.
    refuseMissing(stream, await served.store.readPage({ ...request, eventsMax: 1 }), true)
    void streamEvents(served, request, reply)
    return reply
  }
  const page = await readOrWait(served, request, query.wait, reply)
  refuseMissing(stream, page, query.wait > 0)
  if (typeof page.head === 'number' && request.source.kind === 'stream') {
    reply.header('etag', `"${page.head}"`)
  }
  return reply.header('content-type', 'application/json').send(pageJson(page))
}

/** An empty page is looked at again when there is something new, until the time is over or nobody waits any more. */
async function readOrWait(
  { store, tail }: Served,
  request: PageRequest,
  waitMs: number,
  reply: FastifyReply,
): Promise<ReadPage> {
  const stop = new AbortController()
  const cancel = store.clock.after(waitMs, () => stop.abort())
  reply.raw.on('close', () => stop.abort())
  let { from } = request
  if (from === 'end' && waitMs > 0 && !request.isBackwards) {
    const { head } = await store.readPage({ ...request, from: 0, eventsMax: 1 })
    from =
      request.source.kind !== 'stream'
        ? store.engine.end()
        : typeof head === 'number'
          ? head + 1
          : 0
  }
  try {
    for (;;) {
      const end = store.engine.end()
      const page = await store.readPage({ ...request, from })
      const isDone = page.events.length > 0 || !page.isEnd || request.isBackwards
      if (isDone || waitMs === 0 || stop.signal.aborted) return page
      await tail.reached(end, stop.signal)
    }
  } finally {
    cancel()
  }
}

function refuseMissing(stream: string, { head }: ReadPage, mayCome: boolean): void {
  if (head === 'tombstoned' || (head === 'deleted' && !mayCome)) {
    throw new EventsError('ERR_EVENTS_STREAM_DELETED', `The stream '${stream}' was deleted.`)
  }
  if (head === 'none' && !mayCome) {
    throw new EventsError('ERR_EVENTS_STREAM_UNKNOWN', `There is no stream '${stream}'.`)
  }
}

function pageJson({ events, next, isEnd, head }: ReadPage): string {
  const rest = JSON.stringify({ next, isEnd, head }).slice(1)
  return `{"events":[${events.map(eventJson).join(',')}],${rest}`
}

function answerAppend(
  reply: FastifyReply,
  outcome: AppendOutcome,
  names: readonly string[],
): FastifyReply {
  if (outcome.kind === 'appended') {
    const { position, revisions, isRepeated } = outcome
    const streams = names.flatMap((name, at) => {
      const revision = revisions[at] ?? -1
      return revision < 0 ? [] : [{ stream: name, revision }]
    })
    if (names.length === 1 && streams[0] !== undefined) {
      reply.header('etag', `"${streams[0].revision}"`)
    }
    return reply.code(isRepeated ? 200 : 201).send({ position, streams, isRepeated })
  }
  const { violations } = outcome
  const [{ stream: name, expected, actual }] = violations
  const code = actual === 'tombstoned' ? 'ERR_EVENTS_STREAM_DELETED' : 'ERR_EVENTS_CONFLICT'
  throw new EventsError(
    code,
    `The stream '${name}' was expected to be ${wordsOf(expected)}, and is ${wordsOf(actual)}. Nothing was appended.`,
    { violations },
  )
}

function wordsOf(head: Expected | AppendOutcomeHead): string {
  return typeof head === 'number' ? `at ${head}` : head
}
type AppendOutcomeHead = Extract<AppendOutcome, { kind: 'conflict' }>['violations'][0]['actual']
