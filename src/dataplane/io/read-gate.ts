/** What can be read or held. */
export interface Readable {
  pause(): void
  resume(): void
}

/** Reading of one socket, with the reasons why it is held: it goes on when the last of them is gone. A reason is one bit. */
export class ReadGate {
  readonly #socket: Readable
  #reasons = 0

  constructor(socket: Readable) {
    this.#socket = socket
  }

  hold(reason: number): void {
    if (this.#reasons === 0) this.#socket.pause()
    this.#reasons |= reason
  }

  isHeldFor(reason: number): boolean {
    return (this.#reasons & reason) !== 0
  }

  /** Takes these reasons away. */
  open(reasons: number): void {
    if (this.#reasons === 0) return
    this.#reasons &= ~reasons
    if (this.#reasons === 0) this.#socket.resume()
  }
}
