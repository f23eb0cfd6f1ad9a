import type { StoredEvent } from '../../model.ts'

/** An event on its way to a consumer. */
export interface Message {
  /** What acks name. */
  readonly id: string
  readonly event: StoredEvent
  readonly link: StoredEvent | undefined
  readonly key: string
  /** Revision or position; of a replayed one its revision among the parked. */
  readonly number: number
  /** A replayed one: its revision among the parked. */
  readonly parkedAs: number | undefined
  readonly sinceMs: number
  retries: number
}

/** Events that wait for a consumer: replayed ones first, each kind in its order, also those that come back. */
export class WaitingMessages {
  #messages: Message[] = []

  get size(): number {
    return this.#messages.length
  }

  add(message: Message): void {
    let at = this.#messages.length
    for (; at > 0; at--) {
      const before = this.#messages[at - 1]
      if (before === undefined || isBefore(before, message)) break
    }
    this.#messages.splice(at, 0, message)
  }

  /** Whether it was there. */
  delete(message: Message): boolean {
    const at = this.#messages.indexOf(message)
    if (at >= 0) this.#messages.splice(at, 1)
    return at >= 0
  }

  /** As it is now: what is taken or added meanwhile changes nothing of it. */
  inOrder(): readonly Message[] {
    return [...this.#messages]
  }

  /** When the oldest of them was read; Infinity where there is none. */
  oldestSinceMs(): number {
    return this.#messages.reduce((oldest, { sinceMs }) => Math.min(sinceMs, oldest), Infinity)
  }
}

function isBefore(one: Message, other: Message): boolean {
  const [a, b] = [one.parkedAs === undefined ? 1 : 0, other.parkedAs === undefined ? 1 : 0]
  return a === b ? one.number <= other.number : a < b
}
