import { formatAddress } from '../cidr/address.ts'
import { parseAddress } from '../cidr/address.ts'
import type { ProxyEndpoint, ProxyParse } from './header.ts'

/** Longest header that is read, TLVs included. The length field could say 64 KiB; a sane proxy stays far below this. */
export const PROXY_HEADER_BYTES_MAX = 4096
export const VERSION_2_START = new Uint8Array([
  0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
])
const FIXED_BYTES = 16
const LOCAL = 0
const PROXY = 1
const TCP_OVER_IPV4 = 0x11
const TCP_OVER_IPV6 = 0x21

/** Parses the binary header; `bytes` begin with VERSION_2_START. TLVs are skipped. */
export function parseVersion2(bytes: Uint8Array): ProxyParse {
  if (bytes.length < FIXED_BYTES) return { kind: 'more' }
  const version = bytes[12]! >> 4
  const command = bytes[12]! & 15
  if (version !== 2) return invalid(`the version is ${version}`)
  if (command !== LOCAL && command !== PROXY) return invalid(`the command is ${command}`)
  const consumed = FIXED_BYTES + ((bytes[14]! << 8) | bytes[15]!)
  if (consumed > PROXY_HEADER_BYTES_MAX) return tooLong(consumed)
  if (bytes.length < consumed) return { kind: 'more' }
  const family = bytes[13]!
  const addressBytes = family === TCP_OVER_IPV4 ? 4 : family === TCP_OVER_IPV6 ? 16 : 0
  if (command === LOCAL || addressBytes === 0) {
    return { kind: 'header', version: 2, consumed, source: undefined, destination: undefined }
  }
  const portsAt = FIXED_BYTES + 2 * addressBytes
  if (consumed < portsAt + 4) return invalid('it is too short for its addresses')
  return {
    kind: 'header',
    version: 2,
    consumed,
    source: endpointAt(bytes, FIXED_BYTES, addressBytes, portsAt),
    destination: endpointAt(bytes, FIXED_BYTES + addressBytes, addressBytes, portsAt + 2),
  }
}

function endpointAt(
  bytes: Uint8Array,
  at: number,
  addressBytes: number,
  portAt: number,
): ProxyEndpoint {
  const words: number[] = []
  for (let i = at; i < at + addressBytes; i += 4) {
    words.push(
      ((bytes[i]! << 24) | (bytes[i + 1]! << 16) | (bytes[i + 2]! << 8) | bytes[i + 3]!) >>> 0,
    )
  }
  const address = formatAddress({ family: addressBytes === 4 ? 4 : 6, words })
  return { address: canonical(address), port: (bytes[portAt]! << 8) | bytes[portAt + 1]! }
}

/** An IPv4-mapped address is told as the IPv4 address, as in version 1. */
function canonical(address: string): string {
  const parsed = parseAddress(address)
  return parsed === undefined ? address : formatAddress(parsed)
}

function tooLong(bytes: number): ProxyParse {
  return {
    kind: 'error',
    code: 'ERR_PROXY_PROTOCOL_TOO_LONG',
    message: `the PROXY protocol header says that it has ${bytes} bytes, and ${PROXY_HEADER_BYTES_MAX} are allowed`,
  }
}

function invalid(what: string): ProxyParse {
  return {
    kind: 'error',
    code: 'ERR_PROXY_PROTOCOL_INVALID',
    message: `the PROXY protocol header (version 2) cannot be read: ${what}`,
  }
}
