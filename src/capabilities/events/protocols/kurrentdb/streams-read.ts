import { randomUUID } from 'node:crypto'
import { ProtobufWriter } from '../../../../mechanisms/protobuf/protobuf-writer.ts'
import { EventsError } from '../../errors.ts'
import type { ReadSource, StoredEvent } from '../../model.ts'
import { sourceOf } from '../../store.ts'
import { catchUp, type SubscriptionMessage } from '../../subscriptions/catch-up.ts'
import type { Served } from '../served.ts'
import { encodeReadEvent, showEvents } from './event-messages.ts'
import type { GrpcCall } from './grpc-call.ts'
import { parseRead, type ReadOptions } from './read-request.ts'
import { writePosition, writeStreamName, writeTimestamp } from './shared-messages.ts'

/** A page of a read: what is in memory for one call. */
const PAGE_EVENTS = 512
const PAGE_BYTES = 1024 * 1024

/** `Streams/Read`: so many events, or a subscription. */
export async function readStreams(call: GrpcCall, served: Served): Promise<void> {
  const options = parseRead(await call.message())
  const source = sourceOfRead(options)
  if (options.count === undefined) await subscribe(call, served, options, source)
  else await readCount(call, served, options, source, options.count)
}

function sourceOfRead({ stream, filter }: ReadOptions): ReadSource {
  const source = sourceOf(stream)
  return source.kind === 'all' ? { kind: 'all', filter: filter?.filter } : source
}

/** The stream of an index whose events are links; '' for another. */
function indexOf(stream: string, source: ReadSource): string {
  return source.kind === 'category' || source.kind === 'type' ? stream : ''
}

async function readCount(
  call: GrpcCall,
  { store }: Served,
  options: ReadOptions,
  source: ReadSource,
  count: number,
): Promise<void> {
  const { stream, isBackwards, form, isResolving } = options
  let left = count
  let from = options.from === 'start' ? 0 : options.from
  // Backwards from the start there is nothing but the first event.
  if (from === 'end' && !isBackwards) from = Number.MAX_SAFE_INTEGER
  while (left > 0 && !call.signal.aborted) {
    const page = await store.readPage({
      source,
      from,
      isBackwards,
      eventsMax: Math.min(PAGE_EVENTS, left),
      bytesMax: PAGE_BYTES,
    })
    if (page.head === 'tombstoned') throw streamDeleted(stream)
    if (typeof page.head !== 'number') {
      const missing = new ProtobufWriter().message(4, (one) => writeStreamName(one, 1, stream))
      return call.send(missing.finish())
    }
    const shown = await showEvents(store, page.events, indexOf(stream, source), isResolving)
    if (shown.length > 0) await call.send(...shown.map((event) => encodeReadEvent(event, form)))
    left -= page.events.length
    from = page.next
    if (page.isEnd) return
  }
}

async function subscribe(
  call: GrpcCall,
  { store, tail }: Served,
  options: ReadOptions,
  source: ReadSource,
): Promise<void> {
  const { stream, filter, form, isResolving } = options
  // What a subscription begins at is what it has seen already.
  const from =
    typeof options.from === 'number' ? options.from + 1 : options.from === 'start' ? 0 : 'end'
  const confirmation = new ProtobufWriter().message(2, (one) => one.text(1, randomUUID()))
  await call.send(confirmation.finish())
  const every = filter === undefined ? {} : { checkpointEvery: filter.checkpointEvery }
  let last: StoredEvent | undefined
  const messages = catchUp(store, tail, { source, from, signal: call.signal, ...every })
  for await (const message of messages) {
    if (message.kind !== 'events') {
      await call.send(encodeMark(message, last, source, store.clock.nowMs()))
      continue
    }
    last = message.events.at(-1) ?? last
    const shown = await showEvents(store, message.events, indexOf(stream, source), isResolving)
    await call.send(...shown.map((event) => encodeReadEvent(event, form)))
  }
}

/** Checkpoint = 3, caught up = 8, fell behind = 9. */
function encodeMark(
  message: Exclude<SubscriptionMessage, { kind: 'events' }>,
  last: StoredEvent | undefined,
  source: ReadSource,
  nowMs: number,
): Uint8Array {
  const writer = new ProtobufWriter()
  const { kind, position } = message
  if (kind === 'checkpoint') {
    writer.message(3, (one) => {
      one.uint(1, position).uint(2, position)
      writeTimestamp(one, 3, nowMs)
    })
    return writer.finish()
  }
  writer.message(kind === 'caught-up' ? 8 : 9, (one) => {
    writeTimestamp(one, 1, nowMs)
    if (source.kind === 'all') writePosition(one, 3, position)
    else if (last !== undefined) {
      one.uint(2, source.kind === 'stream' ? last.revision : last.position)
    }
  })
  return writer.finish()
}

/** What clients are told of a stream that is over for ever. */
export function streamDeleted(stream: string): EventsError {
  return new EventsError('ERR_EVENTS_STREAM_DELETED', `The stream '${stream}' was deleted.`, {
    stream,
  })
}
