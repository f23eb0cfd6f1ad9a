import type { ProxyParse } from './header.ts'
import { parseVersion1, VERSION_1_START } from './version-1.ts'
import { parseVersion2, VERSION_2_START } from './version-2.ts'

export type { ProxyHeader, ProxyParse } from './header.ts'

/**
 * The header at the start of a connection, by HAProxy's "The PROXY protocol, versions 1 and 2" (2020/03/05).
 * Pure: give it all bytes that have come so far. Says `error` as soon as a byte cannot belong to a header, so nothing
 * larger than `PROXY_HEADER_BYTES_MAX` need ever be kept.
 */
export function parseProxyHeader(bytes: Uint8Array): ProxyParse {
  if (startsAs(bytes, VERSION_1_START)) {
    return bytes.length < VERSION_1_START.length ? { kind: 'more' } : parseVersion1(bytes)
  }
  if (startsAs(bytes, VERSION_2_START)) {
    return bytes.length < VERSION_2_START.length ? { kind: 'more' } : parseVersion2(bytes)
  }
  return {
    kind: 'error',
    code: 'ERR_PROXY_PROTOCOL_MISSING',
    message:
      'the connection does not begin with a PROXY protocol header; send one, or set proxyProtocol to false',
  }
}

/** Whether the bytes and the start agree as far as both go. */
function startsAs(bytes: Uint8Array, start: Uint8Array): boolean {
  const length = Math.min(bytes.length, start.length)
  for (let i = 0; i < length; i++) if (bytes[i] !== start[i]) return false
  return true
}
