import type { Instance, Node } from '../discovery/model.ts'
import type { World } from './catalog-world.ts'

type Texts = Readonly<Record<string, string>>

/** `Node` of the Consul API. */
export interface NodeView {
  readonly ID: string
  readonly Node: string
  readonly Address: string
  readonly Datacenter: string
  readonly TaggedAddresses: Texts
  readonly Meta: Texts
  readonly CreateIndex: number
  readonly ModifyIndex: number
}

/** A node as the catalog and health show it. */
export function viewNode(world: World, node: Node): NodeView {
  const { address } = node
  const tagged = Object.keys(node.taggedAddresses).length > 0 || address === ''
  return {
    ID: node.uuid,
    Node: world.shownNode(node.name),
    Address: address,
    Datacenter: world.datacenter,
    TaggedAddresses: tagged ? node.taggedAddresses : { lan: address, wan: address },
    Meta: node.meta,
    CreateIndex: node.createIndex,
    ModifyIndex: node.modifyIndex,
  }
}

/** `AgentService` of the Consul API, as health, the catalog of a node and the agent show it. */
export interface ServiceView {
  readonly ID: string
  readonly Service: string
  readonly Tags: readonly string[]
  readonly Meta: Texts
  readonly Port: number
  readonly Address: string
  readonly TaggedAddresses: object
  readonly Weights: { readonly Passing: number; readonly Warning: number }
  readonly EnableTagOverride: boolean
  readonly Datacenter: string
  readonly CreateIndex: number
  readonly ModifyIndex: number
}

/** A service of a node. */
export function viewService(world: World, instance: Instance): ServiceView {
  return {
    ID: instance.idOnNode,
    Service: instance.service,
    Tags: instance.tags,
    Meta: instance.meta,
    Port: instance.port,
    Address: addressOf(instance),
    TaggedAddresses: taggedOf(instance),
    Weights: weightsOf(instance),
    EnableTagOverride: instance.enableTagOverride,
    Datacenter: world.datacenter,
    CreateIndex: instance.createIndex,
    ModifyIndex: instance.modifyIndex,
  }
}

/** `CatalogService` of the Consul API: a service and its node in one. */
export interface CatalogServiceView {
  readonly ID: string
  readonly Node: string
  readonly Address: string
  readonly Datacenter: string
  readonly TaggedAddresses: Texts
  readonly NodeMeta: Texts
  readonly ServiceKind: ''
  readonly ServiceID: string
  readonly ServiceName: string
  readonly ServiceTags: readonly string[]
  readonly ServiceAddress: string
  readonly ServiceTaggedAddresses: object
  readonly ServiceWeights: { readonly Passing: number; readonly Warning: number }
  readonly ServiceMeta: Texts
  readonly ServicePort: number
  readonly ServiceEnableTagOverride: boolean
  readonly ServiceProxy: object
  readonly ServiceConnect: object
  readonly CreateIndex: number
  readonly ModifyIndex: number
}

/** An instance in the list of its service. */
export function viewCatalogService(
  world: World,
  node: Node,
  instance: Instance,
): CatalogServiceView {
  const { ID, Node: name, Address, Datacenter, TaggedAddresses, Meta } = viewNode(world, node)
  return {
    ID,
    Node: name,
    Address,
    Datacenter,
    TaggedAddresses,
    NodeMeta: Meta,
    ServiceKind: '',
    ServiceID: instance.idOnNode,
    ServiceName: instance.service,
    ServiceTags: instance.tags,
    ServiceAddress: addressOf(instance),
    ServiceTaggedAddresses: taggedOf(instance),
    ServiceWeights: weightsOf(instance),
    ServiceMeta: instance.meta,
    ServicePort: instance.port,
    ServiceEnableTagOverride: instance.enableTagOverride,
    ServiceProxy: NO_PROXY,
    ServiceConnect: {},
    CreateIndex: instance.createIndex,
    ModifyIndex: instance.modifyIndex,
  }
}

const NO_PROXY = { Mode: '', MeshGateway: {}, Expose: {} } as const

/** '' where it gave none, as it was registered: clients then take the node's. */
function addressOf(instance: Instance): string {
  const twin = instance.twins.find(({ spec }) => spec.idOnNode === instance.idOnNode)
  const { isHostOfNode = false, host } = twin?.spec ?? instance
  return isHostOfNode ? '' : host
}

function weightsOf({ weights }: Instance): ServiceView['Weights'] {
  return { Passing: weights.passing, Warning: weights.warning }
}

function taggedOf(instance: Instance): object {
  const given = Object.entries(instance.taggedAddresses)
  const address = addressOf(instance)
  const shown: (readonly [string, object])[] = given.map(([name, one]) => [
    name,
    { Address: one.address, Port: one.port },
  ])
  if (address !== '' && given.length === 0) {
    const same = { Address: address, Port: instance.port }
    const family = address.includes(':') ? 'ipv6' : 'ipv4'
    shown.push([`lan_${family}`, same], [`wan_${family}`, same])
  }
  return Object.fromEntries(shown)
}
