import type { MessageHead } from './message-head.ts'

/** Bounds of a head in bytes. A request line behind the first is answered 414, a head behind the second 431. */
export interface HeadLimits {
  /** Method, target and version, without the line end. */
  readonly requestLineBytesMax: number
  /** From the first byte of the start line to behind the empty line. */
  readonly headBytesMax: number
}

/** One request head: positions into its bytes, and the few strings that routing needs. Reused from request to request. */
export interface RequestHead extends MessageHead {
  /** Where the request line begins: behind the empty line that may stand before it. */
  lineStart: number
  method: string
  form: 'origin' | 'absolute' | 'asterisk'
  /** What is routed and forwarded: the origin form (path and query, from an absolute target too), or '*'. One UTF-16 unit a byte. */
  target: string
  /** Length of the path in `target`: the place of '?', or the target's length. */
  pathEnd: number
  /** `target` without its query. */
  path: string
  /** The target's bytes as received. */
  targetStart: number
  targetEnd: number
  /** Authority of an absolute target, else ''. */
  targetAuthority: string
  isHttpsTarget: boolean
  /** Host as received, or the authority of an absolute target; '' in HTTP/1.0 without Host. */
  host: string
  /** `host` without port, lower-case. */
  hostname: string
  /** The client waits for 100 (Continue) before it sends its body (RFC 9110 section 10.1.1). */
  expectsContinue: boolean
  /** The client takes trailers (TE: trailers). */
  acceptsTrailers: boolean
  hostField: number
  /** The last valid host of this record, so that a connection that always asks the same one makes no new strings. */
  knownHost: string
  knownHostname: string
  /** The last target of this record that was short enough, and its path. */
  knownTarget: string
  knownPath: string
}
