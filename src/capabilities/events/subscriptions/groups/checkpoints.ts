import { randomUUID } from 'node:crypto'
import { metadataStreamOf, METADATA_TYPE } from '../../model.ts'
import type { EventStore } from '../../store.ts'

/** Handled events behind a gap that a checkpoint remembers. */
export const AHEAD_MAX = 1_000

/** How far a group has come. */
export interface Checkpoint {
  /** The first revision or position that is not handled. */
  readonly next: number
  /** Handled all the same, behind it. */
  readonly ahead: readonly number[]
}

/** The stream in which a group remembers how far it has come: only the newest is kept. */
export class Checkpoints {
  readonly #store: EventStore
  readonly #stream: string
  #isBounded = false

  constructor(store: EventStore, stream: string) {
    this.#store = store
    this.#stream = stream
  }

  async load(): Promise<Checkpoint | undefined> {
    const { events } = await this.#store.readPage({
      source: { kind: 'stream', name: this.#stream },
      from: 'end',
      isBackwards: true,
      eventsMax: 1,
    })
    const [newest] = events
    if (newest === undefined) return undefined
    this.#isBounded = true
    return JSON.parse(Buffer.from(newest.data).toString('utf8')) as Checkpoint
  }

  async save(checkpoint: Checkpoint): Promise<void> {
    if (!this.#isBounded) {
      const bounds = { $maxCount: 1 }
      await this.#append(metadataStreamOf(this.#stream), METADATA_TYPE, bounds)
      this.#isBounded = true
    }
    await this.#append(this.#stream, '$SubscriptionCheckpoint', checkpoint)
  }

  async #append(name: string, type: string, said: object): Promise<void> {
    const data = Buffer.from(JSON.stringify(said))
    const metadata = Buffer.alloc(0)
    await this.#store.engine.append({
      streams: [{ name, expected: 'any' }],
      events: [{ id: randomUUID(), type, isJson: true, data, metadata }],
      streamOf: [0],
    })
  }
}
