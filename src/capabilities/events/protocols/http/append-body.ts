import { randomUUID } from 'node:crypto'
import { EventsError } from '../../errors.ts'
import type { Append, Expected, NewEvent } from '../../model.ts'

const NOTHING = Buffer.alloc(0)

/** An event of a body. */
export interface EventBody {
  readonly id?: string
  readonly type: string
  /** Any JSON; or `dataBase64`. */
  readonly data?: unknown
  readonly dataBase64?: string
  readonly metadata?: unknown
  readonly stream?: string
}

/** Its schema, for the OpenAPI document and the check. */
export const eventSchema = {
  type: 'object',
  required: ['type'],
  additionalProperties: false,
  properties: {
    id: { type: 'string', description: 'A UUID: the same id again is the same event.' },
    type: { type: 'string' },
    data: { description: 'Any JSON.' },
    dataBase64: { type: 'string', description: 'Bytes, in place of data.' },
    metadata: { description: 'Any JSON; $correlationId and $causationId are known.' },
  },
} as const

/** Expectation of a stream in a body. */
export const expectedSchema = {
  anyOf: [
    { type: 'integer', minimum: 0 },
    { type: 'string', enum: ['any', 'none', 'exists'] },
  ],
  description: 'Its last revision, or any, none (it is not there), exists.',
} as const

/** What If-Match and If-None-Match ask: `*` is any representation, a tag is the revision. Throws where they say something else. */
export function expectedOf(ifMatch: string | undefined, ifNoneMatch: string | undefined): Expected {
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch.trim() === '*' && ifMatch === undefined) return 'none'
    throw invalid('If-None-Match can only be *, and not beside If-Match.')
  }
  if (ifMatch === undefined) return 'any'
  if (ifMatch.trim() === '*') return 'exists'
  const match = /^\s*"?(\d{1,15})"?\s*$/.exec(ifMatch)
  if (match === null) throw invalid(`If-Match is a revision such as "17", or *; not ${ifMatch}.`)
  return Number(match[1])
}

/** A body with events of one stream. */
export function appendOf(name: string, expected: Expected, events: readonly EventBody[]): Append {
  return {
    streams: [{ name, expected }],
    events: events.map(eventOf),
    streamOf: events.map(() => 0),
  }
}

/** A body with several streams; a stream of an event that is not named is expected to be anything. */
export function multiAppendOf(body: {
  readonly streams: readonly { readonly stream: string; readonly expected: Expected }[]
  readonly events: readonly EventBody[]
}): Append {
  const streams = body.streams.map(({ stream: name, expected }) => ({ name, expected }))
  const index = new Map(streams.map(({ name }, at) => [name, at]))
  const streamOf = body.events.map(({ stream = '' }) => {
    const known = index.get(stream)
    if (known !== undefined) return known
    streams.push({ name: stream, expected: 'any' })
    index.set(stream, streams.length - 1)
    return streams.length - 1
  })
  return { streams, events: body.events.map(eventOf), streamOf }
}

function eventOf({ id, type, data, dataBase64, metadata }: EventBody): NewEvent {
  if (data !== undefined && dataBase64 !== undefined) {
    throw invalid('An event has data or dataBase64, and not both.')
  }
  return {
    id: (id ?? randomUUID()).toLowerCase(),
    type,
    isJson: dataBase64 === undefined,
    data:
      dataBase64 === undefined
        ? Buffer.from(JSON.stringify(data ?? null))
        : Buffer.from(dataBase64, 'base64'),
    metadata: metadata === undefined ? NOTHING : Buffer.from(JSON.stringify(metadata)),
  }
}

function invalid(message: string): EventsError {
  return new EventsError('ERR_EVENTS_INVALID', message)
}
