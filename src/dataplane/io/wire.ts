import type { Socket } from 'node:net'
import { Outlet } from './outlet.ts'
import { ReadGate } from './read-gate.ts'
import { adoptSocket, resetSocket } from './sockets.ts'

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
  readonly socket: Socket
  readonly outlet: Outlet
  readonly gate: ReadGate
  /** It did not end in order. */
  wasReset = false

  constructor(accepted: Socket, readBuffer: Buffer, events: WireEvents) {
    this.socket = adoptSocket(accepted, readBuffer, (length) => events.received(length))
    this.outlet = new Outlet(this.socket, {
      flushed: () => events.flushed(),
      failed: () => {
        this.wasReset = true
        this.socket.destroy()
      },
    })
    this.gate = new ReadGate(this.socket)
    this.socket.on('end', () => events.ended())
    this.socket.on('error', () => (this.wasReset = true))
    this.socket.on('close', () => events.closed())
  }

  get isDestroyed(): boolean {
    return this.socket.destroyed
  }

  /** At once, without a word. */
  destroy(): void {
    this.socket.destroy()
  }

  /** So that the client sees that something is missing. */
  reset(): void {
    resetSocket(this.socket)
  }
}
