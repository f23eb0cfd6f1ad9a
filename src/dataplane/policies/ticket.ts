import type { PendingDecision, PolicyTicket, TicketEnd } from './policy.ts'

/** The exchange's side of a ticket. */
export interface Ticket extends PolicyTicket {
  /** The client has gone or the deadline has passed: what the policy says later is not heard. False: it was resumed or cancelled before. */
  cancel(why: TicketEnd): boolean
}

/**
 * A ticket of one request that waits for a policy: resumed once or cancelled once, whichever comes first. `resumed` only hears of it and queues it: the
 * policy may be answering many tickets in one turn, and none of their requests runs inside of another's.
 */
export function createTicket(
  resumed: (decision: PendingDecision) => void,
  cancelled: (why: TicketEnd) => void,
): Ticket {
  let isOpen = true
  const close = (): boolean => {
    const wasOpen = isOpen
    isOpen = false
    return wasOpen
  }
  return {
    get isOpen() {
      return isOpen
    },
    resume(decision) {
      if (!close()) return false
      resumed(decision)
      return true
    },
    cancel(why) {
      if (!close()) return false
      cancelled(why)
      return true
    },
  }
}
