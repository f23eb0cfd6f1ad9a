/** What a stream must be like for an append: anything, not there, there, or with exactly this last revision. */
export type Expected = 'any' | 'none' | 'exists' | number

/** An event that is to be stored. */
export interface NewEvent {
  /** UUID in its 36 characters, lower case: the same id is the same event. */
  readonly id: string
  readonly type: string
  /** Whether `data` says that it is JSON. */
  readonly isJson: boolean
  readonly data: Uint8Array
  readonly metadata: Uint8Array
}

/** One stream of an append: one that is written, or only looked at. */
export interface AppendStream {
  readonly name: string
  readonly expected: Expected
}

/** Everything of it is stored, or nothing. */
export interface Append {
  /** Each name once. A stream that no event names is only checked. */
  readonly streams: readonly AppendStream[]
  readonly events: readonly NewEvent[]
  /** For each event the index of its stream. */
  readonly streamOf: readonly number[]
}

/** The end of a stream: its last revision, or why there is none. */
export type StreamHead = number | 'none' | 'deleted' | 'tombstoned'

/** An expectation that did not hold. */
export interface Violation {
  readonly stream: string
  readonly expected: Expected
  readonly actual: StreamHead
}

/** What became of an append. */
export type AppendOutcome =
  | {
      readonly kind: 'appended'
      /** Of its last event in the order of all; -1 where it had none. */
      readonly position: number
      /**
       * Last revision of each stream that was written, in the order of the request; -1 for one that was only looked at. An append without events tells all: -1
       * where the stream is not there.
       */
      readonly revisions: readonly number[]
      /** It was there already: the answer is that of the first time. */
      readonly isRepeated: boolean
    }
  | { readonly kind: 'conflict'; readonly violations: readonly [Violation, ...Violation[]] }

/** The end of a stream by demand: soft (it may begin again) or for ever. */
export interface Deletion {
  readonly stream: string
  readonly expected: Expected
  readonly isForEver: boolean
}

/** An event as it is stored. */
export interface StoredEvent extends NewEvent {
  /** In the order of all events: 0, 1, 2, without a gap until something is scavenged. */
  readonly position: number
  readonly stream: string
  readonly revision: number
  /** When it was committed, microseconds since 1970; never before that of an earlier position. */
  readonly atUs: number
}

/** Which events of `$all` are wanted: by what their stream or type is called. */
export interface EventFilter {
  readonly on: 'stream' | 'type'
  /** Any of these beginnings; empty: the expression decides. */
  readonly prefixes: readonly string[]
  /** RE2: linear in the length of the name. '': none. */
  readonly expression: string
}

/** Where a read takes place. */
export type ReadSource =
  | { readonly kind: 'all'; readonly filter: EventFilter | undefined }
  | { readonly kind: 'stream'; readonly name: string }
  | { readonly kind: 'category'; readonly name: string }
  | { readonly kind: 'type'; readonly name: string }

/** One page of a read. */
export interface ReadRequest {
  readonly source: ReadSource
  /** Revision in a stream, else position; inclusive. 'end': the last one, backwards. */
  readonly from: number | 'end'
  readonly isBackwards: boolean
  readonly eventsMax: number
  /** A page ends at the event with which it becomes as large. */
  readonly bytesMax: number
  /** With a filter: events that are looked at, at most. */
  readonly windowMax: number
  /** For `$maxAge`. */
  readonly nowUs: number
}

/** What a page has. */
export interface ReadPage {
  readonly events: readonly StoredEvent[]
  /** Where the next page begins: revision or position, inclusive; -1 beyond the beginning. */
  readonly next: number
  /** There is nothing more in this direction, for now. */
  readonly isEnd: boolean
  /** Of the stream that is read; of all others 0 and up. */
  readonly head: StreamHead
}

/** Settings that the metadata of a stream says: `$tb`, `$maxCount`, `$maxAge`. */
export interface StreamBounds {
  readonly truncateBefore: number
  /** 0: none. */
  readonly countMax: number
  /** 0: none. */
  readonly ageUsMax: number
}

/** The type of the events that say the metadata of a stream. */
export const METADATA_TYPE = '$metadata'
/** The type of the event that ends a stream for ever. */
export const TOMBSTONE_TYPE = '$streamDeleted'
/** `$tb` of a stream that was deleted and may begin again: the largest number of KurrentDB's clients. */
export const DELETED_TB = '9223372036854775807'

/** The stream that has the metadata of another. */
export function metadataStreamOf(stream: string): string {
  return `$$${stream}`
}

/** The stream whose metadata this one has; '' for another stream. */
export function describedBy(stream: string): string {
  return stream.startsWith('$$') ? stream.slice(2) : ''
}

/** `order` of `order-17`; '' where there is none, and for system streams. */
export function categoryOf(stream: string): string {
  if (stream.startsWith('$')) return ''
  const dash = stream.indexOf('-')
  return dash <= 0 ? '' : stream.slice(0, dash)
}
