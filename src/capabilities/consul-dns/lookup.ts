import type { DnsName } from '../../mechanisms/dns/name.ts'
import { keyOf } from '../../mechanisms/dns/name.ts'

/** What a name asks for. All texts are in lower case. */
export type Lookup =
  /** The domain itself. */
  | { readonly kind: 'apex' }
  | { readonly kind: 'service'; readonly service: string; readonly tag: string }
  | { readonly kind: 'node'; readonly node: string }
  /** An address that is written as a name; 4 bytes or 16. */
  | { readonly kind: 'address'; readonly address: Uint8Array }
  /** Below in-addr.arpa or ip6.arpa: which names an address has. */
  | { readonly kind: 'reverse'; readonly address: Uint8Array }
  /** Below the domain, and nothing that can exist. */
  | { readonly kind: 'unknown' }
  /** Below another domain. */
  | { readonly kind: 'elsewhere' }

/** Words of a name that say what stands before them. */
const WORDS: ReadonlySet<string> = new Set(['service', 'node', 'addr'])

/**
 * What a name asks for, as Consul reads it: `[TAG.]NAME.service`, `_NAME._TAG[.service]`, `NAME.node`, `HEX.addr`, each followed by the
 * datacenter or not (and, where it is, the word `dc` or not), below the domain.
 */
export function parseLookup(name: DnsName, domain: DnsName, datacenter: string): Lookup {
  const labels = name.labels.map((label) => label.toLowerCase())
  const depth = labels.length - domain.labels.length
  if (depth === 0 && keyOf(name) === keyOf(domain)) return { kind: 'apex' }
  if (depth <= 0 || name.keys[depth] !== keyOf(domain)) return parseReverse(labels)
  const parts = withoutDatacenter(labels.slice(0, depth), datacenter)
  const word = parts.at(-1) ?? ''
  const before = parts.slice(0, -1)
  if (isRfc2782(parts)) return rfc2782(parts)
  switch (word) {
    case 'service':
      return isRfc2782(before) ? rfc2782(before) : parseService(before)
    case 'node':
      return before.length === 0 ? { kind: 'unknown' } : { kind: 'node', node: before.join('.') }
    case 'addr':
      return parseHexAddress(before)
    default:
      return { kind: 'unknown' }
  }
}

/** Parts up to the word that says what they are; of another datacenter nothing is left. */
function withoutDatacenter(parts: readonly string[], datacenter: string): readonly string[] {
  const own = datacenter.toLowerCase()
  const ends = (rest: readonly string[]): boolean => WORDS.has(rest.at(-1) ?? '') || isRfc2782(rest)
  if (ends(parts)) return parts
  if (parts.at(-1) === own && ends(parts.slice(0, -1))) return parts.slice(0, -1)
  const isLong = parts.at(-1) === 'dc' && parts.at(-2) === own
  return isLong && ends(parts.slice(0, -2)) ? parts.slice(0, -2) : []
}

function isRfc2782(parts: readonly string[]): boolean {
  return parts.length === 2 && parts.every((part) => part.startsWith('_') && part.length > 1)
}

/** `_web._tcp`: any protocol other than tcp is a tag. */
function rfc2782(parts: readonly string[]): Lookup {
  const tag = (parts[1] ?? '').slice(1)
  return { kind: 'service', service: (parts[0] ?? '').slice(1), tag: tag === 'tcp' ? '' : tag }
}

/** Tags may have dots. */
function parseService(parts: readonly string[]): Lookup {
  const service = parts.at(-1)
  if (service === undefined) return { kind: 'unknown' }
  return { kind: 'service', service, tag: parts.slice(0, -1).join('.') }
}

function parseHexAddress(parts: readonly string[]): Lookup {
  const [hex = ''] = parts
  const isAddress = parts.length === 1 && /^([0-9a-f]{8}|[0-9a-f]{32})$/.test(hex)
  if (!isAddress) return { kind: 'unknown' }
  return { kind: 'address', address: Buffer.from(hex, 'hex') }
}

/** RFC 1035 section 3.5, RFC 3596 section 2.5: whole addresses only. */
function parseReverse(labels: readonly string[]): Lookup {
  const root = labels.slice(-2).join('.')
  const parts = labels.slice(0, -2).reverse()
  if (root === 'in-addr.arpa' && parts.length === 4) {
    const isDecimal = parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && +part <= 255)
    if (isDecimal) return { kind: 'reverse', address: Uint8Array.from(parts, Number) }
  }
  if (root === 'ip6.arpa' && parts.length === 32) {
    const isHex = parts.every((part) => /^[0-9a-f]$/.test(part))
    if (isHex) return { kind: 'reverse', address: Buffer.from(parts.join(''), 'hex') }
  }
  return { kind: 'elsewhere' }
}
