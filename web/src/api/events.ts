import { send } from './actions.ts'

/** An event as the store tells it. */
export interface EventView {
  readonly position: number
  readonly stream: string
  readonly revision: number
  readonly id: string
  readonly type: string
  /** ISO 8601. */
  readonly at: string
  readonly data?: unknown
  readonly dataBase64?: string
  readonly metadata?: unknown
}

/** The answer of `GET /api/v1/events/streams`. */
export interface StreamList {
  readonly streams: readonly { readonly name: string; readonly head: number | string }[]
  /** Behind the newest position. */
  readonly end: number
}

/** A page of events. */
export interface EventPage {
  readonly events: readonly EventView[]
  readonly next: number
  readonly isEnd: boolean
}

/** A group of competing consumers. */
export interface GroupView {
  readonly stream: string
  readonly name: string
  readonly settings: { readonly strategy: string }
  readonly consumers: readonly {
    readonly name: string
    readonly inFlight: number
    readonly slots: number
    readonly handled: number
  }[]
  readonly checkpoint: number
  readonly lag: number
  readonly inFlight: number
  readonly parked: number
  readonly handled: number
  readonly retried: number
  readonly oldestUnhandledMs: number
  readonly failure: string
}

/** An event that a group could not handle. */
export interface ParkedView {
  readonly revision: number
  readonly reason: string
  readonly at: string
  readonly of: string
  readonly event: EventView | null
}

const base = '/api/v1/events'

/** Streams whose names begin so. Throws `ActionError`; 503: there is no event store. */
export async function loadStreams(prefix: string): Promise<StreamList> {
  return (await send('GET', `${base}/streams?prefix=${encodeURIComponent(prefix)}`)) as StreamList
}

/** The newest events of a stream, or of all ('') up to a time (ISO 8601; '' is now), newest first. */
export async function loadEvents(stream: string, from: string): Promise<EventPage> {
  const path = stream === '' ? 'all' : `streams/${encodeURIComponent(stream)}`
  const query = new URLSearchParams({ direction: 'backwards', limit: '50', from })
  return (await send('GET', `${base}/${path}?${query.toString()}`)) as EventPage
}

/** The position of the first event at a time or later. */
export async function positionAt(time: string): Promise<number> {
  const query = new URLSearchParams({ since: time, limit: '1' })
  const { events, next } = (await send('GET', `${base}/all?${query.toString()}`)) as EventPage
  return events[0]?.position ?? next
}

/** All groups. */
export async function loadGroups(): Promise<readonly GroupView[]> {
  const { groups } = (await send('GET', `${base}/groups`)) as { groups: readonly GroupView[] }
  return groups
}

/** What a group could not handle. */
export async function loadParked(stream: string, group: string): Promise<readonly ParkedView[]> {
  const query = new URLSearchParams({ stream, group })
  const { parked } = (await send('GET', `${base}/groups/parked?${query.toString()}`)) as {
    parked: readonly ParkedView[]
  }
  return parked
}

/** Delivers it again. Throws `ActionError`. */
export async function replayParked(stream: string, group: string): Promise<void> {
  await send('POST', `${base}/groups/replay`, { stream, group })
}
