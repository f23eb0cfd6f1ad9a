import type { EventFilter, ReadSource, StoredEvent } from '../../model.ts'

/**
 * Who gets the next event: each in turn; the oldest consumer while it takes any; always the same consumer for a stream, or for a correlation; or, ordered: whoever is
 * free, but one event of a stream at a time, so that no two of a stream are ever out of order, and one that is parked holds back its own stream only.
 */
export const STRATEGIES = [
  'RoundRobin',
  'DispatchToSingle',
  'Pinned',
  'PinnedByCorrelation',
  'Ordered',
] as const
export type Strategy = (typeof STRATEGIES)[number]

/** How a group is kept. The names are those of KurrentDB's clients. */
export interface GroupSettings {
  readonly strategy: Strategy
  readonly resolveLinks: boolean
  /** The first event: revision of a stream, position of `$all`; 'end' is resolved when the group is made. */
  readonly startFrom: number | 'end'
  /** A consumer that says nothing of an event for so long has not handled it. */
  readonly messageTimeoutMs: number
  /** After so many retries an event is parked. */
  readonly maxRetryCount: number
  /** Before the first retry; doubled for each further one, up to a minute. 0: at once. */
  readonly retryDelayMs: number
  /** Events that are read ahead. */
  readonly bufferSize: number
  readonly checkpointAfterMs: number
  readonly checkpointCountMin: number
  readonly checkpointCountMax: number
  /** 0: as many as want. */
  readonly maxSubscriberCount: number
  /** Sizes that clients set and see again; the store decides by itself how much it reads. */
  readonly historyBufferSize: number
  readonly readBatchSize: number
  readonly extraStatistics: boolean
}

/** What holds where nothing is said. */
export const GROUP_DEFAULTS: GroupSettings = {
  strategy: 'RoundRobin',
  resolveLinks: false,
  startFrom: 'end',
  messageTimeoutMs: 30_000,
  maxRetryCount: 10,
  retryDelayMs: 0,
  bufferSize: 500,
  checkpointAfterMs: 2_000,
  checkpointCountMin: 10,
  checkpointCountMax: 1_000,
  maxSubscriberCount: 0,
  historyBufferSize: 500,
  readBatchSize: 20,
  extraStatistics: false,
}

/** A group as it is stored. */
export interface GroupConfig {
  /** `$all` for everything. */
  readonly stream: string
  readonly name: string
  /** Of `$all`. */
  readonly filter: EventFilter | undefined
  readonly settings: GroupSettings
}

/** What a consumer gets. */
export interface Delivery {
  /** What acks and nacks name: that of the link, where there is one. */
  readonly id: string
  /** The event, resolved where the group resolves links and the target is there. */
  readonly event: StoredEvent
  readonly link: StoredEvent | undefined
  readonly retryCount: number
}

/** One end that handles events of a group. */
export interface Consumer {
  /** For people. */
  readonly name: string
  /** Events that it takes before it has acknowledged any. */
  readonly slots: number
  push(delivery: Delivery): void
  /** It has not taken what was pushed: leases end meanwhile, and nothing more is pushed until `ready`. */
  isBehind?(): boolean
  /** The group takes no more of it: it was deleted, or the consumer said stop. */
  dropped(reason: 'deleted' | 'stopped' | 'failed', error?: unknown): void
}

/** What a consumer says of events that it could not handle. */
export type NackAction = 'retry' | 'park' | 'skip' | 'stop'

/** What a consumer may say. Of an event that is not in flight at it nothing is believed; it is counted. */
export interface Membership {
  ack(ids: readonly string[]): void
  nack(ids: readonly string[], action: NackAction, reason: string): void
  /** It is not behind any more. */
  ready(): void
  leave(): void
}

/** How a group is, for people. */
export interface GroupView {
  readonly stream: string
  readonly name: string
  readonly settings: GroupSettings
  readonly consumers: readonly {
    readonly name: string
    readonly inFlight: number
    readonly slots: number
    readonly handled: number
  }[]
  readonly isReading: boolean
  /** Where it would go on after a restart: the next revision or position. */
  readonly checkpoint: number
  /** Events of `$all` behind the checkpoint; of a stream those of the stream. */
  readonly lag: number
  readonly inFlight: number
  readonly waiting: number
  readonly parked: number
  readonly handled: number
  readonly retried: number
  /** Of the oldest event that was read and is not handled; 0: none. */
  readonly oldestUnhandledMs: number
  /** Acks and nacks of what was not in flight. */
  readonly unknownAnswers: number
  readonly failure: string
}

/** What the events of a group come from. */
export function groupSource({ stream, filter }: GroupConfig): ReadSource {
  if (stream === '$all') return { kind: 'all', filter }
  if (stream.startsWith('$ce-')) return { kind: 'category', name: stream.slice(4) }
  if (stream.startsWith('$et-')) return { kind: 'type', name: stream.slice(4) }
  return { kind: 'stream', name: stream }
}

/** The streams in which a group keeps itself. */
export function groupStream(
  { stream, name }: Pick<GroupConfig, 'stream' | 'name'>,
  what: 'parked' | 'checkpoint',
): string {
  return `$persistentsubscription-${stream}::${name}-${what}`
}
