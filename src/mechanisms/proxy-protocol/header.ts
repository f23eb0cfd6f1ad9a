/** Who is connected to whom, as the proxy before us says. */
export interface ProxyHeader {
  readonly kind: 'header'
  readonly version: 1 | 2
  /** Bytes of the header; what follows belongs to the protocol inside. */
  readonly consumed: number
  /**
   * Absent where the proxy says nothing of them: version 1 UNKNOWN, version 2 LOCAL (a health check of the proxy
   * itself) and families other than TCP over IP. Then the connection's own addresses count.
   */
  readonly source: ProxyEndpoint | undefined
  readonly destination: ProxyEndpoint | undefined
}

export interface ProxyEndpoint {
  /** Canonical text, without brackets. */
  readonly address: string
  readonly port: number
}

export type ProxyParse =
  | ProxyHeader
  /** Not decided yet: parse again, from the first byte on, when there are more bytes. */
  | { readonly kind: 'more' }
  | { readonly kind: 'error'; readonly code: ProxyErrorCode; readonly message: string }

export type ProxyErrorCode =
  /** The first bytes are of no version: the peer does not speak the PROXY protocol. */
  | 'ERR_PROXY_PROTOCOL_MISSING'
  | 'ERR_PROXY_PROTOCOL_INVALID'
  /** More than 107 bytes (version 1) or `PROXY_HEADER_BYTES_MAX` (version 2). */
  | 'ERR_PROXY_PROTOCOL_TOO_LONG'
