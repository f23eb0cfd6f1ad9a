import { HpackDecoder } from '../hpack/decoder.ts'
import { ClosedStreams } from './closed-streams.ts'
import { PREFACE, STREAM_ID_MAX } from './frames.ts'
import { HeaderBlocks } from './header-blocks.ts'
import type { Http2Output } from './output.ts'
import { NOISE, Patience, RESETS } from './patience.ts'
import { Http2Sender } from './sender.ts'
import { createPeerSettings, type PeerSettings } from './settings.ts'
import type { Http2Stream } from './stream.ts'

/** The table that a peer may use for its blocks: the standard's own size. */
const TABLE_BYTES = 4_096

/** What one side of a connection offers. */
export interface Http2SessionOptions {
  readonly role: 'server' | 'client'
  /** Streams that the peer may have open at once. */
  readonly streamsMax: number
  /** Bytes that the peer may send before they are consumed: on one stream, and on all of them. At least 65,535. */
  readonly streamWindow: number
  readonly connectionWindow: number
  /** The connection's window opens as bytes come, not as they are consumed: a slow reader then holds back nobody but itself. */
  readonly opensOnReceipt: boolean
  /** Told to the peer as the largest list of fields; a block may be twice as long before the connection ends. */
  readonly headBytesMax: number
}

/** Why a connection ended from our side: the peer broke its rules, or asked too much. */
export type Http2FailureKind = 'protocol' | 'flood'

/** Which rule of one stream the peer broke. */
export type Http2Mistake = 'content-length' | 'trailers' | 'windows' | 'closed' | 'frame'

/** What a session tells. What it is told about a stream may be answered at once. */
export interface Http2Events<S> {
  /**
   * A block: a request at a server; an answer, interim or final, at a client. It must be read to its end from `decoder`. Returns 0, or 1 for an interim
   * answer, or a negative number for a block that is no HPACK.
   */
  head(stream: Http2Stream<S>, decoder: HpackDecoder, isEnd: boolean): number
  /** The block behind the body, to be read as above. The stream has ended with it. */
  trailers(stream: Http2Stream<S>, decoder: HpackDecoder): number
  /** Payload; `isEnd`: nothing comes behind it. To be acknowledged by `consumed`. */
  data(stream: Http2Stream<S>, bytes: Buffer, start: number, end: number, isEnd: boolean): void
  /** The peer has given the stream up: it is gone. */
  reset(stream: Http2Stream<S>, code: number): void
  /** The peer broke a rule of the stream: it is reset with this code behind what is answered now. */
  mistaken(stream: Http2Stream<S>, code: number, mistake: Http2Mistake): void
  /** At a client: the peer never looked at it. */
  refused(stream: Http2Stream<S>): void
  /** More may be sent. */
  writable(stream: Http2Stream<S>): void
  /** The peer's settings are there, or have changed. */
  settled(): void
  /** The peer opens no more, and takes no more. */
  goingAway(code: number): void
  /** The connection ends for what the peer did: what is in the output is the last word. */
  failed(kind: Http2FailureKind, code: number, detail: string): void
}

/** All that one session knows. */
export interface SessionState<S> {
  readonly options: Http2SessionOptions
  readonly events: Http2Events<S>
  readonly output: Http2Output
  readonly sender: Http2Sender<S>
  readonly peer: PeerSettings
  readonly decoder: HpackDecoder
  readonly blocks: HeaderBlocks
  readonly streams: Map<number, Http2Stream<S>>
  readonly closed: ClosedStreams
  readonly noise: Patience
  readonly resets: Patience
  /** Ended from our side. */
  isFailed: boolean
  /** No new stream may be opened; those that are there end in peace. */
  isGoingAway: boolean
  prefaceLeft: number
  isFirstFrame: boolean
  /** The last stream of the peer, and the last one that a GOAWAY of ours leaves to it. */
  lastPeerId: number
  lastTakenId: number
  nextId: number
  receiveWindow: number
  uncredited: number
  /** A window has opened: what waits may go on. */
  hasOpened: boolean
  readonly data: DataFrame<S>
}

/** The DATA frame that is being read. */
export interface DataFrame<S> {
  /** Null: it is thrown away. */
  stream: Http2Stream<S> | null
  isEnd: boolean
  /** The first byte is the length of the padding. */
  isPadded: boolean
  /** Bytes at the end that are no payload. */
  padding: number
  length: number
}

/** A session at its beginning. `localEnd` and `earn` are what its sender tells. */
export function createSessionState<S>(
  options: Http2SessionOptions,
  output: Http2Output,
  events: Http2Events<S>,
  localEnd: (stream: Http2Stream<S>) => void,
): SessionState<S> {
  // An instance is ours, and its failure would be that of many requests.
  const trust = options.role === 'client' ? NOISE.trust : 1
  const noise = new Patience(NOISE.max * trust, NOISE.perSecond * trust)
  return {
    options,
    events,
    output,
    sender: new Http2Sender(output, {
      writable: (stream) => events.writable(stream),
      localEnd,
      earn: () => noise.earn(NOISE.earnedByData),
    }),
    peer: createPeerSettings(),
    decoder: new HpackDecoder(TABLE_BYTES),
    blocks: new HeaderBlocks(options.headBytesMax * 2),
    streams: new Map(),
    closed: new ClosedStreams(),
    noise,
    resets: new Patience(RESETS.max, RESETS.perSecond),
    isFailed: false,
    isGoingAway: false,
    prefaceLeft: options.role === 'server' ? PREFACE.length : 0,
    isFirstFrame: true,
    lastPeerId: 0,
    lastTakenId: STREAM_ID_MAX,
    nextId: 1,
    receiveWindow: options.connectionWindow,
    uncredited: 0,
    hasOpened: false,
    data: { stream: null, isEnd: false, isPadded: false, padding: 0, length: 0 },
  }
}
