import type { Clock } from '../../platform/capability.ts'
import { EventsError } from './errors.ts'
import type { EventEngine } from './engines/engine.ts'
import { matcherOf } from './filter-match.ts'
import {
  APPEND_EVENTS_MAX,
  APPEND_STREAMS_MAX,
  PAGE_BYTES_MAX,
  PAGE_EVENTS_MAX,
  STREAM_NAME_BYTES_MAX,
  TYPE_NAME_BYTES_MAX,
  FILTER_WINDOW_MAX,
} from './limits.ts'
import {
  describedBy,
  METADATA_TYPE,
  type Append,
  type AppendOutcome,
  type Deletion,
  type NewEvent,
  type ReadPage,
  type ReadRequest,
  type ReadSource,
} from './model.ts'

/** What clients may make large, by the file. Bytes. */
export interface StoreLimits {
  readonly eventBytesMax: number
  readonly appendBytesMax: number
}

/** A page that is asked for: what is left out is as much as may be. */
export type PageRequest = Pick<ReadRequest, 'source' | 'from' | 'isBackwards'> &
  Partial<Pick<ReadRequest, 'eventsMax' | 'bytesMax' | 'windowMax'>>

/** The event store as protocols see it: names checked, everything bounded. */
export interface EventStore {
  /** Throws `EventsError` for what may not be stored. */
  append(append: Append): Promise<AppendOutcome>
  remove(deletion: Deletion): Promise<AppendOutcome>
  readPage(request: PageRequest): Promise<ReadPage>
  /** For those that write streams of the system. */
  readonly engine: EventEngine
  readonly clock: Clock
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** The store over an engine; limits are asked for each append, so that a reload changes them. */
export function createStore(
  engine: EventEngine,
  clock: Clock,
  limits: () => StoreLimits,
): EventStore {
  return {
    engine,
    clock,
    async append(append) {
      checkAppend(append, limits())
      return engine.append(append)
    },
    async remove(deletion) {
      checkWritable(deletion.stream)
      return engine.remove(deletion)
    },
    async readPage({ eventsMax, bytesMax, windowMax, ...request }) {
      checkSource(request.source)
      return engine.read({
        ...request,
        eventsMax: Math.min(eventsMax ?? PAGE_EVENTS_MAX, PAGE_EVENTS_MAX),
        bytesMax: Math.min(bytesMax ?? PAGE_BYTES_MAX, PAGE_BYTES_MAX),
        windowMax: Math.min(windowMax ?? FILTER_WINDOW_MAX, FILTER_WINDOW_MAX),
        nowUs: Math.trunc(clock.nowMs() * 1_000),
      })
    },
  }
}

/** Which events a name of a stream means: `$ce-` and `$et-` are indexes, `$all` is everything. */
export function sourceOf(stream: string): ReadSource {
  if (stream === '$all') return { kind: 'all', filter: undefined }
  if (stream.startsWith('$ce-')) return { kind: 'category', name: stream.slice(4) }
  if (stream.startsWith('$et-')) return { kind: 'type', name: stream.slice(4) }
  return { kind: 'stream', name: stream }
}

function checkAppend({ streams, events, streamOf }: Append, limits: StoreLimits): void {
  if (streams.length === 0 || streams.length > APPEND_STREAMS_MAX) {
    throw invalid(`An append names 1 to ${APPEND_STREAMS_MAX} streams, and not ${streams.length}.`)
  }
  if (events.length > APPEND_EVENTS_MAX) {
    throw new EventsError(
      'ERR_EVENTS_TOO_LARGE',
      `An append has at most ${APPEND_EVENTS_MAX} events, and not ${events.length}. Send several.`,
    )
  }
  const written = new Set(streamOf)
  for (const [at, { name, expected }] of streams.entries()) {
    if (written.has(at)) checkWritable(name)
    else checkName(name)
    if (typeof expected === 'number' && (!Number.isSafeInteger(expected) || expected < 0)) {
      throw invalid(`The expected revision of '${name}' is ${expected}, which no stream can have.`)
    }
  }
  if (new Set(streams.map(({ name }) => name)).size < streams.length) {
    throw invalid('A stream is named twice in one append.')
  }
  let bytes = 0
  for (const event of events) bytes += checkEvent(event, limits)
  if (bytes > limits.appendBytesMax) {
    throw new EventsError(
      'ERR_EVENTS_TOO_LARGE',
      `The append has ${bytes} bytes, at most ${limits.appendBytesMax} are taken (events.limits.append).`,
      { bytesMax: limits.appendBytesMax },
    )
  }
}

function checkEvent(
  { id, type, data, metadata }: NewEvent,
  { eventBytesMax }: StoreLimits,
): number {
  if (!UUID.test(id)) throw invalid(`The id '${id.slice(0, 50)}' of an event is no UUID.`)
  if (type === '' || Buffer.byteLength(type) > TYPE_NAME_BYTES_MAX) {
    throw invalid(`The type of an event has 1 to ${TYPE_NAME_BYTES_MAX} bytes.`)
  }
  if (type.startsWith('$') && type !== METADATA_TYPE && type !== '$>' && type !== '$@') {
    throw new EventsError(
      'ERR_EVENTS_NAME_RESERVED',
      `The type '${type}' belongs to the system. Types of yours begin with another character than $.`,
    )
  }
  const bytes = data.length + metadata.length
  if (bytes > eventBytesMax) {
    throw new EventsError(
      'ERR_EVENTS_TOO_LARGE',
      `An event of type '${type}' has ${bytes} bytes, at most ${eventBytesMax} are taken (events.limits.event).`,
      { bytesMax: eventBytesMax },
    )
  }
  return bytes
}

/** Throws `EventsError` where no stream can have this name. */
export function checkName(name: string): void {
  const bytes = Buffer.byteLength(name)
  if (bytes === 0 || bytes > STREAM_NAME_BYTES_MAX || !name.isWellFormed()) {
    throw invalid(`The name of a stream has 1 to ${STREAM_NAME_BYTES_MAX} bytes of UTF-8.`)
  }
}

/** Streams of the system are written by the system; the metadata of others by everybody. */
function checkWritable(name: string): void {
  checkName(name)
  const described = describedBy(name)
  // Bounds of what groups keep of themselves would remove what groups there are, and how far they have come.
  const isOfGroups = described.toLowerCase().startsWith('$persistentsubscription')
  const isMetadata = described !== '' && !described.startsWith('$$') && !isOfGroups
  if (!name.startsWith('$') || isMetadata) return
  throw new EventsError(
    'ERR_EVENTS_NAME_RESERVED',
    `The stream '${name}' belongs to the system: names of yours begin with another character than $.`,
  )
}

/** Throws `EventsError` where nothing can be read there. */
export function checkSource(source: ReadSource): void {
  if (source.kind === 'all') {
    if (source.filter !== undefined) matcherOf(source.filter)
  } else checkName(source.name)
}

function invalid(message: string): EventsError {
  return new EventsError('ERR_EVENTS_INVALID', message)
}
