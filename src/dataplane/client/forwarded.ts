import { findField, fieldValue } from '../../mechanisms/http1/fields.ts'
import { FIELD } from '../../mechanisms/http1/names.ts'
import type { RequestHead } from '../../mechanisms/http1/request-head.ts'

/** A client connection, as far as the lines about it go. */
export interface ForwardedPeer {
  /** Without brackets. */
  readonly address: string
  readonly localPort: number
  /** Its word on earlier hops is believed. */
  readonly isTrusted: boolean
  readonly scheme: 'http' | 'https'
  /** Version of HTTP that it speaks, '' for what its heads say. */
  readonly version: string
}

/** Our name in Via: a pseudonym (RFC 9110 section 7.6.3). */
const VIA_NAME = 'backplane'

/**
 * The lines Via, X-Forwarded-For, -Proto, -Host, -Port and Forwarded (RFC 7239) of a request, Latin-1. Of a trusted peer the list goes on and its
 * X-Forwarded-Proto, -Host and -Port stay (the codec forwards them); of any other peer all is replaced.
 */
export function forwardedLines(peer: ForwardedPeer, head: RequestHead, bytes: Uint8Array): string {
  const { address, isTrusted, scheme } = peer
  const version = peer.version || `1.${head.minorVersion}`
  const earlierFor = isTrusted ? joined(head, bytes, FIELD.xForwardedFor) : ''
  const earlier = isTrusted ? joined(head, bytes, FIELD.forwarded) : ''
  let lines = `via: ${version} ${VIA_NAME}\r\nx-forwarded-for: ${earlierFor}${address}\r\nforwarded: ${earlier}${element(address, head.host, scheme)}\r\n`
  if (!isTrusted || findField(head.fields, FIELD.xForwardedProto) < 0)
    lines += `x-forwarded-proto: ${scheme}\r\n`
  if (head.host !== '' && (!isTrusted || findField(head.fields, FIELD.xForwardedHost) < 0)) {
    lines += `x-forwarded-host: ${head.host}\r\n`
  }
  if (!isTrusted || findField(head.fields, FIELD.xForwardedOther) < 0) {
    lines += `x-forwarded-port: ${peer.localPort}\r\n`
  }
  return lines
}

/** All values of one field with ", " behind them, or ''. */
function joined(head: RequestHead, bytes: Uint8Array, id: number): string {
  let text = ''
  for (let at = findField(head.fields, id); at >= 0; at = findField(head.fields, id, at + 1)) {
    const value = fieldValue(bytes, head.fields, at)
    if (value !== '') text += `${value}, `
  }
  return text
}

/** RFC 7239 section 4: IPv6 in brackets and quotes, a host with a port in quotes. The host was checked by the codec: no quote in it. */
function element(address: string, host: string, scheme: string): string {
  const node = address.includes(':') ? `"[${address}]"` : address
  return host === '' ? `for=${node};proto=${scheme}` : `for=${node};host="${host}";proto=${scheme}`
}
