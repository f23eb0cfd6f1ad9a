import { TYPE, type Authority, type RecordData } from '../../mechanisms/dns/message.ts'
import { parseName, type DnsName } from '../../mechanisms/dns/name.ts'
import type { Clock } from '../../platform/capability.ts'
import type { Discovery } from '../discovery/api.ts'
import type { Node } from '../discovery/model.ts'
import { addressData, Endpoints, type EndpointSet } from './endpoints.ts'
import { parseLookup, type Lookup } from './lookup.ts'
import { ReverseNames } from './reverse-names.ts'
import type { ConsulDnsConfig } from './settings.ts'
import type { ToldServices } from '../../platform/told.ts'

/** A record of the additional section. */
export interface Additional {
  readonly name: DnsName
  readonly data: RecordData
}

/** What there is to say to a question. */
export type Finding =
  | {
      readonly kind: 'records'
      readonly ttlS: number
      readonly answers: readonly RecordData[]
      readonly additionals: readonly Additional[]
    }
  /** Instances of a service, of which as many as have room are told, in any order. */
  | { readonly kind: 'endpoints'; readonly ttlS: number; readonly set: EndpointSet }
  /** Nothing of this type, or nothing at all by this name. */
  | { readonly kind: 'nothing'; readonly isName: boolean }
  /** Of another domain. */
  | { readonly kind: 'elsewhere' }

type NodeFacts = Pick<Node, 'name' | 'address' | 'meta'>

/** What zone and answers need of the registry. */
export type Registry = Pick<
  Discovery,
  | 'localNode'
  | 'service'
  | 'serviceName'
  | 'services'
  | 'instances'
  | 'node'
  | 'nodes'
  | 'subscribe'
  | 'indexOf'
>

const NO_NAME: Finding = { kind: 'nothing', isName: false }
const NO_DATA: Finding = { kind: 'nothing', isName: true }

export interface ZoneOptions {
  readonly registry: Registry
  readonly settings: ConsulDnsConfig
  readonly clock: Clock
  readonly told: ToldServices
}

/** Names of the domain, made of the registry as it is now. */
export class Zone {
  readonly #registry: Registry
  readonly #clock: Clock
  readonly #endpoints: Endpoints
  readonly #reverse: ReverseNames
  readonly #told: ToldServices
  #settings: ConsulDnsConfig
  #ttlS: ReadonlyMap<string, number> = new Map()
  domain: DnsName
  #below: DnsName

