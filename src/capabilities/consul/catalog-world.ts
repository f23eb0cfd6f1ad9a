import { isLoopbackHost } from '../../platform/config/addresses.ts'
import type { Discovery } from '../discovery/api.ts'
import type { Node, Target } from '../discovery/model.ts'
import type { CheckRules } from './agent-checks.ts'
import type { Topic } from './answers.ts'

/** What of the settings and the listener it needs. */
export interface WorldOptions {
  readonly discovery: Discovery
  readonly datacenter: string
  /** The node of this machine, as clients see it. */
  readonly node: string
  /** The address of this machine, as clients see it. */
  readonly address: () => string
  readonly allowScripts: boolean
}

/** The registry as a Consul of one datacenter shows it: the node of this machine has the name that clients see. */
export interface World {
  readonly discovery: Discovery
  readonly datacenter: string
  readonly node: string
  readonly rules: CheckRules
  address(): string
  /** Where a service is that gives no address: here, or where the call came from. */
  hostFor(caller: string): string
  /** A name of clients as the registry knows it; '' is this machine's. */
  nodeOf(name: string): string
  /** A name of the registry as clients know it. */
  shownNode(name: string): string
  /** A service by a name in any case; one that is not there has the name that was asked for. */
  serviceOf(name: string): string
  nodes(): Iterable<Node>
  topic(target: Target): Topic
}

/** Names and topics over the registry. */
export function createWorld(options: WorldOptions): World {
  const { discovery, datacenter, node, allowScripts } = options
  const { localNode } = discovery
  const isOurs = (name: string) => name === '' || name.toLowerCase() === node.toLowerCase()
  const nodeOf = (name: string) => (isOurs(name) ? localNode : name)
  return {
    discovery,
    datacenter,
    node,
    nodeOf,
    rules: { allowScripts, nodeOf },
    address: () => options.address(),
    // An agent of Consul would be on the same machine as its caller.
    hostFor: (caller) =>
      caller === '' || isLoopbackHost(caller) ? options.address() : caller.replace(/^::ffff:/, ''),
    shownNode: (name) => (name === localNode ? node : name),
    serviceOf: (name) => discovery.serviceName(name) ?? name,
    nodes: () => discovery.nodes(),
    topic: (target) => ({
      index: () => discovery.indexOf(target),
      newest: () => discovery.indexOf('all'),
      subscribe: (changed) => discovery.subscribe(target, changed),
    }),
  }
}
