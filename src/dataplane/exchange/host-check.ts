import { headerValue, type RequestHead } from '../../mechanisms/http1/request-head.ts'
import { parseAddress } from '../../mechanisms/cidr/address.ts'
import type { GatewaySpec } from '../../contracts/snapshot.ts'
import type { ClientStream } from '../client/client-stream.ts'

/**
 * The host names that a listener on loopback answers to. A page of a foreign name that resolves to this machine (DNS rebinding) makes
 * the user's browser send that name: without this check every page could talk to what is only meant for this machine.
 */
export interface HostNames {
  readonly isAny: boolean
  readonly exact: ReadonlySet<string>
  /** `.example.com` of `*.example.com`. */
  readonly suffixes: readonly string[]
}

/** Names in `gateway.hosts` and those that routes name; `*` accepts every one. */
export function createHostNames(gateway: Pick<GatewaySpec, 'hosts' | 'routes'>): HostNames {
  const all = [...gateway.hosts, ...gateway.routes.flatMap((route) => route.hosts)]
  return {
    isAny: gateway.hosts.includes('*'),
    exact: new Set(all.filter((host) => !host.startsWith('*.'))),
    suffixes: all.filter((host) => host.startsWith('*.')).map((host) => host.slice(1)),
  }
}

/** Reason codes of `checkHost`. */
export type HostRefusal = 'ERR_GATEWAY_HOST_UNKNOWN' | 'ERR_GATEWAY_ORIGIN_FOREIGN'

/** What is wrong with where the request says that it goes or comes from; undefined: nothing. */
export function checkHost(
  hosts: HostNames,
  client: ClientStream,
  head: RequestHead,
  bytes: Buffer,
): HostRefusal | undefined {
  const { listener } = client
  if (!listener.isLoopback) return undefined
  if (listener.isPublic) {
    // A proxy in front that is trusted has decided which names it serves.
    const isFine = client.peer.isTrusted || isKnown(hosts, head.hostname)
    return isFine ? undefined : 'ERR_GATEWAY_HOST_UNKNOWN'
  }
  if (!isLocal(head.hostname) && head.hostname !== listener.service)
    return 'ERR_GATEWAY_HOST_UNKNOWN'
  return isForeign(head, bytes) ? 'ERR_GATEWAY_ORIGIN_FOREIGN' : undefined
}

function isKnown(names: HostNames, hostname: string): boolean {
  return (
    names.isAny ||
    isLocal(hostname) ||
    names.exact.has(hostname) ||
    names.suffixes.some((suffix) => hostname.endsWith(suffix))
  )
}

/** Names that no foreign DNS server can answer for. HTTP/1.0 may have none; browsers always send one. */
function isLocal(hostname: string): boolean {
  if (hostname === '127.0.0.1' || hostname === 'localhost' || hostname === '') return true
  return (
    hostname.endsWith('.localhost') || parseAddress(hostname.replace(/^\[|\]$/g, '')) !== undefined
  )
}

/**
 * Services call outbound listeners, pages do not. A service may pass on the Origin of its own client, and then passes on the request id
 * too, which no page can set without asking first (a preflight is refused here as well).
 */
function isForeign(head: RequestHead, bytes: Buffer): boolean {
  const origin = headerValue(bytes, head, 'origin')
  if (origin === undefined || headerValue(bytes, head, 'x-request-id') !== undefined) return false
  return origin !== `http://${head.host}`
}
