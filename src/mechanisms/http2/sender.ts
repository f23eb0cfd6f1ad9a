import {
  FIRST_WINDOW_BYTES,
  FLAG,
  FRAME,
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  WINDOW_BYTES_MAX,
  writeFrameHeader,
  writeUint32,
} from './frames.ts'
import { writeTableSize } from '../hpack/encoder.ts'
import type { Http2Output } from './output.ts'
import type { Http2Stream } from './stream.ts'

/** Payload of a frame that is worth its window updates; smaller ones earn a peer nothing. */
const WORTHY_BYTES = 512
/** What the header of a frame and a change of the table's size take. */
const BLOCK_ROOM_BYTES = FRAME_HEADER_BYTES + 2

/** What a sender tells. */
export interface SenderEvents<S> {
  /** What waited on the stream, or most of it, is on its way. */
  writable(stream: Http2Stream<S>): void
  /** The last byte of a stream is framed. */
  localEnd(stream: Http2Stream<S>): void
  /** A frame that was worth its while has left. */
  earn(): void
}

/** The sending side of a session: frames, windows, and what waits for them. A stream with much to send does not keep the others waiting. */
export class Http2Sender<S> {
  /** Bytes that we may send on all streams together. */
  window = FIRST_WINDOW_BYTES
  readonly #output: Http2Output
  readonly #events: SenderEvents<S>
  /** Streams with something that waits, in the order of their turns. */
  #waiting: Http2Stream<S>[] = []
  #mustResize = false

  constructor(output: Http2Output, events: SenderEvents<S>) {
    this.#output = output
    this.#events = events
  }

  /** A frame without payload, or with a small one: its payload is written at the position that is returned. */
  frame(type: number, flags: number, streamId: number, length: number): number {
    const output = this.#output
    output.reserve(FRAME_HEADER_BYTES + length)
    const at = writeFrameHeader(output.bytes, output.end, length, type, flags, streamId)
    output.end = at + length
    return at
  }

  /** A frame whose payload are four bytes. */
  frameOfNumber(type: number, streamId: number, value: number): void {
    const at = this.frame(type, 0, streamId, 4)
    writeUint32(this.#output.bytes, at, value)
  }

  /** The peer has made its table smaller: the next block says that we use none (RFC 7541 section 4.2). */
  tableShrunk(): void {
    this.#mustResize = true
  }

  /** Room for a header block of at most `count` bytes. It is written to `bytes` of the output from the returned position on, and closed by `endBlock`. */
  beginBlock(count: number): number {
    const output = this.#output
    output.reserve(count + BLOCK_ROOM_BYTES)
    const at = output.end + FRAME_HEADER_BYTES
    if (!this.#mustResize) return at
    this.#mustResize = false
    return writeTableSize(output.bytes, at, 0)
  }

  /** The block that was begun ends at `end`. */
  endBlock(stream: Http2Stream<S>, end: number, isEnd: boolean): void {
    const output = this.#output
    const start = output.end + FRAME_HEADER_BYTES
    const length = end - start
    const flags = isEnd ? FLAG.endStream : 0
    if (length > FRAME_BYTES_MAX) {
      this.#splitBlock(stream.id, Buffer.from(output.bytes.subarray(start, end)), flags)
    } else {
      const all = flags | FLAG.endHeaders
      writeFrameHeader(output.bytes, output.end, length, FRAME.headers, all, stream.id)
      output.end = end
    }
    if (isEnd) this.#ended(stream)
  }

  #splitBlock(streamId: number, block: Uint8Array, flags: number): void {
    for (let at = 0; at < block.length; at += FRAME_BYTES_MAX) {
      const next = Math.min(block.length, at + FRAME_BYTES_MAX)
      const type = at === 0 ? FRAME.headers : FRAME.continuation
      const last = next === block.length ? FLAG.endHeaders : 0
      const start = this.frame(type, (at === 0 ? flags : 0) | last, streamId, next - at)
      this.#output.bytes.set(block.subarray(at, next), start)
    }
  }

  /** Payload: what the windows and the output take leaves at once, the rest is copied and waits. */
  send(
    stream: Http2Stream<S>,
    bytes: Uint8Array,
    start: number,
    end: number,
    isEnd: boolean,
  ): void {
    if (stream.isGone || stream.isLocalEnded) return
    const next = stream.isWaiting ? start : this.#frameData(stream, bytes, start, end, isEnd)
    if (next < end) {
      // A copy: `slice` of a Buffer is none.
      stream.queue.push(Uint8Array.prototype.slice.call(bytes, next, end))
      stream.queuedBytes += end - next
    }
    if (isEnd && !stream.isLocalEnded) stream.ending = 'end'
    if ((next < end || stream.ending !== 'open') && !stream.isLocalEnded) this.#wait(stream)
  }

  /** The end of a stream behind all that was sent, with a block of trailers where there is one. */
  end(stream: Http2Stream<S>, trailers: Uint8Array | null): void {
    if (stream.isGone || stream.isLocalEnded) return
    stream.ending = trailers ?? 'end'
    if (stream.isWaiting) return
    this.#sendEnding(stream)
  }

  /** Frames as many bytes as may be; returns the position behind them. An empty range is framed only as the end. */
  #frameData(
    stream: Http2Stream<S>,
    bytes: Uint8Array,
    start: number,
    end: number,
    isEnd: boolean,
  ): number {
    const output = this.#output
    let at = start
    while (at < end && !output.isFull) {
      const room = Math.min(FRAME_BYTES_MAX, stream.sendWindow, this.window)
      if (room <= 0) return at
      const length = Math.min(room, end - at)
      const isLast = isEnd && at + length === end
      this.#frameOnce(stream, bytes, at, length, isLast)
      at += length
      if (isLast) return at
    }
    if (isEnd && start === end) this.#frameOnce(stream, bytes, start, 0, true)
    return at
  }

