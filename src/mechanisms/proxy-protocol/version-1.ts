import { formatAddress, parseAddress } from '../cidr/address.ts'
import type { ProxyEndpoint, ProxyParse } from './header.ts'

/** Longest line with its CRLF: the specification's own figure, for UNKNOWN with two IPv6 addresses. */
export const VERSION_1_BYTES_MAX = 107
export const VERSION_1_START = new TextEncoder().encode('PROXY ')

/** Parses `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n`; `bytes` begin with VERSION_1_START. */
export function parseVersion1(bytes: Uint8Array): ProxyParse {
  const newline = bytes.subarray(0, VERSION_1_BYTES_MAX).indexOf(10)
  if (newline < 0) {
    if (bytes.length < VERSION_1_BYTES_MAX) return { kind: 'more' }
    return {
      kind: 'error',
      code: 'ERR_PROXY_PROTOCOL_TOO_LONG',
      message: `the PROXY line has no end within ${VERSION_1_BYTES_MAX} bytes`,
    }
  }
  const line = asciiOf(bytes.subarray(0, newline + 1))
  if (line === undefined || !line.endsWith('\r\n'))
    return invalid('the line is not ASCII with CRLF')
  return parseLine(line.slice(0, -2), newline + 1)
}

function parseLine(line: string, consumed: number): ProxyParse {
  const fields = line.split(' ')
  const [, protocol, sourceText = '', destinationText = '', sourcePort = '', destinationPort = ''] =
    fields
  // The receiver must ignore anything presented before the CRLF after UNKNOWN (section 2.1).
  if (protocol === 'UNKNOWN') {
    return { kind: 'header', version: 1, consumed, source: undefined, destination: undefined }
  }
  if (protocol !== 'TCP4' && protocol !== 'TCP6')
    return invalid('the protocol is not TCP4, TCP6 or UNKNOWN')
  if (fields.length !== 6) return invalid('there are not two addresses and two ports')
  const source = endpointOf(sourceText, sourcePort, protocol)
  const destination = endpointOf(destinationText, destinationPort, protocol)
  if (source === undefined || destination === undefined)
    return invalid(`an address or port is not one of ${protocol}`)
  return { kind: 'header', version: 1, consumed, source, destination }
}

function endpointOf(
  text: string,
  port: string,
  protocol: 'TCP4' | 'TCP6',
): ProxyEndpoint | undefined {
  const address = parseAddress(text)
  if (address === undefined || text.includes(':') !== (protocol === 'TCP6')) return undefined
  if (!/^(?:0|[1-9]\d{0,4})$/.test(port) || Number(port) > 65_535) return undefined
  return { address: formatAddress(address), port: Number(port) }
}

function asciiOf(bytes: Uint8Array): string | undefined {
  let text = ''
  for (const byte of bytes) {
    if (byte > 126) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}

function invalid(what: string): ProxyParse {
  return {
    kind: 'error',
    code: 'ERR_PROXY_PROTOCOL_INVALID',
    message: `the PROXY protocol line (version 1) cannot be read: ${what}`,
  }
}
