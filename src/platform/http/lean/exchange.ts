import type { LeanAnswer, LeanExchange, LeanRequest } from './options.ts'

/** Takes the one answer. */
export interface Sender {
  send(answer: LeanAnswer): void
}

/** One request of a connection and its answer: tied to the connection until one of the two is over. */
export class Exchange implements LeanExchange {
  readonly request: LeanRequest
  whenGone: (() => void) | undefined = undefined
  #connection: Sender | undefined

  constructor(connection: Sender, request: LeanRequest) {
    this.#connection = connection
    this.request = request
  }

  get isOver(): boolean {
    return this.#connection === undefined
  }

  answer(answer: LeanAnswer): void {
    const connection = this.#connection
    this.#connection = undefined
    this.whenGone = undefined
    connection?.send(answer)
  }

  /** The client has left. */
  leave(): void {
    const { whenGone } = this
    this.#connection = undefined
    this.whenGone = undefined
    whenGone?.()
  }
}
