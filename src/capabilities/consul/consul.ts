import type { Part, Scope } from '../../platform/capability.ts'
import type { Discovery } from '../discovery/api.ts'
import { createWaits } from './blocking.ts'
import { outOfScopeRoutes } from './out-of-scope.ts'
import { OPEN, type Authorizer } from './permissions.ts'
import { createRouter, type Route } from './router.ts'
import { consulListener } from './serve.ts'
import { nodeNameOf, type ConsulSettings } from './settings.ts'
import { statusRoutes } from './status.ts'

/** What it stands on. */
export interface ConsulNeeds {
  readonly discovery: Discovery
}

/** What endpoints stand on. */
export interface ConsulGround extends Pick<Scope, 'clock' | 'random' | 'log'> {
  readonly discovery: Discovery
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
  { discovery }: ConsulNeeds,
  scope: Scope,
): Promise<Part<ConsulSettings, Consul>> {
  const { clock, random, log } = scope
  const { datacenter, hosts } = settings
  const ground: ConsulGround = {
    clock,
    random,
    log,
    discovery,
    datacenter,
    node: nodeNameOf(settings),
  }
  const waits = createWaits(clock, random)
  const authorizer: Authorizer = OPEN
  const demandsCredentials = settings.token !== undefined
  const router = createRouter(routesOf(ground))
  const on = { router, waits, authorizer, datacenter, hosts, demandsCredentials, log }
  await scope.listeners.lean('consul', consulListener(on))
  // Whoever waits is answered, before the listener closes.
  scope.stopping.addEventListener('abort', () => waits.close(), { once: true })
  scope.onStop(() => waits.close())
  return { api: { waiting: () => waits.count } }
}

/** All endpoints: one line a file. */
function routesOf(_ground: ConsulGround): readonly Route[] {
  return [...statusRoutes, ...outOfScopeRoutes]
}
