import type { HeadLimits } from '../../mechanisms/http1/request-head.ts'
import type { ResponseHead } from '../../mechanisms/http1/response-head.ts'
import type { Clock } from '../../platform/capability.ts'
import type { ComposedRequest } from '../../mechanisms/http2/composed-request.ts'
import type { ResponseText } from '../../mechanisms/http2/response-text.ts'
import type { FrameBuffers } from '../io/frame-buffers.ts'
import type { Scratch } from '../io/scratch.ts'
import type { Turns } from '../io/turns.ts'
import type { Trust } from '../tls/trust.ts'
import type { Instance } from './instance.ts'

/** What the HTTP/2 connections to the instances of one worker share. */
export interface Http2Upstream {
  readonly frames: FrameBuffers
  readonly responseText: ResponseText
  /** What the head of the request that is sent has said of its body. */
  readonly request: ComposedRequest
}

/** What the connections to instances of one worker share. */
export interface UpstreamGround {
  readonly clock: Clock
  readonly readBuffer: Buffer
  readonly scratch: Scratch
  readonly turns: Turns
  readonly http2Upstream: Http2Upstream
  /** For the head that is being parsed; one that is kept by a connection with half a head is replaced. */
  responseHead: ResponseHead
  responseLimits: HeadLimits
  /** IP addresses of the host names of instances. */
  readonly addresses: Map<string, string>
  /** Connections or requests of the instance have changed: there is something to report. */
  instanceChanged(instance: Instance): void
  /** How TLS is spoken to instances. */
  readonly trust: Trust
}
