import { EventsError } from '../errors.ts'
import { matcherOf } from '../filter-match.ts'
import { categoryOf, TOMBSTONE_TYPE, type ReadSource, type StoredEvent } from '../model.ts'
import type { EventStore } from '../store.ts'
import type { Tail } from './tail.ts'

/** A page of a subscription that catches up: its memory is that of one page. */
const CATCH_UP_EVENTS = 512
const CATCH_UP_BYTES = 1024 * 1024

/** What a subscription says. */
export type SubscriptionMessage =
  | { readonly kind: 'events'; readonly events: readonly StoredEvent[] }
  /** Everything up to here was looked at, also where nothing of it was wanted. Told for filtered ones. */
  | { readonly kind: 'checkpoint'; readonly position: number }
  | { readonly kind: 'caught-up'; readonly position: number }
  | { readonly kind: 'fell-behind'; readonly position: number }

export interface CatchUpOptions {
  readonly source: ReadSource
  /** The first one that is wanted: revision in a stream, else position. 'end': what comes from now on. */
  readonly from: number | 'end'
  /** With a filter: a checkpoint after so many events that were looked at. */
  readonly checkpointEvery?: number
  readonly signal: AbortSignal
}

/**
 * Every event from there on, once and in order, for ever: by pages until there are no more, then as they are committed. Nothing is read ahead of whoever takes the
 * messages, so a client that does not read costs one page. Throws `ERR_EVENTS_STREAM_DELETED` where the stream ends for ever; ends with the signal.
 */
export async function* catchUp(
  store: EventStore,
  tail: Tail,
  { source, from, checkpointEvery = 1_000, signal }: CatchUpOptions,
): AsyncGenerator<SubscriptionMessage, void, undefined> {
  const wanted = wantedOf(source)
  let place = from === 'end' ? await endOfSource(store, source) : from
  let isLive = false
  while (!signal.aborted) {
    const seenBefore = store.engine.end()
    const page = await store.readPage({
      source,
      from: place,
      isBackwards: false,
      eventsMax: CATCH_UP_EVENTS,
      bytesMax: CATCH_UP_BYTES,
      windowMax: checkpointEvery,
    })
    if (page.head === 'tombstoned') throw streamOver(source)
    if (isLive && !page.isEnd) {
      isLive = false
      yield { kind: 'fell-behind', position: seenBefore }
    }
    if (page.events.length > 0) yield { kind: 'events', events: page.events }
    place = Math.max(place, page.next)
    const isFiltered = source.kind === 'all' && source.filter !== undefined
    if (isFiltered && page.next > 0) yield { kind: 'checkpoint', position: page.next - 1 }
    if (!page.isEnd) continue
    // All that was committed before the page was asked for has been given.
    const start = source.kind === 'stream' ? seenBefore : Math.max(seenBefore, place)
    yield { kind: 'caught-up', position: Math.max(start - 1, 0) }
    isLive = true
    const left = yield* follow({ tail, source, wanted, start, place, checkpointEvery, signal })
    place = left.place
  }
}

interface Following {
  readonly tail: Tail
  readonly source: ReadSource
  readonly wanted: (event: StoredEvent) => boolean
  /** Position. */
  readonly start: number
  /** In the terms of the source. */
  readonly place: number
  readonly checkpointEvery: number
  readonly signal: AbortSignal
}

/** As it is committed, until the signal, or until the events are no longer in memory. */
async function* follow(
  given: Following,
): AsyncGenerator<SubscriptionMessage, { readonly place: number }, undefined> {
  const { tail, source, wanted, checkpointEvery, signal } = given
  let { start, place } = given
  let looked = 0
  for (;;) {
    await tail.reached(start, signal)
    if (signal.aborted) return { place }
    const slice = tail.from(start)
    if (slice === undefined) return { place }
    const events = slice.events.filter(
      (event) => wanted(event) && (source.kind !== 'stream' || event.revision >= place),
    )
    start = slice.next
    const last = events.at(-1)
    if (source.kind !== 'stream') place = start
    else if (last !== undefined) place = last.revision + 1
    if (events.length > 0) yield { kind: 'events', events }
    if (last?.type === TOMBSTONE_TYPE && source.kind === 'stream') throw streamOver(source)
    looked += slice.events.length
    const isFiltered = source.kind === 'all' && source.filter !== undefined
    if (!isFiltered || looked < checkpointEvery) continue
    looked = 0
    yield { kind: 'checkpoint', position: start - 1 }
  }
}

function wantedOf(source: ReadSource): (event: StoredEvent) => boolean {
  switch (source.kind) {
    case 'stream':
      return ({ stream }) => stream === source.name
    case 'category':
      return ({ stream }) => categoryOf(stream) === source.name
    case 'type':
      return ({ type }) => type === source.name
    case 'all': {
      if (source.filter === undefined) return () => true
      const { on } = source.filter
      const matches = matcherOf(source.filter)
      return (event) => matches(event[on])
    }
  }
}

/** Behind the last event: revision in a stream, else position. Throws where the stream is over for ever. */
export async function endOfSource(store: EventStore, source: ReadSource): Promise<number> {
  if (source.kind !== 'stream') return store.engine.end()
  const { head } = await store.engine.stream(source.name)
  if (typeof head === 'number') return head + 1
  if (head === 'tombstoned') throw streamOver(source)
  // A deleted stream goes on behind what it had, a new one at 0: what comes is wanted.
  return 0
}

function streamOver(source: ReadSource): EventsError {
  const name = source.kind === 'all' ? '$all' : source.name
  return new EventsError('ERR_EVENTS_STREAM_DELETED', `The stream '${name}' is over for ever.`, {
    stream: name,
  })
}
