import { parseAddress } from '../../cidr/address.ts'
import type { ProxyEndpoint } from '../header.ts'
import { VERSION_2_START } from '../version-2.ts'

/** A version 1 line; both addresses are of one family. Throws a RangeError where they are not. */
export function encodeVersion1(source: ProxyEndpoint, destination: ProxyEndpoint): Uint8Array {
  familyOf(source, destination)
  const protocol = source.address.includes(':') ? 'TCP6' : 'TCP4'
  return new TextEncoder().encode(
    `PROXY ${protocol} ${source.address} ${destination.address} ${source.port} ${destination.port}\r\n`,
  )
}

/** A version 2 header with the PROXY command; `tlvBytes` zero bytes (TLVs of type NOOP would look alike) follow the addresses. */
export function encodeVersion2(
  source: ProxyEndpoint,
  destination: ProxyEndpoint,
  tlvBytes = 0,
): Uint8Array {
  const family = familyOf(source, destination)
  const addressBytes = family === 4 ? 4 : 16
  const length = 2 * addressBytes + 4 + tlvBytes
  const bytes = new Uint8Array(16 + length)
  const view = new DataView(bytes.buffer)
  bytes.set(VERSION_2_START)
  bytes[12] = 0x21
  bytes[13] = family === 4 ? 0x11 : 0x21
  view.setUint16(14, length)
  for (const [i, endpoint] of [source, destination].entries()) {
    const words = parseAddress(endpoint.address)?.words ?? []
    for (const [j, word] of words.entries()) view.setUint32(16 + i * addressBytes + 4 * j, word)
    view.setUint16(16 + 2 * addressBytes + 2 * i, endpoint.port)
  }
  return bytes
}

/** A version 2 header with the LOCAL command: a health check of the proxy itself. */
export function encodeLocal(): Uint8Array {
  return new Uint8Array([...VERSION_2_START, 0x20, 0x00, 0x00, 0x00])
}

function familyOf(source: ProxyEndpoint, destination: ProxyEndpoint): 4 | 6 {
  const family = parseAddress(source.address)?.family
  if (family === undefined || family !== parseAddress(destination.address)?.family) {
    throw new RangeError(
      `${source.address} and ${destination.address} are not two addresses of one family`,
    )
  }
  return family
}
