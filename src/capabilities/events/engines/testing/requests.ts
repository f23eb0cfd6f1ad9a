import { randomUUID } from 'node:crypto'
import type { Append, Expected, NewEvent, ReadRequest, ReadSource } from '../../model.ts'

/** An event of a test: JSON with one number. */
export function testEvent(given: Partial<NewEvent> = {}): NewEvent {
  return {
    id: randomUUID(),
    type: 'counted',
    isJson: true,
    data: Buffer.from('{"n":1}'),
    metadata: Buffer.alloc(0),
    ...given,
  }
}

/** An append to one stream. */
export function appendTo(name: string, expected: Expected, events: readonly NewEvent[]): Append {
  return { streams: [{ name, expected }], events, streamOf: events.map(() => 0) }
}

/** A read from the beginning. */
export function readOf(source: ReadSource, given: Partial<ReadRequest> = {}): ReadRequest {
  return {
    source,
    from: 0,
    isBackwards: false,
    eventsMax: 1_000,
    bytesMax: 1 << 20,
    windowMax: 1_000,
    nowUs: 0,
    ...given,
  }
}

/** Everything, or one stream. */
export const ALL = { kind: 'all', filter: undefined } as const satisfies ReadSource
export const streamSource = (name: string): ReadSource => ({ kind: 'stream', name })
