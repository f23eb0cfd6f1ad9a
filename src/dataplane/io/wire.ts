import type { Accepted, AttachedSocket } from './accepted.ts'
import { Outlet } from './outlet.ts'
import { ReadGate } from './read-gate.ts'

/** What a wire tells the connection that speaks over it. */
export interface WireEvents {
  /** So many bytes are in the buffer that all sockets of the worker read into. */
  received(length: number): void
  /** All that was written is with the kernel, after something had to wait. */
  flushed(): void
  /** The client has closed its side and sends nothing more. */
  ended(): void
  /** It is gone; called once, last of all. */
  closed(): void
}

/** The bytes of one accepted connection, both ways. What they mean is the business of the connection that it carries. */
export class Wire {
  readonly outlet: Outlet
  readonly gate: ReadGate
  /** It did not end in order. */
  wasReset = false
  #events: WireEvents
  readonly #attached: AttachedSocket

  constructor(accepted: Accepted, readBuffer: Buffer, events: WireEvents) {
    this.#events = events
    const attached = accepted.attach(readBuffer, (length) => this.#events.received(length))
    const { socket } = attached
    this.#attached = attached
    this.outlet = new Outlet(socket, {
      flushed: () => this.#events.flushed(),
      failed: () => {
        this.wasReset = true
        socket.destroy()
      },
    })
    this.gate = new ReadGate(attached)
    socket.on('end', () => this.#events.ended())
    socket.on('error', () => (this.wasReset = true))
    socket.on('close', () => this.#events.closed())
  }

  /** From here on another connection speaks over it: the client has said that it speaks another protocol. */
  handOver(events: WireEvents): void {
    this.#events = events
  }

  get isDestroyed(): boolean {
    return this.#attached.socket.destroyed
  }

  /** The client has closed its side, and all that it sent was delivered. */
  get hasEnded(): boolean {
    return this.#attached.socket.readableEnded
  }

  pause(): void {
    this.#attached.pause()
  }

  resume(): void {
    this.#attached.resume()
  }

  /** At once, without a word. */
  destroy(): void {
    this.#attached.socket.destroy()
  }

  /** So that the client sees that something is missing. */
  reset(): void {
    this.#attached.reset()
  }
}
