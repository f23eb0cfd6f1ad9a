import { formatAddress, parseAddress } from '../../mechanisms/cidr/address.ts'

/**
 * Which bucket an address belongs to: an IPv6 address to its /64, because that is what one subscriber has (RFC 6177), and he may use all 2^64 addresses
 * of it; an IPv4-mapped address to the IPv4 address that it stands for.
 */
export function addressKey(address: string): string {
  if (!address.includes(':')) return address
  const parsed = parseAddress(address)
  if (parsed === undefined) return address
  if (parsed.family === 4) return formatAddress(parsed)
  return `${formatAddress({ family: 6, words: [parsed.words[0]!, parsed.words[1]!, 0, 0] })}/64`
}

const SPACE = 0x20
const UPPER_A = 0x41
const UPPER_Z = 0x5a

/** Which bucket a value belongs to: case and white space make no difference, so that they cannot be used to get another bucket. */
export function valueKey(value: string | undefined): string {
  if (value === undefined) return ''
  for (let at = 0; at < value.length; at++) {
    const char = value.charCodeAt(at)
    if (char <= SPACE || char > 126 || (char >= UPPER_A && char <= UPPER_Z))
      return value.replaceAll(/\s/g, '').toLowerCase()
  }
  return value
}
