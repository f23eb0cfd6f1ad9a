import type { Part, Scope } from '../../platform/capability.ts'
import type { Storage } from '../../platform/storage/storage.ts'
import type { Discovery } from '../discovery/api.ts'
import type { Kv } from '../kv/api.ts'
import { defaultPolicyOf, openAcl } from './acl/acl.ts'
import { createWaits } from './blocking.ts'
import { kvRoutes } from './kv.ts'
import { outOfScopeRoutes } from './out-of-scope.ts'
import { createRouter, type Route } from './router.ts'
import { consulListener } from './serve.ts'
import { sessionRoutes } from './session.ts'
import { nodeNameOf, type ConsulSettings } from './settings.ts'
import { statusRoutes } from './status.ts'
import { txnRoutes } from './txn.ts'

/** What it stands on. */
export interface ConsulNeeds {
  readonly storage: Storage
  readonly discovery: Discovery
  readonly kv: Kv
}

/** What endpoints stand on. */
export interface ConsulGround extends Pick<Scope, 'clock' | 'random' | 'log'> {
  readonly discovery: Discovery
  readonly kv: Kv
  readonly datacenter: string
  /** The node of this machine. */
  readonly node: string
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
  const ground: ConsulGround = {
    clock,
    random,
    log,
    discovery,
    kv,
    datacenter,
    node: nodeNameOf(settings),
  }
  const waits = createWaits(clock, random)
  const acl = await openAcl(settings, storage, scope)
  const demandsCredentials = settings.token !== undefined && defaultPolicyOf(settings) === 'deny'
  const router = createRouter([...acl.routes, ...routesOf(ground)])
  const { authorizer } = acl
  const on = { router, waits, authorizer, datacenter, hosts, demandsCredentials, log }
  await scope.listeners.lean('consul', consulListener(on))
  // Whoever waits is answered, before the listener closes.
  scope.stopping.addEventListener('abort', () => waits.close(), { once: true })
  scope.onStop(() => waits.close())
  return { api: { waiting: () => waits.count }, problems: () => acl.problems() }
}

/** All endpoints: one line a file. */
function routesOf({ kv, node }: ConsulGround): readonly Route[] {
  return [
    ...kvRoutes(kv),
    ...sessionRoutes(kv, node),
    ...txnRoutes(kv),
    ...statusRoutes,
    ...outOfScopeRoutes,
  ]
}
