import type { Drops } from '../../mechanisms/http1/drops.ts'
import type { EdgeCounters } from '../totals/counters.ts'

/** What connections of one HTTP door need to know of it. Replaced when a reload changes the door; open connections keep theirs. */
export interface HttpDoor {
  readonly id: string
  /** The calling service at an inside door, '' at the gateway. */
  readonly caller: string
  /** The fixed service of an inside door, '' where routes decide. */
  readonly service: string
  /** The row of an inside door's edge. */
  readonly edge: EdgeCounters | null
  /** Closed when the gateway drains. */
  readonly isOutside: boolean
  readonly proxyProtocol: boolean
  /** Bound to loopback: who comes in is on this machine, or a page in a browser on it. */
  readonly isLoopback: boolean
}

/** Request fields that are not forwarded, for peers that are believed and for those that are not. */
export interface RequestDrops {
  readonly trusted: Drops
  readonly untrusted: Drops
}
