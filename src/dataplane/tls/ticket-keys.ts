import { randomBytes } from 'node:crypto'
import type { Clock } from '../../platform/capability.ts'
import { TICKET_KEY_BYTES } from './secure-contexts.ts'

/**
 * How long tickets are made with the same keys. Who has the keys can read all that was said under them without a new exchange of keys (RFC 5077 section 5.5), so
 * they are short-lived and never on a disk; a client whose ticket is older makes a full handshake.
 */
export const TICKET_KEY_LIFE_MS = 12 * 3_600_000

/** The keys of session tickets, the same for all workers. */
export interface TicketKeys {
  readonly current: Uint8Array
  stop(): void
}

/** `changed` is called with each new set. */
export function startTicketKeys(clock: Clock, changed: (keys: Uint8Array) => void): TicketKeys {
  let current: Uint8Array = randomBytes(TICKET_KEY_BYTES)
  const stop = clock.every(TICKET_KEY_LIFE_MS, () => {
    current = randomBytes(TICKET_KEY_BYTES)
    changed(current)
  })
  return {
    get current() {
      return current
    },
    stop,
  }
}
