import type { LimitBy } from '../../contracts/policies.ts'
import type { PolicyExchange } from './policy.ts'
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

/** 53 bits of a text that tells limits apart (FNV-1a, twice): no stranger chooses it. */
export function scopeOf(text: string): number {
  let high = 0x811c9dc5
  let low = 0x01000193
  for (const byte of new TextEncoder().encode(text)) {
    high = Math.imul(high ^ byte, 0x01000193)
    low = Math.imul(low ^ byte, 0x85ebca6b)
  }
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0)
}

/** Who is counted together, of one request. */
export function keyReader(by: LimitBy): (exchange: PolicyExchange) => string {
  if (by === 'route') return () => ''
  // Who was not asked for is nobody: all of these share one count.
  if (by === 'subject') return (exchange) => exchange.identity?.key ?? ''
  if (by !== 'address') return (exchange) => valueKey(exchange.header(by.header))
  // A connection has one address: it is looked at once for all of its requests that come in a row.
  let address = ''
  let key = ''
  return (exchange) => {
    if (exchange.address !== address) {
      ;({ address } = exchange)
      key = addressKey(address)
    }
    return key
  }
}

/** For people and logs: never the value of a header, which may be a secret. */
export function describeKey(by: LimitBy, exchange: PolicyExchange): string {
  if (by === 'route') return `route ${exchange.routeId}`
  if (by === 'address') return `address ${addressKey(exchange.address)}`
  if (by === 'subject') return `subject ${exchange.identity?.subject ?? '(nobody)'}`
  return exchange.header(by.header) === undefined
    ? `requests without ${by.header}`
    : `this value of ${by.header}`
}
