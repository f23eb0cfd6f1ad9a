import { isIP, isIPv4, isIPv6 } from 'node:net'

export interface HostPort {
  /** An IPv4 address, an IPv6 address without brackets, or a host name in lower case. */
  readonly host: string
  readonly port: number
}

const NAME_LENGTH_MAX = 253
const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/

/**
 * `10.0.0.5:8080`, `orders.local:8080` or `[::1]:8080`, or undefined where the text is none of them.
 * The port is decimal, without a sign or leading zeros, up to 65535; 0 only where `portMin` is 0.
 */
export function parseHostPort(text: string, portMin: 0 | 1 = 1): HostPort | undefined {
  const colon = text.lastIndexOf(':')
  if (colon <= 0) return undefined
  const port = parsePort(text.slice(colon + 1), portMin)
  const host = parseHost(text.slice(0, colon))
  return port === undefined || host === undefined ? undefined : { host, port }
}

/** A decimal port, or undefined. */
export function parsePort(text: string, portMin: 0 | 1 = 1): number | undefined {
  if (!/^(0|[1-9][0-9]{0,4})$/.test(text)) return undefined
  const port = Number(text)
  return port >= portMin && port <= 65_535 ? port : undefined
}

/** The text that `parseHostPort` reads back as the same address. */
export function formatHostPort({ host, port }: HostPort): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}

/** The addresses that a host stands for: both loopbacks where it says localhost, since clients try either. */
export function addressesOf(host: string): readonly [string, ...string[]] {
  return host === 'localhost' ? ['127.0.0.1', '::1'] : [host]
}

/** How a client on this machine calls it: a wildcard address is reached over loopback. */
export function urlOf({ host, port }: HostPort, scheme = 'http'): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `${scheme}://${formatHostPort({ host: reachable, port })}`
}

/** Only this machine can reach it: `localhost` and names below it (RFC 6761), 127.0.0.0/8, `::1`. */
export function isLoopbackHost(host: string): boolean {
  if (isIPv4(host)) return host.startsWith('127.')
  if (isIPv6(host)) return /^(0{0,4}:){2,7}0{0,3}1$/.test(host) || /^::ffff:127\./i.test(host)
  return host === 'localhost' || host.endsWith('.localhost')
}

/** Why a text is neither an IP address nor a CIDR block (`10.0.0.0/8`, `fd00::/8`); undefined where it is one. Host bits may be set. */
export function explainBadCidr(text: string): string | undefined {
  const slash = text.indexOf('/')
  const address = slash < 0 ? text : text.slice(0, slash)
  const version = address.includes('%') ? 0 : isIP(address)
  if (version === 0) return 'is not an IP address or CIDR block such as 10.0.0.0/8 or fd00::/8'
  const bitsMax = version === 4 ? 32 : 128
  if (slash < 0) return undefined
  const prefix = text.slice(slash + 1)
  if (!/^(0|[1-9][0-9]{0,2})$/.test(prefix) || Number(prefix) > bitsMax) {
    return `has no prefix length from 0 to ${bitsMax} after the slash`
  }
  return undefined
}

function parseHost(text: string): string | undefined {
  if (text.startsWith('[')) {
    const inner = text.slice(1, -1)
    return text.endsWith(']') && isIPv6(inner) && !inner.includes('%') ? inner : undefined
  }
  if (isIPv4(text)) return text
  const name = text.toLowerCase()
  // What looks like an IPv4 address but is none (010.1.1.1, 1.2.3) must not be looked up as a name.
  if (name.length > NAME_LENGTH_MAX || /(^|\.)[0-9]+$/.test(name)) return undefined
  return name.split('.').every((label) => LABEL.test(label)) ? name : undefined
}
