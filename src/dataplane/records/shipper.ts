import { connect, type Socket } from 'node:net'
import {
  type ChangesMessage,
  encodeTelemetryFrame,
  TELEMETRY_FRAME,
  TelemetryFrameReader,
  type TelemetryHello,
} from '../../contracts/telemetry.ts'
import type { Clock, Log } from '../../platform/capability.ts'

/** Batches that wait for telemetry, those on their way included; beyond it the oldest that waits is dropped and counted. */
export const SHIPPER_QUEUE_BYTES_MAX = 8 * 1024 * 1024
/** Bytes that are sent ahead of their acknowledgement. */
export const SHIPPER_IN_FLIGHT_BYTES_MAX = 1024 * 1024
/** Time between two attempts to reach telemetry. */
export const SHIPPER_RECONNECT_MS = 250

export interface RecordShipperOptions {
  readonly socketPath: string
  readonly clock: Clock
  readonly log: Log
  /** A telemetry is there; nothing has been sent to it yet. */
  readonly connected: () => void
  readonly lost: () => void
}

interface Waiting {
  readonly frame: Buffer
  /** Records in it; -1 for changes, which are not dropped: there are at most those of one second. */
  readonly count: number
}

/**
 * Brings records and counts to telemetry: one connection, which is opened again for ever, with what was not acknowledged. A telemetry
 * that is dead, hangs or reads slowly costs whole batches, which are counted, and never more memory than the named bytes.
 */
export class RecordShipper {
  readonly #options: RecordShipperOptions
  readonly #hello: Buffer
  #queue: Waiting[] = []
  /** So many of the queue, from its front, are sent. */
  #sentCount = 0
  #sentBytes = 0
  #queueBytes = 0
  #changesCount = 0
  #droppedCount = 0
  #socket: Socket | null = null
  #isConnected = false
  #isClosed = false
  #cancelDial = (): void => {}

  constructor(options: RecordShipperOptions) {
    this.#options = options
    const hello: TelemetryHello = { pid: process.pid, startedAtMs: options.clock.nowMs() }
    this.#hello = encodeTelemetryFrame(TELEMETRY_FRAME.hello, Buffer.from(JSON.stringify(hello)))
    this.#dial()
  }

  /** Records that were dropped here. */
  get droppedCount(): number {
    return this.#droppedCount
  }

  /** Bytes that are held for telemetry. */
  get queueBytes(): number {
    return this.#queueBytes
  }

  /** Telemetry is there, and has taken the changes that it was told last. */
  get takesChanges(): boolean {
    return this.#isConnected && this.#changesCount === 0
  }

  /** Takes a batch of `count` records; the bytes are copied. */
  ship(worker: number, batch: Uint8Array, count: number): void {
    const number = Buffer.from([worker >>> 8, worker & 255])
    this.#push({ frame: encodeTelemetryFrame(TELEMETRY_FRAME.records, number, batch), count })
    this.#dropOldest()
    this.#send()
  }

  /** Takes the changes of one second; call it only while `takesChanges`. */
  tell(messages: readonly ChangesMessage[]): void {
    for (const message of messages) {
      const text = Buffer.from(JSON.stringify(message))
      this.#push({ frame: encodeTelemetryFrame(TELEMETRY_FRAME.changes, text), count: -1 })
      this.#changesCount++
    }
    this.#send()
  }

  close(): void {
    this.#isClosed = true
    this.#cancelDial()
    this.#socket?.destroySoon()
  }

  #push(waiting: Waiting): void {
    this.#queue.push(waiting)
    this.#queueBytes += waiting.frame.length
  }

  /** The newest are worth most. What is on its way stays: telemetry counts what it has taken. */
  #dropOldest(): void {
    let place = this.#sentCount
    while (this.#queueBytes > SHIPPER_QUEUE_BYTES_MAX && place < this.#queue.length) {
      const { frame, count } = this.#queue[place]!
      if (count < 0) {
        place++
        continue
      }
      this.#queue.splice(place, 1)
      this.#queueBytes -= frame.length
      this.#droppedCount += count
    }
  }

  #send(): void {
    if (!this.#isConnected) return
    while (
      this.#sentCount < this.#queue.length &&
      (this.#sentBytes === 0 || this.#sentBytes < SHIPPER_IN_FLIGHT_BYTES_MAX)
    ) {
      const { frame } = this.#queue[this.#sentCount]!
      this.#sentCount++
      this.#sentBytes += frame.length
      this.#socket!.write(frame)
    }
  }

  #acknowledged(kind: number, payload: Buffer): void {
    if (kind !== TELEMETRY_FRAME.acknowledge || payload.length !== 4) {
      return void this.#socket?.destroy()
    }
    const count = Math.min(payload.readUInt32BE(0), this.#sentCount)
    for (const { frame, count: records } of this.#queue.splice(0, count)) {
      this.#queueBytes -= frame.length
      this.#sentBytes -= frame.length
      if (records < 0) this.#changesCount--
    }
    this.#sentCount -= count
    this.#send()
  }

  #dial(): void {
    if (this.#isClosed) return
    const socket = connect(this.#options.socketPath)
    const reader = new TelemetryFrameReader((kind, payload) => this.#acknowledged(kind, payload))
    this.#socket = socket
    socket.on('connect', () => this.#begin(socket))
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.feed(chunk)
      } catch (error) {
        this.#options.log('error', 'telemetry says something unreadable', { error })
        socket.destroy()
      }
    })
    socket.on('error', () => {})
    socket.on('close', () => this.#lose())
  }

  #begin(socket: Socket): void {
    this.#isConnected = true
    this.#options.connected()
    socket.write(this.#hello)
    this.#send()
  }

  /** Records that were on their way are sent again; changes are not: who comes next does not know whether they were counted. */
  #lose(): void {
    if (this.#isConnected) this.#options.lost()
    this.#isConnected = false
    this.#socket = null
    this.#sentCount = 0
    this.#sentBytes = 0
    this.#changesCount = 0
    this.#queue = this.#queue.filter(({ count }) => count >= 0)
    this.#queueBytes = this.#queue.reduce((sum, { frame }) => sum + frame.length, 0)
    if (this.#isClosed) return
    const { clock } = this.#options
    this.#cancelDial = clock.after(SHIPPER_RECONNECT_MS, () => this.#dial())
  }
}
