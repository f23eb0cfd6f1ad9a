import { parseAddress } from '../../mechanisms/cidr/address.ts'
import type { RecordData } from '../../mechanisms/dns/message.ts'
import { parseName, type DnsName } from '../../mechanisms/dns/name.ts'
import type { Discovery } from '../discovery/api.ts'
import type { Instance } from '../discovery/model.ts'

/** Where instances are: shared by all that are there. */
export interface Host {
  /** What an SRV record points to. */
  readonly target: DnsName
  /** Undefined where the registry has a host name, which somebody else resolves. */
  readonly data: (RecordData & { readonly type: 'A' | 'AAAA' }) | undefined
}

export interface Endpoint {
  readonly srv: RecordData & { readonly type: 'SRV' }
  readonly host: Host
}

/** Everything in rotation of one service and tag, ready to be written. The lists may be put into another order. */
export interface EndpointSet {
  readonly endpoints: Endpoint[]
  readonly hosts: Host[]
}

interface Kept {
  readonly index: number
  readonly set: EndpointSet
}

/** Endpoints that are kept ready, over all services; what goes beyond is made anew for each answer. */
const ENDPOINTS_KEPT_MAX = 50_000

const NONE: EndpointSet = { endpoints: [], hosts: [] }

/** The endpoints of services, made once a change of the service. */
export class Endpoints {
  readonly #discovery: Pick<Discovery, 'service' | 'instances'>
  readonly #kept = new Map<string, Kept>()
  #count = 0

  constructor(discovery: Pick<Discovery, 'service' | 'instances'>) {
    this.#discovery = discovery
  }

  /** In rotation, with this tag where it is not empty. `domain` is what targets stand below: `dc1.consul`. */
  find(service: string, tag: string, domain: DnsName): EndpointSet {
    const summary = this.#discovery.service(service)
    if (summary === undefined) return NONE
    const key = `${service} ${tag}`
    const kept = this.#kept.get(key)
    if (kept?.index === summary.index) return kept.set
    const set = this.#make(service, tag, domain)
    this.#keep(key, { index: summary.index, set })
    return set
  }

  /** Forgets everything: names are made otherwise now. */
  clear(): void {
    this.#kept.clear()
    this.#count = 0
  }

  #make(service: string, tag: string, domain: DnsName): EndpointSet {
    const hosts = new Map<string, Host | undefined>()
    const endpoints: Endpoint[] = []
    const seen = new Set<string>()
    for (const instance of this.#discovery.instances(service)) {
      if (!isThere(instance) || !hasTag(instance, tag)) continue
      const { saidHost } = instance
      const address = `${saidHost} ${instance.port}`
      if (seen.has(address)) continue
      seen.add(address)
      if (!hosts.has(saidHost)) hosts.set(saidHost, createHost(saidHost, domain))
      const host = hosts.get(saidHost)
      if (host !== undefined) endpoints.push(createEndpoint(instance, host))
    }
    if (endpoints.length === 0) return NONE
    return { endpoints, hosts: [...hosts.values()].filter((host) => host !== undefined) }
  }

  #keep(key: string, kept: Kept): void {
    const before = this.#kept.get(key)
    if (before !== undefined) {
      this.#kept.delete(key)
      this.#count -= sizeOf(before)
    }
    // The oldest go first: those of services that are gone, and of tags that nobody has, too.
    for (const [oldest, other] of this.#kept) {
      if (this.#count + sizeOf(kept) <= ENDPOINTS_KEPT_MAX) break
      this.#kept.delete(oldest)
      this.#count -= sizeOf(other)
    }
    if (sizeOf(kept) > ENDPOINTS_KEPT_MAX) return
    this.#kept.set(key, kept)
    this.#count += sizeOf(kept)
  }
}

/** An empty set counts, too. */
function sizeOf({ set }: Kept): number {
  return set.endpoints.length + 1
}

/** In rotation; one without a port is nothing for the gateway, but has an address. */
function isThere({ isRoutable, port, health }: Instance): boolean {
  return isRoutable || (port === 0 && (health === 'passing' || health === 'warning'))
}

function hasTag({ tags }: Instance, tag: string): boolean {
  return tag === '' || tags.some((one) => one.toLowerCase() === tag)
}

function createEndpoint({ port, weight }: Instance, host: Host): Endpoint {
  return { srv: { type: 'SRV', priority: 1, weight, port, target: host.target }, host }
}

/** Undefined where the host cannot be told over DNS. */
function createHost(host: string, domain: DnsName): Host | undefined {
  const data = addressData(host)
  const target = data === undefined ? parseName(host) : addressName(data.address, domain)
  return target === undefined ? undefined : { target, data }
}

/** Undefined for host names other than localhost, which is this machine (RFC 6761). */
export function addressData(
  host: string,
): (RecordData & { readonly type: 'A' | 'AAAA' }) | undefined {
  const parsed = parseAddress(host === 'localhost' ? '127.0.0.1' : host)
  if (parsed === undefined) return undefined
  const bytes = Buffer.alloc(parsed.words.length * 4)
  for (const [i, word] of parsed.words.entries()) bytes.writeUInt32BE(word, i * 4)
  return { type: parsed.family === 4 ? 'A' : 'AAAA', address: bytes }
}

/** `c000020a.addr.dc1.consul`: an address as a name, so that an SRV record can point to it. */
function addressName(address: Uint8Array, domain: DnsName): DnsName | undefined {
  return parseName(`${Buffer.from(address).toString('hex')}.addr.${domain.labels.join('.')}`)
}
