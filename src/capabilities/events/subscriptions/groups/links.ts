import type { StoredEvent } from '../../model.ts'
import type { EventStore } from '../../store.ts'

/** The type of an event that only points at another. */
export const LINK_TYPE = '$>'

/** What a link points at: `17@order-1`. Undefined where the text is none. */
export function parseLink(
  data: Uint8Array,
): { readonly stream: string; readonly revision: number } | undefined {
  const text = Buffer.from(data.buffer, data.byteOffset, data.length).toString('utf8')
  const match = /^(\d{1,15})@(.+)$/s.exec(text)
  return match === null ? undefined : { revision: Number(match[1]), stream: match[2] ?? '' }
}

/** The event that a link points at; undefined where it is no longer there, or the event is no link. */
export async function resolveLink(
  store: EventStore,
  event: StoredEvent,
): Promise<StoredEvent | undefined> {
  const target = event.type === LINK_TYPE ? parseLink(event.data) : undefined
  if (target === undefined) return undefined
  const page = await store.readPage({
    source: { kind: 'stream', name: target.stream },
    from: target.revision,
    isBackwards: false,
    eventsMax: 1,
  })
  const [found] = page.events
  return found?.revision === target.revision ? found : undefined
}
