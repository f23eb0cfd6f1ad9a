import { EventsError } from '../../errors.ts'
import { PAGE_EVENTS_MAX } from '../../limits.ts'
import type { EventFilter, ReadSource } from '../../model.ts'
import { sourceOf, type EventStore, type PageRequest } from '../../store.ts'

/** Longest time that a read waits for an event. */
export const WAIT_MS_MAX = 60_000

/** What a read says in its query. */
export interface ReadQuery {
  readonly from?: string
  readonly after?: number
  readonly since?: string
  readonly direction: 'forwards' | 'backwards'
  readonly limit: number
  readonly wait: number
  readonly category?: string
  readonly type?: string
  readonly prefix?: string
  readonly match?: string
  readonly on: 'stream' | 'type'
}

const common = {
  from: {
    type: 'string',
    maxLength: 16,
    description: 'Revision of the stream, or position; end is the last one. Inclusive.',
  },
  after: { type: 'integer', minimum: 0, description: 'The same, exclusive: what was read last.' },
  direction: { type: 'string', enum: ['forwards', 'backwards'], default: 'forwards' },
  limit: { type: 'integer', minimum: 1, maximum: PAGE_EVENTS_MAX, default: 100 },
  wait: {
    type: 'integer',
    minimum: 0,
    maximum: WAIT_MS_MAX,
    default: 0,
    description: 'Milliseconds that an empty page waits for an event.',
  },
} as const

/** Of one stream. */
export const streamQuerySchema = { type: 'object', properties: common } as const
/** Of everything. */
export const allQuerySchema = {
  type: 'object',
  properties: {
    ...common,
    since: { type: 'string', maxLength: 40, description: 'A time (ISO 8601) in place of from.' },
    category: { type: 'string', maxLength: 1_024, description: 'order: of order-1, order-2, ...' },
    type: { type: 'string', maxLength: 1_024, description: 'Events of this type only.' },
    prefix: { type: 'string', maxLength: 1_024, description: 'Beginning of the name.' },
    match: { type: 'string', maxLength: 1_000, description: 'Expression for the name; RE2.' },
    on: {
      type: 'string',
      enum: ['stream', 'type'],
      default: 'stream',
      description: 'Which name prefix and match look at.',
    },
  },
} as const

/** The page that a query asks for, and where a subscription of the same query begins. Throws `EventsError`. */
export async function pageRequestOf(
  store: EventStore,
  stream: string,
  query: ReadQuery,
  lastEventId?: string,
): Promise<PageRequest> {
  const isBackwards = query.direction === 'backwards'
  return {
    source: readSourceOf(stream, query),
    from: await fromOf(store, query, isBackwards, lastEventId),
    isBackwards,
    eventsMax: query.limit,
  }
}

function readSourceOf(stream: string, query: ReadQuery): ReadSource {
  if (stream !== '$all') return sourceOf(stream)
  if (query.category !== undefined) return { kind: 'category', name: query.category }
  if (query.type !== undefined) return { kind: 'type', name: query.type }
  if (query.prefix === undefined && query.match === undefined)
    return { kind: 'all', filter: undefined }
  const filter: EventFilter = {
    on: query.on,
    prefixes: query.prefix === undefined ? [] : [query.prefix],
    expression: query.match ?? '',
  }
  return { kind: 'all', filter }
}

async function fromOf(
  store: EventStore,
  { from, after, since }: ReadQuery,
  isBackwards: boolean,
  lastEventId: string | undefined,
): Promise<number | 'end'> {
  const last = lastEventId === undefined ? after : numberOf(lastEventId, 'Last-Event-ID')
  if (last !== undefined) return last + 1
  if (since !== undefined) {
    const atMs = Date.parse(since)
    if (Number.isNaN(atMs))
      throw invalid(`since is a time such as 2026-11-29T12:00:00Z, not ${since}.`)
    return store.engine.positionAt(atMs * 1_000)
  }
  if (from === undefined) return isBackwards ? 'end' : 0
  return from === 'end' ? 'end' : numberOf(from, 'from')
}

function numberOf(text: string, name: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(value)) throw invalid(`${name} is a number or end, not ${text}.`)
  return value
}

function invalid(message: string): EventsError {
  return new EventsError('ERR_EVENTS_INVALID', message)
}
