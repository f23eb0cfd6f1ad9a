import { randomUUID } from 'node:crypto'
import { metadataStreamOf, METADATA_TYPE, type StoredEvent } from '../../model.ts'
import type { EventStore } from '../../store.ts'
import { LINK_TYPE, parseLink, resolveLink } from './links.ts'

const NOTHING = Buffer.alloc(0)
const PAGE_EVENTS = 200

/** A parked event as people see it. */
export interface ParkedEvent {
  /** In the stream of parked events. */
  readonly revision: number
  readonly key: string
  readonly reason: string
  readonly atUs: number
  /** `17@order-1`. */
  readonly of: string
  /** Undefined where it is no longer there. */
  readonly event: StoredEvent | undefined
}

/** The stream of events that a group could not handle: links, which say why. */
export class ParkedEvents {
  readonly #store: EventStore
  readonly #stream: string

  constructor(store: EventStore, stream: string) {
    this.#store = store
    this.#stream = stream
  }

  /** Resolves when it is stored. Gives its revision here. */
  async add(
    { stream, revision }: Pick<StoredEvent, 'stream' | 'revision'>,
    key: string,
    reason: string,
  ): Promise<number> {
    const outcome = await this.#store.engine.append({
      streams: [{ name: this.#stream, expected: 'any' }],
      events: [
        {
          id: randomUUID(),
          type: LINK_TYPE,
          isJson: false,
          data: Buffer.from(`${revision}@${stream}`),
          metadata: Buffer.from(JSON.stringify({ key, reason: reason.slice(0, 1_000) })),
        },
      ],
      streamOf: [0],
    })
    if (outcome.kind !== 'appended') throw new TypeError(`${this.#stream} takes nothing`)
    return outcome.revisions[0] ?? 0
  }

  /** Where it begins and ends: the first that is there, and behind the last. */
  async range(): Promise<{ readonly first: number; readonly end: number }> {
    const { head, bounds } = await this.#store.engine.stream(this.#stream)
    const end = typeof head === 'number' ? head + 1 : 0
    return { first: Math.min(bounds.truncateBefore, end), end }
  }

  /** In order, from a revision on; what they point at where it is wanted. */
  async *read(from: number, isResolved: boolean): AsyncGenerator<ParkedEvent, void, undefined> {
    for (let next = from, isEnd = false; !isEnd;) {
      const page = await this.#store.readPage({
        source: { kind: 'stream', name: this.#stream },
        from: next,
        isBackwards: false,
        eventsMax: PAGE_EVENTS,
      })
      for (const link of page.events) {
        const event = isResolved ? await resolveLink(this.#store, link) : undefined
        const target = parseLink(link.data)
        const of = target === undefined ? '' : `${target.revision}@${target.stream}`
        yield { revision: link.revision, atUs: link.atUs, of, event, ...describe(link.metadata) }
      }
      next = page.next
      isEnd = page.isEnd
    }
  }

  /** Nothing below this revision is needed any more. */
  async forget(before: number): Promise<void> {
    await this.#store.engine.append({
      streams: [{ name: metadataStreamOf(this.#stream), expected: 'any' }],
      events: [
        {
          id: randomUUID(),
          type: METADATA_TYPE,
          isJson: true,
          data: Buffer.from(JSON.stringify({ $tb: before })),
          metadata: NOTHING,
        },
      ],
      streamOf: [0],
    })
  }
}

function describe(metadata: Uint8Array): { readonly key: string; readonly reason: string } {
  try {
    const said = JSON.parse(Buffer.from(metadata).toString('utf8')) as {
      readonly key?: string
      readonly reason?: string
    }
    return { key: said.key ?? '', reason: said.reason ?? '' }
  } catch {
    return { key: '', reason: '' }
  }
}
