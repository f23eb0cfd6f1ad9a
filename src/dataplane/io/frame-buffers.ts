import type { Clock } from '../../platform/capability.ts'
import type { Http2Output } from '../../mechanisms/http2/output.ts'
import type { Outlet } from './outlet.ts'

/** Room for two frames of DATA and what belongs to them. */
const BUFFER_BYTES = 40 * 1024
/** Buffers that are kept for the next frames. */
const SPARE_BUFFERS_MAX = 16

/**
 * The buffers in which the HTTP/2 connections of a worker collect their frames. What one turn of the event loop brings for a connection leaves in one write at
 * its end: answers of many streams, or requests of many clients, cost one system call together.
 */
export class FrameBuffers {
  readonly #clock: Clock
  readonly #spare: Buffer[] = []
  #waiting: FrameBuffer[] = []
  #isScheduled = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  take(bytes: number): Buffer {
    if (bytes > BUFFER_BYTES) return Buffer.allocUnsafeSlow(bytes)
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES)
  }

  /** The kernel has all of it. */
  give(buffer: Buffer): void {
    if (buffer.length === BUFFER_BYTES && this.#spare.length < SPARE_BUFFERS_MAX) {
      this.#spare.push(buffer)
    }
  }

  /** It has something to write. */
  schedule(buffer: FrameBuffer): void {
    this.#waiting.push(buffer)
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#clock.nextTurn(() => this.#flush())
  }

  #flush(): void {
    this.#isScheduled = false
    const waiting = this.#waiting
    this.#waiting = []
    for (const buffer of waiting) buffer.flush()
  }
}

const EMPTY = Buffer.alloc(0)

/** The frames of one connection until they are written. An idle connection has no buffer. */
export class FrameBuffer implements Http2Output {
  bytes: Buffer = EMPTY
  end = 0
  readonly #buffers: FrameBuffers
  readonly #outlet: Outlet
  #isScheduled = false
  #isClosed = false

  constructor(buffers: FrameBuffers, outlet: Outlet) {
    this.#buffers = buffers
    this.#outlet = outlet
  }

  get isFull(): boolean {
    return this.#outlet.isClogged
  }

  /** Nothing waits in our memory but what this turn has brought. */
  get isFlushed(): boolean {
    return this.#outlet.isFlushed
  }

  reserve(count: number): void {
    if (this.bytes.length - this.end >= count) return
    this.#write()
    if (this.bytes.length < count) this.bytes = this.#buffers.take(count)
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#buffers.schedule(this)
  }

  /** At the end of a turn: writes what there is. */
  flush(): void {
    this.#isScheduled = false
    this.#write()
    if (this.bytes !== EMPTY) this.#buffers.give(this.bytes)
    this.bytes = EMPTY
  }

  /** Nothing more is written: the connection is gone, or has said its last word. */
  close(): void {
    this.#isClosed = true
  }

  #write(): void {
    const { bytes, end } = this
    if (end === 0) return
    this.end = 0
    if (this.#isClosed) return
    // What has to wait behind something else waits in its own size.
    if (!this.#outlet.isFlushed) return void this.#outlet.write(Buffer.from(bytes.subarray(0, end)))
    if (this.#outlet.write(bytes.subarray(0, end))) return
    this.bytes = EMPTY
  }
}
