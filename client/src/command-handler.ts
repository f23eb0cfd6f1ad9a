import type { Decider, DomainEvent } from './decider.ts'
import { ConflictError, type EventsClient, type RecordedEvent } from './events-client.ts'

/** The type of the event that remembers the result of a command with a key. */
const HANDLED_TYPE = 'CommandHandled'

/** How a command is handled. */
export interface CommandOptions<Event extends DomainEvent> {
  /** So often it is decided again where another one was quicker; default 0: the conflict is the caller's. */
  readonly retries?: number
  /** The same key again is answered with the first result, and changes nothing: for clients that send again. */
  readonly key?: string
  readonly metadata?: Readonly<Record<string, unknown>>
  /** Makes of an event as it was stored, perhaps years ago, one of today. */
  readonly upcast?: (stored: RecordedEvent) => Event
}

/** What a command has led to. */
export interface CommandResult<Event extends DomainEvent> {
  readonly events: readonly Event[]
  /** Last revision of its stream; 'none': nothing was ever stored. */
  readonly revision: number | 'none'
  /** A token for reads: a read model that has this position has what the command did. -1 where nothing was stored. */
  readonly position: number
  /** Answered from the first time. */
  readonly isRepeated: boolean
}

/**
 * Reads and folds the stream, decides, and appends at the revision that it read. Throws what `decide` throws, `ConflictError` where others were quicker too often, and
 * `EventStoreError`.
 */
export async function handleCommand<Command, Event extends DomainEvent, State>(
  client: EventsClient,
  decider: Decider<Command, Event, State>,
  stream: string,
  command: Command,
  options: CommandOptions<Event> = {},
): Promise<CommandResult<Event>> {
  const { retries = 0, key } = options
  for (let attempt = 0; ; attempt++) {
    try {
      return await tryOnce(client, decider, stream, command, options)
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error
      if (key !== undefined && error.violations.some((one) => one.stream === streamOfKey(key))) {
        return firstResult(client, key)
      }
      if (attempt >= retries) throw error
    }
  }
}

async function tryOnce<Command, Event extends DomainEvent, State>(
  client: EventsClient,
  { initialState, evolve, decide }: Decider<Command, Event, State>,
  stream: string,
  command: Command,
  { key, metadata, upcast }: CommandOptions<Event>,
): Promise<CommandResult<Event>> {
  const { events: stored, revision } = await client.readStream(stream)
  if (key !== undefined && (await client.readStream(streamOfKey(key))).revision !== 'none') {
    return firstResult(client, key)
  }
  const past = stored.map((event) => upcast?.(event) ?? (event as unknown as Event))
  const events = decide(command, past.reduce(evolve, initialState()))
  if (events.length === 0 && key === undefined) {
    return { events, revision, position: -1, isRepeated: false }
  }
  const before = revision === 'none' ? -1 : revision
  const last = before + events.length
  const result = { events, revision: last < 0 ? ('none' as const) : last }
  const more = metadata === undefined ? {} : { metadata }
  const { position } = await client.append(
    [
      { stream, expected: revision },
      ...(key === undefined ? [] : [{ stream: streamOfKey(key), expected: 'none' as const }]),
    ],
    [
      ...events.map(({ type, data }) => ({ stream, type, data, ...more })),
      ...(key === undefined
        ? []
        : [{ stream: streamOfKey(key), type: HANDLED_TYPE, data: result }]),
    ],
  )
  return { ...result, position, isRepeated: false }
}

/** In the same append as the events: there is one with the other, or neither. */
async function firstResult<Event extends DomainEvent>(
  client: EventsClient,
  key: string,
): Promise<CommandResult<Event>> {
  const { events } = await client.readStream(streamOfKey(key))
  const [first] = events
  if (first === undefined) throw new TypeError(`the command ${key} has left no result`)
  const result = first.data as Pick<CommandResult<Event>, 'events' | 'revision'>
  return { ...result, position: first.position, isRepeated: true }
}

function streamOfKey(key: string): string {
  return `command-${key}`
}