  constructor({ registry, settings, clock, told }: ZoneOptions) {
    this.#registry = registry
    this.#clock = clock
    this.#endpoints = new Endpoints(registry)
    this.#reverse = new ReverseNames(registry, clock, (name) =>
      // As the Consul API calls this machine.
      name === registry.localNode ? this.#settings.node : name,
    )
    this.#told = told
    this.#settings = settings
    this.domain = nameOf(settings.domain)
    this.#below = this.domain
    this.configure(settings)
  }

  /** Forgets the services that go, until the returned function is called. */
  follow(): () => void {
    return this.#registry.subscribe('catalog', ({ services }) => {
      for (const { name, action } of services) if (action === 'removed') this.#told.forget(name)
    })
  }

  configure(settings: ConsulDnsConfig): void {
    this.#settings = settings
    this.domain = nameOf(settings.domain)
    this.#below = nameOf(`${settings.datacenter}.${settings.domain}`)
    this.#ttlS = new Map(
      Object.entries(settings.ttlOf).map(([name, ms]) => [name.toLowerCase(), seconds(ms)]),
    )
    this.#endpoints.clear()
  }

  /** The start of authority, for negative answers and for whoever asks for it. */
  authority(): Authority {
    return {
      primary: nameOf(`ns.${this.#settings.domain}`),
      mailbox: nameOf(`hostmaster.${this.#settings.domain}`),
      serial: Math.floor(this.#clock.nowMs() / 1000) >>> 0,
      refreshS: 3600,
      retryS: 600,
      expireS: 86_400,
      negativeS: seconds(this.#settings.negativeTtl),
    }
  }

  /** For how many seconds clients may remember an answer about a service. */
  ttlS(service: string): number {
    return this.#ttlS.get(service.toLowerCase()) ?? seconds(this.#settings.ttl)
  }

  find(name: DnsName, type: number): Finding {
    const lookup = parseLookup(name, this.domain, this.#settings.datacenter)
    switch (lookup.kind) {
      case 'apex':
        return this.#findApex(type)
      case 'service':
        return this.#findService(lookup)
      case 'node':
        return this.#findNode(name, lookup.node, type)
      case 'address':
        return records(ofType([addressRecord(lookup.address)], type), 0)
      case 'reverse':
        return this.#findReverse(lookup.address, type)
      case 'unknown':
        return NO_NAME
      case 'elsewhere':
        return { kind: 'elsewhere' }
      default:
        return lookup satisfies never
    }
  }

  #findApex(type: number): Finding {
    const { name, ...known } = this.#self()
    const self = parseName(`${name}.node.${this.#below.labels.join('.')}`) ?? this.domain
    const soa: RecordData = { type: 'SOA', ...this.authority() }
    const found = ofType([soa, { type: 'NS', target: self }], type)
    const isNs = found.some((data) => data.type === 'NS')
    const glue = isNs ? [{ name: self, data: addressOfNode(known) }] : []
    return records(found, 0, glue)
  }

  #findService({ service, tag }: Lookup & { kind: 'service' }): Finding {
    const found = this.#registry.serviceName(service)
    if (found === undefined) return NO_NAME
    const set = this.#endpoints.find(found, tag, this.#below)
    // As Consul: where nobody is well there is no such name.
    if (set.endpoints.length === 0) return NO_NAME
    this.#told.note(found)
    return { kind: 'endpoints', ttlS: this.ttlS(found), set }
  }

  #findNode(name: DnsName, asked: string, type: number): Finding {
    const node = this.#node(asked)
    if (node === undefined) return NO_NAME
    const address = addressOfNode(node)
    const texts = textsOf(node)
    const ttlS = seconds(this.#settings.nodeTtl)
    // As Consul: what is known of a node is told beside its address.
    const beside = type === TYPE.A || type === TYPE.AAAA ? texts : []
    const additionals = beside.map((data) => ({ name, data }))
    return records(ofType([address, ...texts], type), ttlS, additionals)
  }

  #findReverse(address: Uint8Array, type: number): Finding {
    const names = this.#reverse.find(address)
    if (names.length === 0) return { kind: 'elsewhere' }
    const domain = this.#settings.domain
    const below = this.#below.labels.join('.')
    const targets = names
      .map(({ kind, name }) =>
        parseName(kind === 'node' ? `${name}.node.${below}` : `${name}.service.${domain}`),
      )
      .filter((target) => target !== undefined)
    const pointers = targets.map((target): RecordData => ({ type: 'PTR', target }))
    return records(ofType(pointers, type), 0)
  }

  #node(asked: string): NodeFacts | undefined {
    if (asked === this.#settings.node.toLowerCase()) return this.#self()
    const exact = this.#registry.node(asked)
    if (exact !== undefined) return exact
    for (const node of this.#registry.nodes()) if (node.name.toLowerCase() === asked) return node
    return asked === this.#registry.localNode ? this.#self() : undefined
  }

  /** This machine, which is there also while nobody is registered on it. */
  #self(): NodeFacts {
    const known = this.#registry.node(this.#registry.localNode)
    const { node: name, address } = this.#settings
    return { name, address: known?.address || address, meta: known?.meta ?? {} }
  }
}

function addressOfNode(node: Pick<NodeFacts, 'address'>): RecordData {
  return addressData(node.address) ?? { type: 'A', address: Uint8Array.of(127, 0, 0, 1) }
}

/** RFC 1464: `key=value`; a key that begins with `rfc1035-` is for the value alone. */
function textsOf({ meta }: NodeFacts): readonly RecordData[] {
  return Object.entries(meta).map(([key, value]) => {
    const text = key.toLowerCase().startsWith('rfc1035-') ? value : `${key}=${value}`
    return { type: 'TXT', texts: cut(Buffer.from(text).toString('latin1')) }
  })
}

/** Character strings of at most 255 bytes. */
function cut(text: string): readonly string[] {
  const parts = text.match(/[^]{1,255}/g)
  return parts ?? ['']
}

function addressRecord(address: Uint8Array): RecordData {
  return { type: address.length === 4 ? 'A' : 'AAAA', address }
}

function records(
  answers: readonly RecordData[],
  ttlS: number,
  additionals: readonly Additional[] = [],
): Finding {
  return answers.length === 0 ? NO_DATA : { kind: 'records', ttlS, answers, additionals }
}

function ofType(all: readonly RecordData[], type: number): readonly RecordData[] {
  return all.filter(
    (data) => type === TYPE.ANY || (data.type !== 'OTHER' && TYPE[data.type] === type),
  )
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000)
}

/** The check of the file has seen that it is a name. */
function nameOf(text: string): DnsName {
  const name = parseName(text)
  if (name === undefined) throw new TypeError(`${text} is no name`)
  return name
}
