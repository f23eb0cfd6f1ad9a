import type { Socket } from 'node:net'

/** What a preface makes of the bytes that are there. */
export type PrefaceParse =
  | { readonly kind: 'more' }
  /** The connection is closed. */
  | { readonly kind: 'error' }
  /** It was read; `consumed` bytes of it are nobody else's. */
  | { readonly kind: 'header'; readonly consumed: number }

/** How a preface ends; one of the two is called, once. */
export interface PrefaceEvents {
  /** What came behind it is still to be read of the socket. */
  read(): void
  failed(isLate: boolean): void
}

/** What is looked at before a handshake, in the clear: a PROXY protocol header, and what the client is about to ask for. */
export class Preface {
  /** When it is given up. Monotonic milliseconds. */
  readonly deadlineMs: number
  readonly #plain: Socket
  readonly #parse: (bytes: Buffer) => PrefaceParse
  readonly #events: PrefaceEvents
  readonly #look = (): void => this.#readable()
  readonly #close = (): void => this.#end(() => this.#events.failed(this.#isLate))
  #bytes: Buffer = Buffer.alloc(0)
  #isOver = false
  #isLate = false

  constructor(
    plain: Socket,
    deadlineMs: number,
    parse: (bytes: Buffer) => PrefaceParse,
    events: PrefaceEvents,
  ) {
    this.#plain = plain
    this.deadlineMs = deadlineMs
    this.#parse = parse
    this.#events = events
    plain.on('error', () => {})
    plain.on('close', this.#close)
    plain.on('readable', this.#look)
  }

  timeOut(): void {
    this.#isLate = true
    this.destroy()
  }

  destroy(): void {
    this.#plain.destroy()
  }

  #readable(): void {
    for (let chunk = this.#read(); chunk !== null; chunk = this.#read()) {
      this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
      const parsed = this.#parse(this.#bytes)
      if (parsed.kind === 'more') continue
      if (parsed.kind === 'error') return this.destroy()
      const rest = this.#bytes.subarray(parsed.consumed)
      this.#plain.off('readable', this.#look)
      this.#plain.off('close', this.#close)
      if (rest.length > 0) this.#plain.unshift(rest)
      return this.#end(() => this.#events.read())
    }
    if (this.#plain.readableEnded) this.destroy()
  }

  #read(): Buffer | null {
    return this.#isOver ? null : (this.#plain.read() as Buffer | null)
  }

  #end(tell: () => void): void {
    if (this.#isOver) return
    this.#isOver = true
    tell()
  }
}
