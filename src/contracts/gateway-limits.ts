/** Each limit has its name in the configuration, in the metrics and in its reason code. */
export interface GatewayLimits {
  readonly requestLineBytesMax: number
  readonly headBytesMax: number
  readonly headersMax: number
  /** 0: no limit. */
  readonly bodyBytesMax: number
  readonly connectionsMax: number
  readonly requestsInFlightMax: number
  /** First byte to end of the request head. */
  readonly headTimeoutMs: number
  /** A keep-alive connection without a request. */
  readonly idleTimeoutMs: number
  /** No byte of a body read or written in either direction. */
  readonly bodyTimeoutMs: number
  /** An upgraded or TCP connection without a byte in either direction; 0: none. */
  readonly tunnelIdleTimeoutMs: number
  readonly responseHeadBytesMax: number
  /** HTTP/2: streams that one connection may have open, and bytes that a client may send before they are used, on one stream and on all. */
  readonly streamsMax: number
  readonly streamWindowBytes: number
  readonly connectionWindowBytes: number
}
