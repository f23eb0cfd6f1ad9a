import { parseAddress } from '../../../mechanisms/cidr/address.ts'

/** Who is one: an IPv4 address, or the /64 of an IPv6 address, which one customer has as a whole. */
export function networkOf(address: string): string {
  const parsed = parseAddress(address)
  if (parsed === undefined) return 'unknown'
  return parsed.words.slice(0, parsed.family === 6 ? 2 : 1).join('.')
}
