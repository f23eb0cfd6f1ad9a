import type { CidrSet } from '../../mechanisms/cidr/cidr.ts'
import type { HeadLimits, RequestHead } from '../../mechanisms/http1/request-head.ts'
import type { Clock } from '../../platform/capability.ts'
import type { GatewayLimits } from '../../contracts/snapshot.ts'
import type { Scratch } from '../io/scratch.ts'
import type { Turns } from '../io/turns.ts'

/** What the client connections of one worker share. */
export interface ClientGround {
  readonly clock: Clock
  readonly readBuffer: Buffer
  readonly scratch: Scratch
  readonly turns: Turns
  /** For the head that is being parsed; one that is kept by a connection with half a head is replaced. */
  requestHead: RequestHead
  limits: GatewayLimits
  headLimits: HeadLimits
  /** Peers whose word on earlier hops is believed. */
  trusted: CidrSet
  /** Rises when `trusted` changes: open connections are judged anew. */
  trustVersion: number
  /** No new request from outside; connections are closed as they become idle. */
  isDraining: boolean
}
