import { FIELD, FIELD_COUNT, fieldId } from './names.ts'

/** Which fields are not forwarded: made once from the configuration, looked up once a field. */
export interface Drops {
  /** 1 at the number of each FIELD that is dropped. */
  readonly ids: Uint8Array
  /** Lower-case names without a number that are dropped too. Each costs a comparison a field: keep it short.
   * Compared as a CGI-style backend would (`x_user_id` is dropped with `x-user-id`). */
  readonly names: readonly string[]
}

/** Always written anew or of this hop only (RFC 9110 section 7.6.1, RFC 9112 section 6): no configuration forwards them. */
const HOP_BY_HOP: readonly number[] = [
  FIELD.connection,
  FIELD.contentLength,
  FIELD.transferEncoding,
  FIELD.upgrade,
  FIELD.expect,
  FIELD.te,
  FIELD.keepAlive,
  FIELD.proxyConnection,
  FIELD.proxyAuthenticate,
  FIELD.proxyAuthorization,
  FIELD.proxyAuthenticationInfo,
  FIELD.http2Settings,
  FIELD.alias,
  FIELD.framingAlias,
  FIELD.proxy,
  // Only who has made the handshake knows the certificate: of anybody else it is a claim (RFC 9440 section 2.4).
  FIELD.clientCert,
  FIELD.clientCertChain,
]

/** What a client may say about where it comes from, and is not believed. */
const FORWARDED: readonly number[] = [
  FIELD.forwarded,
  FIELD.xForwardedFor,
  FIELD.xForwardedProto,
  FIELD.xForwardedHost,
  FIELD.xForwardedOther,
  FIELD.xRealIp,
]

export interface RequestDropOptions {
  /**
   * The peer is a trusted proxy: X-Forwarded-Proto, -Host, -Port and the like and X-Real-IP pass. X-Forwarded-For and Forwarded never do:
   * the caller writes them anew, with what it appends.
   */
  readonly isPeerTrusted: boolean
  /** More fields to drop, by lower-case name: those that the caller writes itself (x-request-id, traceparent), and secrets. */
  readonly names: readonly string[]
}

/** The fields of requests that are not forwarded. */
export function createRequestDrops(options: RequestDropOptions): Drops {
  const forwarded = options.isPeerTrusted ? [FIELD.xForwardedFor, FIELD.forwarded] : FORWARDED
  return createDrops([...HOP_BY_HOP, ...forwarded], options.names)
}

/** The fields of responses that are not forwarded; backplane-reason is the gateway's own word, so an upstream cannot say it. */
export function createResponseDrops(names: readonly string[]): Drops {
  return createDrops([...HOP_BY_HOP, FIELD.backplaneReason], names)
}

function createDrops(ids: readonly number[], names: readonly string[]): Drops {
  const table = new Uint8Array(FIELD_COUNT)
  for (const id of ids) table[id] = 1
  const unknown: string[] = []
  for (const name of names) {
    const id = fieldId(name)
    if (id === FIELD.other || id === FIELD.xForwardedOther) unknown.push(name)
    else table[id] = 1
  }
  return { ids: table, names: unknown }
}
