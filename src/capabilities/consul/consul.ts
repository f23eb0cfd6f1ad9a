import type { Part, Scope } from '../../platform/capability.ts'
import type { Storage } from '../../platform/storage/storage.ts'
import type { Discovery } from '../discovery/api.ts'
import type { Kv } from '../kv/api.ts'
import { agentRoutes } from './agent.ts'
import { nodeUuid } from './agent-self.ts'
import { defaultPolicyOf, openAcl } from './acl/acl.ts'
import { createWaits } from './blocking.ts'
import { createWorld, type WorldOptions } from './catalog-world.ts'
import { catalogRoutes } from './catalog.ts'
import { healthRoutes } from './health.ts'
import { kvRoutes } from './kv.ts'
import { outOfScopeRoutes } from './out-of-scope.ts'
import { createRouter, type Route } from './router.ts'
import { consulListener } from './serve.ts'
import { sessionRoutes } from './session.ts'
import { addressOf, nodeNameOf, type ConsulSettings } from './settings.ts'
import { statusRoutes } from './status.ts'
import { txnRoutes } from './txn.ts'

/** What it stands on. */
export interface ConsulNeeds {
  readonly storage: Storage
  readonly discovery: Discovery
  readonly kv: Kv
}

/** What endpoints stand on. */
export interface ConsulGround extends Pick<Scope, 'clock' | 'random' | 'log'>, WorldOptions {
  readonly kv: Kv
}

/** Nothing that siblings need. */
export interface Consul {
  /** Calls that wait for a change. */
  readonly waiting: () => number
}

/** Speaks the Consul HTTP API at `listen.consul`. */
export async function startConsul(
  settings: ConsulSettings,
  { storage, discovery, kv }: ConsulNeeds,
  scope: Scope,
): Promise<Part<ConsulSettings, Consul>> {
  const { clock, random, log } = scope
  const { datacenter, hosts } = settings
  let opened: Awaited<ReturnType<typeof scope.listeners.lean>> = undefined
  const ground: ConsulGround = {
    clock,
    random,
    log,
    discovery,
    kv,
    datacenter,
    node: nodeNameOf(settings),
    allowScripts: settings.scripts,
    address: () => addressOf(settings, opened?.host),
  }
  const waits = createWaits(clock, random)
  const acl = await openAcl(settings, storage, scope)
  const demandsCredentials = settings.token !== undefined && defaultPolicyOf(settings) === 'deny'
  const router = createRouter([...acl.routes, ...routesOf(ground)])
  const { authorizer } = acl
  const on = { router, waits, authorizer, datacenter, hosts, demandsCredentials, log }
  opened = await scope.listeners.lean('consul', consulListener(on))
  if (opened !== undefined) await describeNode(ground)
  // Whoever waits is answered, before the listener closes.
  scope.stopping.addEventListener('abort', () => waits.close(), { once: true })
  scope.onStop(() => waits.close())
  return { api: { waiting: () => waits.count }, problems: () => acl.problems() }
}

/** All endpoints: one line a file. */
function routesOf(ground: ConsulGround): readonly Route[] {
  const world = createWorld(ground)
  const { kv, node } = ground
  return [
    ...kvRoutes(kv),
    ...sessionRoutes(kv, node),
    ...txnRoutes(kv, world),
    ...statusRoutes,
    ...agentRoutes(world),
    ...catalogRoutes(world),
    ...healthRoutes(world),
    ...outOfScopeRoutes,
  ]
}

/** The node of this machine is there from the start, with the address that clients should use. */
async function describeNode({ discovery, datacenter, node, address }: ConsulGround): Promise<void> {
  const { localNode: name } = discovery
  const { meta = {} } = discovery.node(name) ?? {}
  await discovery.registerNode({
    name,
    address: address(),
    uuid: nodeUuid(datacenter, node),
    meta,
  })
}
