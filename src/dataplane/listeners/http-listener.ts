import type { Drops } from '../../mechanisms/http1/drops.ts'
import type { EdgeCounters } from '../totals/counters.ts'

/** What connections of one HTTP listener need to know of it. Replaced when a reload changes the listener; open connections keep theirs. */
export interface HttpListener {
  readonly id: string
  /** The calling service at an outbound listener, '' at the gateway. */
  readonly caller: string
  /** The fixed service of an outbound listener, '' where routes decide. */
  readonly service: string
  /** The row of an outbound listener's edge. */
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
