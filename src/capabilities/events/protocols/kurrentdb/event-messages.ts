import { ProtobufWriter } from '../../../../mechanisms/protobuf/protobuf-writer.ts'
import type { StoredEvent } from '../../model.ts'
import type { EventStore } from '../../store.ts'
import { LINK_TYPE, resolveLink } from '../../subscriptions/groups/links.ts'
import { writeStreamName, writeUuid, type UuidForm } from './shared-messages.ts'

/** An event as a client gets it: what it is, and the link that it was found by. */
export interface ShownEvent {
  /** Undefined: what the link points at is no longer there. */
  readonly event: StoredEvent | undefined
  readonly link: StoredEvent | undefined
}

/**
 * Events of a read as a client that resolves links gets them. Those of an index (`$ce-order`) are links of its stream, whose revision is the position; nothing of
 * them is stored.
 */
export async function showEvents(
  store: EventStore,
  events: readonly StoredEvent[],
  index: string,
  isResolving: boolean,
): Promise<readonly ShownEvent[]> {
  if (index !== '') {
    return events.map((event) => {
      const link = linkOf(event, index)
      return isResolving ? { event, link } : { event: link, link: undefined }
    })
  }
  if (!isResolving || !events.some(({ type }) => type === LINK_TYPE)) {
    return events.map((event) => ({ event, link: undefined }))
  }
  // One after the other: a page of links at once would be half of all reads that may wait for the disk.
  const shown: ShownEvent[] = []
  for (const event of events) {
    const isLink = event.type === LINK_TYPE
    const found = isLink ? await resolveLink(store, event) : event
    shown.push({ event: found, link: isLink ? event : undefined })
  }
  return shown
}

function linkOf(event: StoredEvent, stream: string): StoredEvent {
  const data = Buffer.from(`${event.revision}@${event.stream}`)
  const { position } = event
  return {
    ...event,
    stream,
    revision: position,
    type: LINK_TYPE,
    isJson: false,
    data,
    metadata: NOTHING,
  }
}

const NOTHING = Buffer.alloc(0)

/** `ReadResp` of streams with an event. */
export function encodeReadEvent(shown: ShownEvent, form: UuidForm): Uint8Array {
  const size = (shown.event?.data.length ?? 0) + (shown.event?.metadata.length ?? 0)
  return new ProtobufWriter(size + 400)
    .message(1, (event) => writeReadEvent(event, shown, form))
    .finish()
}

/** The fields event, link and commit_position, which both services share. */
export function writeReadEvent(
  writer: ProtobufWriter,
  { event, link }: ShownEvent,
  form: UuidForm,
): void {
  if (event !== undefined) writeRecorded(writer, 1, event, form)
  if (link !== undefined) writeRecorded(writer, 2, link, form)
  writer.uint(3, (link ?? event)?.position ?? 0)
}

function writeRecorded(
  writer: ProtobufWriter,
  field: number,
  { id, stream, revision, position, type, isJson, atUs, metadata, data }: StoredEvent,
  form: UuidForm,
): void {
  writer.message(field, (recorded) => {
    writeUuid(recorded, 1, id, form)
    writeStreamName(recorded, 2, stream)
    recorded.uint(3, revision).uint(4, position).uint(5, position)
    recorded.message(6, (entry) => entry.text(1, 'type').text(2, type))
    recorded.message(6, (entry) =>
      entry
        .text(1, 'content-type')
        .text(2, isJson ? 'application/json' : 'application/octet-stream'),
    )
    // 100 ns since 1970: more than a number of JavaScript has.
    recorded.message(6, (entry) => entry.text(1, 'created').text(2, `${atUs}0`))
    recorded.bytes(7, metadata).bytes(8, data)
  })
}
