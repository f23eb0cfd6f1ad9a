import type { StoredEvent } from '../../model.ts'
import type { Strategy } from './group-model.ts'

/** What keeps together: the stream, or the correlation that the metadata says. */
export function keyOf(strategy: Strategy, event: Pick<StoredEvent, 'stream' | 'metadata'>): string {
  if (strategy !== 'PinnedByCorrelation') return event.stream
  try {
    const said: unknown = JSON.parse(Buffer.from(event.metadata).toString('utf8'))
    const id =
      typeof said === 'object' && said !== null && Object.hasOwn(said, '$correlationId')
        ? (said as Record<'$correlationId', unknown>).$correlationId
        : undefined
    return typeof id === 'string' ? id : event.stream
  } catch {
    return event.stream
  }
}
