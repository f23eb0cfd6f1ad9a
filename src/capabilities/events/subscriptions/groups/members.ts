import type { Consumer, GroupView } from './group-model.ts'
import type { Message } from './waiting-messages.ts'

/** A consumer of a group. */
export interface Member {
  /** Rises with each that joins. */
  readonly number: number
  readonly consumer: Consumer
  readonly inFlight: Set<string>
  handled: number
  readonly isFree: boolean
}

interface Lease {
  readonly message: Message
  readonly member: Member
  readonly untilMs: number
}

/** The consumers of a group, and what each has and has not answered. */
export class Members {
  #all: readonly Member[] = []
  #joined = 0
  readonly #leases = new Map<string, Lease>()

  get all(): readonly Member[] {
    return this.#all
  }

  get inFlightCount(): number {
    return this.#leases.size
  }

  join(consumer: Consumer): Member {
    const inFlight = new Set<string>()
    const member: Member = {
      number: ++this.#joined,
      consumer,
      inFlight,
      handled: 0,
      get isFree() {
        return inFlight.size < consumer.slots && consumer.isBehind?.() !== true
      },
    }
    this.#all = [...this.#all, member]
    return member
  }

  /** Takes a consumer out; gives what it had. */
  leave(member: Member): readonly Message[] {
    this.#all = this.#all.filter((one) => one !== member)
    return [...member.inFlight].flatMap((id) => this.take(member, id) ?? [])
  }

  isInFlight(id: string): boolean {
    return this.#leases.has(id)
  }

  /** Gives an event to a consumer until a time. */
  deliver(message: Message, member: Member, untilMs: number): void {
    this.#leases.set(message.id, { message, member, untilMs })
    member.inFlight.add(message.id)
    const { id, event, link, retries } = message
    member.consumer.push({ id, event, link, retryCount: retries })
  }

  /** Undefined where it is not in flight at this one: acknowledged before, timed out, or never delivered. */
  take(member: Member, id: string): Message | undefined {
    const found = this.#leases.get(id)
    if (found?.member !== member) return undefined
    this.#leases.delete(id)
    member.inFlight.delete(id)
    return found.message
  }

  /** Takes everything whose time is over. */
  takeExpired(nowMs: number): readonly Message[] {
    return [...this.#leases].flatMap(([id, { member, untilMs }]) =>
      untilMs > nowMs ? [] : (this.take(member, id) ?? []),
    )
  }

  /** For people. */
  views(): GroupView['consumers'] {
    return this.#all.map(({ consumer: { name, slots }, inFlight, handled }) => ({
      name,
      slots,
      inFlight: inFlight.size,
      handled,
    }))
  }

  /** When the oldest of what is in flight was read. */
  oldestSinceMs(): number {
    let oldest = Infinity
    for (const { message } of this.#leases.values()) oldest = Math.min(message.sinceMs, oldest)
    return oldest
  }
}
