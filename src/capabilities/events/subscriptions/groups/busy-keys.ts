import type { Message } from './waiting-messages.ts'

/** Of the strategy Ordered: keys with an event in flight, being retried or being parked, and that event: only its end frees the key. */
export class BusyKeys {
  readonly #holders = new Map<string, Message>()

  has(key: string): boolean {
    return this.#holders.has(key)
  }

  take(message: Message): void {
    this.#holders.set(message.key, message)
  }

  /** Nothing where another event has the key: what was parked behind it never had it. */
  free(message: Message): void {
    if (this.#holders.get(message.key) === message) this.#holders.delete(message.key)
  }
}
