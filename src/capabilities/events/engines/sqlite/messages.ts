import type { ThreadFailure } from '../../../../platform/storage/messages.ts'
import type {
  AppendOutcome,
  AppendStream,
  Deletion,
  ReadRequest,
  StreamBounds,
  StreamHead,
} from '../../model.ts'
import type { ScavengeResult, ScavengeStep, StreamEntry } from '../engine.ts'

/** One of the requests of a group. */
export type PackedWrite =
  | {
      readonly kind: 'append'
      readonly streams: readonly AppendStream[]
      /** Where its events are in the bytes of the group. */
      readonly from: number
      readonly to: number
    }
  | ({ readonly kind: 'remove'; readonly id: string } & Deletion)

/** To the thread that writes. */
export type ToWriter =
  | {
      readonly type: 'group'
      readonly ask: number
      readonly writes: readonly PackedWrite[]
      readonly bytes: Uint8Array
      readonly nowUs: number
    }
  | { readonly type: 'scavenge'; readonly ask: number; readonly step: ScavengeStep }
  | { readonly type: 'backup'; readonly ask: number; readonly file: string }
  | { readonly type: 'close'; readonly ask: number }

/** To the thread that reads. */
export type ToReader =
  | { readonly type: 'read'; readonly ask: number; readonly request: ReadRequest }
  | { readonly type: 'stream'; readonly ask: number; readonly name: string }
  | {
      readonly type: 'streams'
      readonly ask: number
      readonly prefix: string
      readonly after: string
      readonly countMax: number
    }
  | { readonly type: 'position-at'; readonly ask: number; readonly atUs: number }
  | { readonly type: 'close'; readonly ask: number }

/** A page whose events are still packed. */
export interface PackedPage {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly next: number
  readonly isEnd: boolean
  readonly head: StreamHead
}

/** What a stream is and what bounds it. */
export interface StreamFacts {
  readonly head: StreamHead
  readonly bounds: StreamBounds
}

/** What a thread answers, by its question. */
export type Answer =
  | {
      readonly type: 'group'
      readonly outcomes: readonly AppendOutcome[]
      /** Behind the last event. */
      readonly end: number
    }
  | { readonly type: 'page'; readonly page: PackedPage }
  | { readonly type: 'stream'; readonly facts: StreamFacts }
  | { readonly type: 'streams'; readonly streams: readonly StreamEntry[] }
  | { readonly type: 'number'; readonly value: number }
  | { readonly type: 'scavenged'; readonly result: ScavengeResult }
  | { readonly type: 'done' }

/** From a thread. */
export type FromThread =
  | { readonly type: 'open'; readonly end: number }
  | { readonly type: 'not-open'; readonly message: string }
  | { readonly type: 'answer'; readonly ask: number; readonly answer: Answer }
  | {
      readonly type: 'failed'
      readonly ask: number
      readonly failure: EngineFailure
    }

/** An error that crosses the boundary of a thread. */
export interface EngineFailure {
  readonly code: ThreadFailure['code'] | 'ERR_EVENTS_CORRUPT' | 'ERR_EVENTS_FILTER_INVALID'
  readonly message: string
}
