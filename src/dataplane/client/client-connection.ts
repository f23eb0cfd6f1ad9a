import type { Outlet } from '../io/outlet.ts'
import type { Wire } from '../io/wire.ts'
import type { ClientListener } from '../listeners/client-listener.ts'
import type { ClientPeer } from './peer.ts'

/** A connection of a client, whatever it speaks, as far as its worker looks after it. */
export interface ClientConnection {
  readonly listener: ClientListener
  readonly wire: Wire
  readonly outlet: Outlet
  readonly peer: ClientPeer
  /** When it is given up, or looked at; monotonic milliseconds. */
  readonly deadlineMs: number
  /** Requests on it, where it is one of HTTP/2; -1 where it is not. */
  readonly streamCount: number
  /** Nobody waits for anything on it. */
  readonly isIdle: boolean
  /** A request is being answered, or an answer is not with the kernel yet. */
  readonly isBusy: boolean
  /** `deadlineMs` has passed. */
  timeOut(): void
  /** It takes no further request from now on, and the client is told so if its protocol can. May be called again and again. */
  announceEnd(): void
  /** Says goodbye behind what is queued. */
  closeGently(): void
  /** At once, without a word. */
  destroy(): void
}
