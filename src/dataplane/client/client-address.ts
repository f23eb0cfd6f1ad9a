import { formatAddress, parseAddress } from '../../mechanisms/cidr/address.ts'

/** Hops that are looked at. */
const HOPS_MAX = 32

/**
 * The address of the client behind trusted proxies: of X-Forwarded-For the last one that is no trusted proxy itself, since each proxy adds at the end whom it has
 * seen, and a client may begin the list as it likes. What is no address ends the search: then the hop behind it is the client.
 */
export function clientAddress(
  peer: string,
  forwardedFor: string | undefined,
  isProxy: (address: string) => boolean,
): string {
  if (forwardedFor === undefined) return peer
  let found = peer
  let end = forwardedFor.length
  for (let hops = 0; hops < HOPS_MAX && end > 0; hops++) {
    const comma = forwardedFor.lastIndexOf(',', end - 1)
    const address = parseHop(forwardedFor.slice(comma + 1, end).trim())
    if (address === undefined) return found
    found = address
    if (!isProxy(address)) return found
    end = comma
  }
  return found
}

/** `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`. */
function parseHop(text: string): string | undefined {
  const plain =
    /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ??
    /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ??
    text
  const address = parseAddress(plain)
  return address === undefined ? undefined : formatAddress(address)
}
