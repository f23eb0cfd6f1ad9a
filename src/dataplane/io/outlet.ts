import type { Socket } from 'node:net'
import { getSystemErrorMap } from 'node:util'
import { streamBinding, type WriteRequest } from './stream-binding.ts'

/** What may wait in an outlet before its source is paused. */
export const OUTLET_BYTES_MAX = 16 * 1024
/** In as many writes: each costs some hundred bytes of its own. */
export const OUTLET_WRITES_MAX = 64

interface Handle {
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number
  readonly writeQueueSize?: number
  /** The connection below an encrypted one. */
  readonly _parent?: { readonly writeQueueSize?: number }
}

/** What an outlet tells its connection. */
export interface OutletEvents {
  /** All that was written is with the kernel, after something had to wait. */
  flushed(): void
  /**
   * The peer takes nothing more (`EPIPE`, `ECONNRESET`): what waited is lost, and what is written from now on is thrown away. What it had sent
   * before can still be read, and may say why: that is why the socket is left open.
   */
  failed(code: string): void
}

/**
 * The writing side of one socket. Bytes go straight to the kernel (a write through Node's stream costs a request object, a callback and a
 * tick: a tenth of a small request's CPU, measured); what the kernel does not take waits here, in order, and is counted.
 */
export class Outlet {
  /** Bytes in our memory that the kernel has not taken. A write counts whole until the last byte of it is gone. */
  waitingBytes = 0
  hasFailed = false
  readonly #socket: Socket
  readonly #events: OutletEvents
  #handle: Handle | null
  /** An encrypted socket takes what is written at once, as a copy, and tells later that it is with the kernel. */
  readonly #isCopied: boolean
  /** Not in use by the kernel. */
  #spare: WriteRequest | null = null
  #isBusy = false
  #queue: Uint8Array[] = []
  #ends = false

  constructor(socket: Socket, events: OutletEvents) {
    this.#socket = socket
    this.#events = events
    this.#handle = handleOf(socket)
    this.#isCopied = 'encrypted' in socket
  }

  /** A connecting socket has its handle later. */
  connected(): void {
    this.#handle = handleOf(this.#socket)
  }

  /** The peer reads slower than its source writes: stop the source until `flushed`. */
  get isClogged(): boolean {
    return this.waitingBytes >= OUTLET_BYTES_MAX || this.#queue.length >= OUTLET_WRITES_MAX
  }

  /** Nothing waits in our memory. */
  get isFlushed(): boolean {
    return !this.#isBusy
  }

  /** Falls as the peer reads, also within one large write: whether a slow peer moves on. */
  get unsentBytes(): number {
    if (!this.#isBusy) return 0
    const { writeQueueSize, _parent: parent } = this.#handle ?? {}
    const head = (writeQueueSize ?? this.waitingBytes) + (parent?.writeQueueSize ?? 0)
    return this.#queue.reduce((sum, { length }) => sum + length, head)
  }

  /** False: the bytes wait, and their buffer belongs to the outlet from now on. True does not say that they are with the kernel: `isFlushed` does. */
  write(bytes: Uint8Array): boolean {
    if (this.hasFailed) return true
    if (!this.#isBusy) return this.#send(bytes)
    this.#queue.push(bytes)
    this.waitingBytes += bytes.length
    return false
  }

  /** Closes the writing side behind what waits. */
  end(): void {
    this.#ends = true
    if (!this.#isBusy) this.#socket.end()
  }

  /** The socket is gone. */
  close(): void {
    this.#handle = null
    this.#queue = []
    this.waitingBytes = 0
    this.#isBusy = false
    this.hasFailed = true
  }

  #send(bytes: Uint8Array): boolean {
    const handle = this.#handle
    if (handle === null) return this.#sendByStream(bytes)
    const request = (this.#spare ??= new streamBinding!.WriteWrap())
    const status = handle.writeBuffer(request, bytes)
    if (status !== 0) {
      this.#fail(errorCode(status))
      return true
    }
    if (streamBinding!.streamBaseState[streamBinding!.kLastWriteWasAsync] === 0) return true
    this.#spare = null
    this.#wait(bytes)
    request.buffer = this.#isCopied ? undefined : bytes
    request.oncomplete = (result) => {
      request.buffer = undefined
      this.#completed(bytes.length, result < 0 ? errorCode(result) : '')
    }
    return this.#isCopied
  }

  #sendByStream(bytes: Uint8Array): boolean {
    this.#wait(bytes)
    this.#socket.write(bytes, (error?: NodeJS.ErrnoException | null) =>
      this.#completed(bytes.length, error ? (error.code ?? 'ERROR') : ''),
    )
    return false
  }

  #wait(bytes: Uint8Array): void {
    this.#isBusy = true
    this.waitingBytes += bytes.length
  }

  #completed(length: number, error: string): void {
    if (!this.#isBusy) return
    this.#isBusy = false
    this.waitingBytes -= length
    if (error !== '') return this.#fail(error)
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      this.waitingBytes -= next.length
      this.#send(next)
      if (this.#isBusy) return
    }
    if (this.hasFailed) return
    if (this.#ends) this.#socket.end()
    this.#events.flushed()
  }

  #fail(code: string): void {
    this.hasFailed = true
    this.#queue = []
    this.waitingBytes = 0
    this.#events.failed(code)
  }
}

function handleOf(socket: Socket): Handle | null {
  const { _handle: handle } = socket as unknown as { readonly _handle: Partial<Handle> | null }
  const isUsable = streamBinding !== undefined && typeof handle?.writeBuffer === 'function'
  return isUsable ? (handle as Handle) : null
}

function errorCode(status: number): string {
  return getSystemErrorMap().get(status)?.[0] ?? 'UNKNOWN'
}
