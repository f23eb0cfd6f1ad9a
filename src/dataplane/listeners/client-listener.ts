import type { TlsSpec } from '../../contracts/certificates.ts'
import type { EdgeCounters } from '../totals/counters.ts'

/** What connections of one listener need to know of it. Replaced when a reload changes the listener; open connections keep theirs. */
export interface ClientListener {
  readonly id: string
  readonly port: number
  /** The calling service at an outbound listener, '' at the gateway. */
  readonly caller: string
  /** The fixed service of an outbound or raw listener, '' where routes decide. */
  readonly service: string
  /** Id of the route of a raw listener, else ''. */
  readonly route: string
  /** The row of an outbound or raw listener's edge. */
  readonly edge: EdgeCounters | null
  /** For clients, not for services: closed when the gateway drains. */
  readonly isPublic: boolean
  readonly proxyProtocol: boolean
  /** Null in the clear. */
  readonly tls: TlsSpec | null
  /** Bound to loopback: who comes in is on this machine, or a page in a browser on it. */
  readonly isLoopback: boolean
}
