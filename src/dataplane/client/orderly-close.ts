import type { GatewayLimits } from '../../contracts/gateway-limits.ts'
import type { Outlet } from '../io/outlet.ts'

/** When our last word is with the kernel, the client may be silent for this long before we close; what it sends is thrown away. */
const LINGER_MS = 2_000
/** Altogether, for a client that sends on and on. */
const LINGER_MAX_MS = 30_000

/** What a connection that says goodbye does when its time is over. */
export type CloseStep = 'wait' | 'reset' | 'close'

/**
 * The end of a connection: everything that is queued goes out, then we are silent for a while before we close. Closing with bytes of the client unread would
 * reset the connection and destroy our last answer. A slow reader gets all of it as long as it moves on; one that does not is
 * reset, so that it sees that something is missing. Monotonic milliseconds.
 */
export class OrderlyClose {
  deadlineMs = 0
  readonly #outlet: Outlet
  readonly #limits: GatewayLimits
  #unsentBefore = Infinity
  /** Infinity: something is still queued. */
  #lingerEndMs = Infinity

  constructor(outlet: Outlet, limits: GatewayLimits, nowMs: number) {
    this.#outlet = outlet
    this.#limits = limits
    outlet.end()
    this.look(nowMs)
  }

  /** All is with the kernel, and the client may close. */
  get isLingering(): boolean {
    return this.#lingerEndMs !== Infinity
  }

  /** The client sends something nevertheless. */
  received(nowMs: number): void {
    if (this.isLingering) this.deadlineMs = Math.min(this.#lingerEndMs, nowMs + LINGER_MS)
  }

  /** What was queued is out, or `deadlineMs` has passed. */
  look(nowMs: number): CloseStep {
    if (this.isLingering) return 'close'
    const unsent = this.#outlet.unsentBytes
    if (unsent > 0 && unsent >= this.#unsentBefore) return 'reset'
    this.#unsentBefore = unsent
    if (unsent === 0) this.#lingerEndMs = nowMs + LINGER_MAX_MS
    this.deadlineMs = nowMs + (unsent === 0 ? LINGER_MS : this.#limits.bodyTimeoutMs)
    return 'wait'
  }
}
