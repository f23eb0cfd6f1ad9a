import { headerValue, type RequestHead } from '../../mechanisms/http1/request-head.ts'
import type { HalfSipHash } from '../../mechanisms/siphash/half-siphash.ts'
import type { ServiceSpec } from '../../contracts/snapshot.ts'
import type { Exchange } from './exchange.ts'
import { cookieValue } from './sticky.ts'

/** What `ring-hash` and `maglev` go by: an unsigned 32-bit number, the same in every worker; -1: the request has no such key. */
export function readHashKey(
  exchange: Exchange,
  head: RequestHead,
  bytes: Buffer,
  hash: HalfSipHash,
): number {
  const { by } = exchange.service!.spec.balance
  if (by === undefined) return -1
  const key = by === 'address' ? exchange.client.peer.address : textOf(by, head, bytes)
  if (key === '') return -1
  hash.hashText(key)
  return hash.high
}

/** The subset of instances that a request asks for; null: any. */
export function readSubset(
  { subset }: ServiceSpec['balance'],
  head: RequestHead,
  bytes: Buffer,
): string | null {
  if (subset === undefined) return null
  const said = headerValue(bytes, head, subset.header) ?? ''
  const value = said === '' ? subset.otherwise : said
  return value === '' ? null : value
}

type TextKey =
  | { readonly header: string }
  | { readonly cookie: string }
  | { readonly segment: number }

function textOf(by: TextKey, head: RequestHead, bytes: Buffer): string {
  if ('header' in by) return headerValue(bytes, head, by.header) ?? ''
  if ('cookie' in by) return cookieValue(headerValue(bytes, head, 'cookie') ?? '', by.cookie)
  return head.path.split('/', by.segment + 1)[by.segment] ?? ''
}
