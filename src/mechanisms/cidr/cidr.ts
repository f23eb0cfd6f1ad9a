import type { IpAddress } from './address.ts'
import { formatAddress, parseAddress } from './address.ts'

/** A block of addresses: all whose first `prefixBits` bits are those of `address`. */
export interface CidrBlock {
  readonly address: IpAddress
  /** 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly prefixBits: number
}

/** Text that is no address and no block. */
export class CidrError extends Error {
  override readonly name = 'CidrError'
  readonly code = 'ERR_CIDR_INVALID'
  readonly text: string

  constructor(text: string, message: string) {
    super(message)
    this.text = text
  }
}

/**
 * A block (`10.0.0.0/8`, `fd00::/8`) or a single address. A block of IPv4-mapped addresses is the IPv4 block.
 * Throws `CidrError`; also for bits behind the prefix, because then it is not clear which block was meant.
 */
export function parseCidr(text: string): CidrBlock {
  const [addressText = '', prefixText, ...more] = text.slice(0, 64).split('/')
  const address = parseAddress(addressText)
  if (address === undefined || more.length > 0) {
    throw new CidrError(
      text,
      `\`${text.slice(0, 64)}\` is not an IP address or block; write 10.0.0.0/8, 192.0.2.7 or fd00::/8`,
    )
  }
  const wholeBits = address.family === 4 ? 32 : 128
  if (prefixText === undefined) return { address, prefixBits: wholeBits }
  const isMapped = address.family === 4 && addressText.includes(':')
  const prefixBits = parsePrefix(text, prefixText, isMapped ? 128 : wholeBits) - (isMapped ? 96 : 0)
  if (prefixBits < 0) {
    throw new CidrError(
      text,
      `\`${text}\` is wider than the IPv4-mapped addresses; write the IPv4 block, or an IPv6 address`,
    )
  }
  refuseHostBits(text, address, prefixBits)
  return { address, prefixBits }
}

function parsePrefix(text: string, prefix: string, prefixBitsMax: number): number {
  if (/^(?:0|[1-9]\d{0,2})$/.test(prefix) && Number(prefix) <= prefixBitsMax) return Number(prefix)
  throw new CidrError(
    text,
    `the prefix of \`${text.slice(0, 64)}\` is not a number from 0 to ${prefixBitsMax}`,
  )
}

function refuseHostBits(text: string, address: IpAddress, prefixBits: number): void {
  const masked = {
    family: address.family,
    words: address.words.map((word, i) => (word & maskOf(prefixBits, i)) >>> 0),
  }
  if (masked.words.every((word, i) => word === address.words[i])) return
  throw new CidrError(
    text,
    `\`${text}\` has bits behind its prefix; write ${formatAddress(masked)}/${prefixBits} for the block, or the address without /`,
  )
}

/** The mask of the `index`th 32-bit word. */
function maskOf(prefixBits: number, index: number): number {
  const bits = Math.min(32, Math.max(0, prefixBits - 32 * index))
  return bits === 0 ? 0 : (-1 << (32 - bits)) >>> 0
}

/** Whether an address lies in a block. */
export function isInBlock(block: CidrBlock, address: IpAddress): boolean {
  if (block.address.family !== address.family) return false
  return address.words.every(
    (word, i) => ((word ^ block.address.words[i]!) & maskOf(block.prefixBits, i)) === 0,
  )
}

/** Some blocks and single addresses. */
export interface CidrSet {
  readonly size: number
  /** Whether the text is an address in one of them. A zone (`fe80::1%eth0`) is not looked at; text that is no address is in none. */
  contains(address: string): boolean
}

/** The set of `list`; throws `CidrError` for the first entry that is none. Asking costs as much as there are entries: ask once a connection. */
export function createCidrSet(list: readonly string[]): CidrSet {
  const blocks = list.map(parseCidr)
  return {
    size: blocks.length,
    contains(text) {
      if (blocks.length === 0) return false
      const address = parseAddress(withoutZone(text))
      return address !== undefined && blocks.some((block) => isInBlock(block, address))
    },
  }
}

const LOOPBACK = createCidrSet(['127.0.0.0/8', '::1'])

/** Whether the text is a loopback address: 127.0.0.0/8 (also IPv4-mapped) or ::1. A host name is none. */
export function isLoopback(address: string): boolean {
  return LOOPBACK.contains(address)
}

function withoutZone(text: string): string {
  const zone = text.indexOf('%')
  return zone < 0 ? text : text.slice(0, zone)
}