  #frameOnce(
    stream: Http2Stream<S>,
    bytes: Uint8Array,
    start: number,
    length: number,
    isLast: boolean,
  ): void {
    const flags = isLast ? FLAG.endStream : 0
    const at = this.frame(FRAME.data, flags, stream.id, length)
    if (length > 0) copy.call(bytes, this.#output.bytes, at, start, start + length)
    stream.sendWindow -= length
    this.window -= length
    if (length >= WORTHY_BYTES || isLast) this.#events.earn()
    if (isLast) this.#ended(stream)
  }

  #wait(stream: Http2Stream<S>): void {
    if (stream.isWaiting) return
    stream.isWaiting = true
    this.#waiting.push(stream)
  }

  #ended(stream: Http2Stream<S>): void {
    stream.isLocalEnded = true
    this.#events.localEnd(stream)
  }

  /** A window has opened, or the output is empty again: those that wait, a frame each, in turns. */
  resume(): void {
    for (let hasMoved = true; hasMoved && this.#waiting.length > 0;) {
      hasMoved = false
      const turn = this.#waiting
      this.#waiting = []
      for (const stream of turn) {
        if (stream.isGone) continue
        if (this.#output.isFull) this.#waiting.push(stream)
        else if (this.#sendQueued(stream)) hasMoved = true
      }
    }
  }

  /** One frame of what waits. True: something has left. */
  #sendQueued(stream: Http2Stream<S>): boolean {
    const first = stream.queue[0]
    const before = stream.queuedBytes
    if (first !== undefined) {
      const start = stream.queueStart
      const end = Math.min(first.length, start + FRAME_BYTES_MAX)
      const isLast = stream.ending === 'end' && stream.queue.length === 1 && end === first.length
      const next = this.#frameData(stream, first, start, end, isLast)
      stream.queuedBytes -= next - start
      stream.queueStart = next
      if (next === first.length) {
        stream.queue.shift()
        stream.queueStart = 0
      }
    }
    if (stream.queue.length > 0) {
      this.#waiting.push(stream)
    } else {
      stream.isWaiting = false
      if (!stream.isLocalEnded && stream.ending !== 'open') this.#sendEnding(stream)
    }
    const hasMoved = stream.queuedBytes < before || !stream.isWaiting
    if (hasMoved) this.#events.writable(stream)
    return hasMoved && stream.isWaiting
  }

  #sendEnding(stream: Http2Stream<S>): void {
    const { ending } = stream
    if (typeof ending === 'string') {
      this.frame(FRAME.data, FLAG.endStream, stream.id, 0)
      return this.#ended(stream)
    }
    const at = this.beginBlock(ending.length)
    this.#output.bytes.set(ending, at)
    this.endBlock(stream, at + ending.length, true)
  }

  /** Nothing more is sent on it. */
  forget(stream: Http2Stream<S>): void {
    stream.queue.length = 0
    stream.queuedBytes = 0
  }

  /** More room on all streams. False: beyond what a window may be. */
  openWindow(increment: number): boolean {
    this.window += increment
    return this.window <= WINDOW_BYTES_MAX
  }
}

const { copy } = Buffer.prototype
