import type { CidrSet } from '../../mechanisms/cidr/cidr.ts'
import type { HeadLimits, RequestHead } from '../../mechanisms/http1/request-head.ts'
import type { Clock } from '../../platform/capability.ts'
import type { GatewayLimits } from '../../contracts/gateway-limits.ts'
import type { RequestText } from '../../mechanisms/http2/request-text.ts'
import type { ResponseText } from '../../mechanisms/http2/response-text.ts'
import type { FrameBuffers } from '../io/frame-buffers.ts'
import type { Scratch } from '../io/scratch.ts'
import type { Turns } from '../io/turns.ts'

/** What the HTTP/2 connections of one worker share, of clients and to instances. */
export interface Http2Ground {
  readonly frames: FrameBuffers
  readonly requestText: RequestText
  readonly trailerText: ResponseText
}

/** What the client connections of one worker share. */
export interface ClientGround {
  readonly clock: Clock
  readonly readBuffer: Buffer
  readonly scratch: Scratch
  readonly turns: Turns
  readonly http2: Http2Ground
  /** Something of a limit's was too much: it is counted by the limit's name. */
  countLimited(limit: string): void
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
