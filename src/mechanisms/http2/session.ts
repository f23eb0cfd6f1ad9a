import { dropIfOver, failSession, resetStream, writeGoAway } from './ending.ts'
import { FrameReader } from './frame-reader.ts'
import {
  FIRST_WINDOW_BYTES,
  FRAME,
  H2_ERROR,
  PREFACE,
  SETTING,
  STREAM_ID_MAX,
  writeUint16,
  writeUint32,
} from './frames.ts'
import type { Http2Output } from './output.ts'
import { beginData, consume, takePiece } from './receive-data.ts'
import { mayCome, PING_BYTES, takeFrame } from './receive-frames.ts'
import type { Http2Sender } from './sender.ts'
import {
  createSessionState,
  type Http2Events,
  type Http2SessionOptions,
  type SessionState,
} from './session-state.ts'
import { SETTING_BYTES, type PeerSettings } from './settings.ts'
import { createHttp2Stream, type Http2Stream } from './stream.ts'

/**
 * One HTTP/2 connection without its socket (RFC 9113): bytes in by `receive`, frames out into `output`. It knows frames, streams and windows, and nothing of
 * requests. All that a peer can make us do or keep is bounded; a peer that breaks the rules of a stream loses that, of the connection all.
 */
export class Http2Session<S> {
  readonly #state: SessionState<S>
  readonly #reader: FrameReader

  constructor(options: Http2SessionOptions, output: Http2Output, events: Http2Events<S>) {
    const state = createSessionState<S>(options, output, events, (stream) =>
      dropIfOver(state, stream),
    )
    this.#state = state
    this.#reader = new FrameReader({
      get isFailed() {
        return state.isFailed
      },
      beginData(streamId, flags, length) {
        if (mayCome(state, FRAME.data, flags)) beginData(state, streamId, flags, length)
      },
      dataPiece: (bytes, start, end, left) => takePiece(state, bytes, start, end, left),
      frame: (type, flags, streamId, bytes, start, end) =>
        takeFrame(state, type, flags, streamId, bytes, start, end),
      failFrame: (code) => failSession(state, code, 'a frame is larger than was agreed'),
    })
  }

  /** What the peer has said of itself. */
  get peer(): PeerSettings {
    return this.#state.peer
  }

  /** Heads, payload and ends go out by it. */
  get sender(): Http2Sender<S> {
    return this.#state.sender
  }

  /** Ended from our side, for what the peer did. */
  get isFailed(): boolean {
    return this.#state.isFailed
  }

  /** No new stream may be opened; those that are there end in peace. */
  get isGoingAway(): boolean {
    return this.#state.isGoingAway
  }

  /** Open streams. */
  get streamCount(): number {
    return this.#state.streams.size
  }

  /** All open streams. */
  streams(): Iterable<Http2Stream<S>> {
    return this.#state.streams.values()
  }

  /** What has begun to come is not whole: half a preface, half a frame, or half a block. */
  get isMidway(): boolean {
    const { prefaceLeft, blocks } = this.#state
    return prefaceLeft > 0 || this.#reader.isMidFrame || blocks.isOpen
  }

  /** Whether another stream may be opened, at a client. */
  get mayOpen(): boolean {
    const { isFailed, isGoingAway, nextId, streams, peer } = this.#state
    return !isFailed && !isGoingAway && nextId <= STREAM_ID_MAX && streams.size < peer.streamsMax
  }

  /** The first words: the preface of a client, settings, and the window of the connection. */
  start(): void {
    const { sender, output, options } = this.#state
    const isServer = options.role === 'server'
    if (!isServer) {
      output.reserve(PREFACE.length)
      output.bytes.set(PREFACE, output.end)
      output.end += PREFACE.length
    }
    const settings: readonly (readonly [id: number, value: number])[] = [
      isServer ? [SETTING.streamsMax, options.streamsMax] : [SETTING.enablePush, 0],
      ...(isServer ? [[SETTING.enableConnect, 1] as const] : []),
      [SETTING.initialWindow, options.streamWindow],
      [SETTING.headerListMax, options.headBytesMax],
    ]
    let at = sender.frame(FRAME.settings, 0, 0, settings.length * SETTING_BYTES)
    for (const [id, value] of settings) {
      at = writeUint32(output.bytes, writeUint16(output.bytes, at, id), value)
    }
    const more = options.connectionWindow - FIRST_WINDOW_BYTES
    if (more > 0) sender.frameOfNumber(FRAME.windowUpdate, 0, more)
  }

  /** Bytes of the peer; nothing of them is kept but by copy. Monotonic milliseconds. */
  receive(bytes: Buffer, start: number, end: number, nowMs: number): void {
    const state = this.#state
    if (state.isFailed) return
    state.noise.advance(nowMs)
    state.resets.advance(nowMs)
    const at = state.prefaceLeft > 0 ? readPreface(state, bytes, start, end) : start
    this.#reader.read(bytes, at, end)
    if (state.hasOpened && !state.isFailed) this.resume()
  }

  /** The output is empty again: what waits for it goes on. */
  resume(): void {
    this.#state.hasOpened = false
    this.#state.sender.resume()
  }

  /** A new stream of a client; `mayOpen` must be true. */
  open(owner: S): Http2Stream<S> {
    const state = this.#state
    const { initialWindow } = state.peer
    const stream = createHttp2Stream<S>(state.nextId, initialWindow, state.options.streamWindow)
    stream.owner = owner
    state.nextId += 2
    state.streams.set(stream.id, stream)
    return stream
  }

  /** The owner has used so many bytes of payload: the peer may send as many more. */
  consumed(stream: Http2Stream<S>, count: number): void {
    if (!stream.isGone) consume(this.#state, stream, count)
  }

  /** Gives a stream up. Nothing where it is over. */
  reset(stream: Http2Stream<S>, code: number): void {
    resetStream(this.#state, stream, code)
  }

  /** Ends the connection for what the peer did. */
  fail(code: number, detail: string): void {
    failSession(this.#state, code, detail)
  }

  /** Asks whether the peer is still there; what it answers is a read like others. */
  ping(): void {
    const { sender, output } = this.#state
    const at = sender.frame(FRAME.ping, 0, 0, PING_BYTES)
    output.bytes.fill(0, at, at + PING_BYTES)
  }

  /** Says that no stream is taken any more: first those that are on their way (`mayArrive`) still are, then none. */
  goAway(mayArrive: boolean): void {
    const state = this.#state
    if (state.isFailed) return
    state.isGoingAway = true
    if (!mayArrive) state.lastTakenId = state.lastPeerId
    writeGoAway(state, mayArrive ? STREAM_ID_MAX : state.lastPeerId, H2_ERROR.noError, '')
  }
}

function readPreface<S>(state: SessionState<S>, bytes: Buffer, start: number, end: number): number {
  const seen = PREFACE.length - state.prefaceLeft
  const length = Math.min(state.prefaceLeft, end - start)
  for (let at = 0; at < length; at++) {
    if (bytes[start + at] === PREFACE[seen + at]) continue
    failSession(state, H2_ERROR.protocol, 'no HTTP/2 preface')
    return end
  }
  state.prefaceLeft -= length
  return start + length
}
