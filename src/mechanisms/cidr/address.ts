/** An IP address. An IPv4-mapped IPv6 address (::ffff:1.2.3.4) is the IPv4 address that it stands for: RFC 4291 section 2.5.5.2. */
export interface IpAddress {
  readonly family: 4 | 6
  /** One unsigned 32-bit word for IPv4, four for IPv6, the highest first. */
  readonly words: readonly number[]
}

/** Longest text of an address: IPv6 with an embedded IPv4 address. */
const ADDRESS_LENGTH_MAX = 45

/**
 * An address in its text form, or undefined. Strict: four decimal octets without leading zeros (which some read as
 * octal), IPv6 by RFC 4291 section 2.2 without brackets and without a zone.
 */
export function parseAddress(text: string): IpAddress | undefined {
  if (text.length > ADDRESS_LENGTH_MAX) return undefined
  if (!text.includes(':')) {
    const word = parseIpv4(text)
    return word === undefined ? undefined : { family: 4, words: [word] }
  }
  const groups = parseIpv6(text)
  if (groups === undefined) return undefined
  const words = [0, 2, 4, 6].map((i) => ((groups[i]! << 16) | groups[i + 1]!) >>> 0)
  const isMapped = words[0] === 0 && words[1] === 0 && words[2] === 0xffff
  return isMapped ? { family: 4, words: [words[3]!] } : { family: 6, words }
}

/** `1.2.3.4` to an unsigned 32-bit number. */
function parseIpv4(text: string): number | undefined {
  const octets = text.split('.')
  if (octets.length !== 4) return undefined
  let word = 0
  for (const octet of octets) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(octet) || Number(octet) > 255) return undefined
    word = word * 256 + Number(octet)
  }
  return word
}

/** Eight groups of 16 bits. */
function parseIpv6(text: string): number[] | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = parseGroups(halves[0]!, halves.length === 1)
  if (halves.length === 1) return head?.length === 8 ? head : undefined
  const tail = parseGroups(halves[1]!, true)
  if (head === undefined || tail === undefined || head.length + tail.length > 7) return undefined
  return [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail]
}

/** Groups between colons; the last one of an address may be a dotted IPv4 address. */
function parseGroups(text: string, mayEndDotted: boolean): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [i, part] of parts.entries()) {
    if (mayEndDotted && i === parts.length - 1 && part.includes('.')) {
      const word = parseIpv4(part)
      if (word === undefined) return undefined
      groups.push(word >>> 16, word & 0xffff)
    } else {
      if (!/^[0-9A-Fa-f]{1,4}$/.test(part)) return undefined
      groups.push(Number.parseInt(part, 16))
    }
  }
  return groups
}

/** The canonical text: RFC 5952 for IPv6 (lower case, the longest run of zeros as `::`). */
export function formatAddress(address: IpAddress): string {
  if (address.family === 4) {
    const word = address.words[0]!
    return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`
  }
  const groups = address.words.flatMap((word) => [word >>> 16, word & 0xffff])
  const [start, length] = longestZeroRun(groups)
  if (length < 2) return groups.map((group) => group.toString(16)).join(':')
  const texts = groups.map((group) => group.toString(16))
  return `${texts.slice(0, start).join(':')}::${texts.slice(start + length).join(':')}`
}

function longestZeroRun(groups: readonly number[]): readonly [number, number] {
  let best: readonly [number, number] = [0, 0]
  for (let start = 0; start < groups.length; start++) {
    let end = start
    while (groups[end] === 0) end++
    if (end - start > best[1]) best = [start, end - start]
  }
  return best
}
