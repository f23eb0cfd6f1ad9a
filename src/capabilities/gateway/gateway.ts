import { dotnetVariable, urlVariable } from '../../platform/config/service-name.ts'
import type { RequestRecord } from '../../contracts/snapshot.ts'
import type { Part, Prepared, Scope } from '../../platform/capability.ts'
import type { SnapshotChannel } from '../../platform/snapshot/channel.ts'
import type { Gateway, GatewayConfig } from './api.ts'
import { gatewayProblems, registerRequestRoutes, viewListeners } from './console.ts'
import { DataListeners } from './data-listeners.ts'
import { followInstances, type DiscoveryNeed } from './follow.ts'
import { gatewayMetrics } from './metrics.ts'
import type { PortStore } from './port-store.ts'
import type { BreakerOrderStore } from './breaker-orders.ts'
import {
  registerResilienceRoutes,
  resilienceMetrics,
  type ResilienceNeeds,
  resilienceProblems,
} from './resilience.ts'
import { createResilienceStore } from './resilience-store.ts'
import { followIssuers, type Issuers } from './issuers/issuers.ts'
import type { KeyStore } from './issuers/key-store.ts'
import { createQuotas, type QuotaStore } from './quota-store.ts'
import { labelsOf } from './labels.ts'
import { createRemovals } from './removals.ts'
import { declaredOps, registeredOp, replacingOps, specOf } from './service-policies.ts'
import type { CountInstances } from './try-route.ts'
import { registerTryRoute } from './route-lookups.ts'
import { createTotalsStore, type TotalsStore } from './totals.ts'

export interface GatewayNeeds {
  readonly discovery: DiscoveryNeed
  readonly channel: SnapshotChannel
  readonly portStore: PortStore
  readonly breakerOrders: BreakerOrderStore
  readonly keyStore: KeyStore
  readonly quotaStore: QuotaStore
}

/** Follows the file and discovery, and tells the data plane. Nothing is sent before `begin`. */
export async function startGateway(
  first: GatewayConfig,
  { discovery, channel, portStore, breakerOrders, keyStore, quotaStore }: GatewayNeeds,
  scope: Scope,
): Promise<Part<GatewayConfig, Gateway>> {
  const totals = createTotalsStore((service, id) => discovery.instance(service, id) !== undefined)
  const removals = createRemovals(scope.clock)
  const needs = { channel, portStore, random: scope.random, log: scope.log }
  const listeners = new DataListeners(first, await portStore.load(), needs)
  const orders = new Map(await breakerOrders.load())
  const resilience = createResilienceStore()
  const issuers = await startIssuers(first, channel, keyStore, scope)
  await keepQuotas(channel, quotaStore, scope)
  let current = first

  channel.onTotals((message) => totals.add(message))
  channel.onResilience((message) => resilience.add(message))
  channel.onDrained((service, id, removal) => {
    if (removals.drained(service, id, removal)) totals.forget(service, id)
  })
  void channel.publish([...declaredOps(first, orders), listeners.op()])
  const follower = followInstances(
    discovery,
    (ops) => void (ops.length > 0 && channel.publish(removals.number(ops))),
    followService,
    (instance) => labelsOf(current, instance),
  )
  scope.onStop(() => follower.end())
  scope.onStop(forgetRemoved(discovery, totals))

  function followService(name: string, isThere: boolean): void {
    if (Object.hasOwn(current.settings.services, name)) return
    if (!isThere) resilience.forget(name)
    void channel.publish([
      isThere ? registeredOp(current, name, orders) : { op: 'service-gone', service: name },
    ])
  }

  async function prepare(next: GatewayConfig): Promise<Prepared> {
    const prepared = await listeners.prepare(next)
    return {
      commit() {
        const known = new Set([...discovery.services()].map(({ name }) => name))
        const replacing = replacingOps(current, next, (name) => known.has(name), orders)
        // From here on: what registers must not replace the policies of a service that the file now names.
        current = next
        issuers.configure(next.settings.gateway.issuers)
        forgetLoads(resilience, next, isKnown)
        return prepared.commit([...replacing, ...follower.relabelled()])
      },
      cancel: () => prepared.cancel(),
    }
  }

  const isKnown = (name: string): boolean =>
    [...discovery.services()].some((service) => service.name === name)
  const resilienceNeeds: ResilienceNeeds = {
    store: resilience,
    names: () => [
      ...new Set([
        ...Object.keys(current.settings.services),
        ...[...discovery.services()].map(({ name }) => name),
      ]),
    ],
    specOf: (name) => specOf(current, name, isKnown(name), orders),
    async order(name, order) {
      await breakerOrders.save(name, order)
      if (order === 'auto') orders.delete(name)
      else orders.set(name, order)
      const service = specOf(current, name, isKnown(name), orders)
      if (service !== undefined) await channel.publish([{ op: 'service', service }])
    },
  }

  const api: Gateway = {
    totals,
    begin() {
      channel.begin()
      return listeners.open()
    },
    isRouted: (service, id) => follower.isRouted(service, id),
    drained(service, id, timeoutMs) {
      const done = removals.wait(service, id, timeoutMs)
      // Out already, perhaps since before this control plane: asking again is answered when nothing is in flight.
      if (!follower.isRouted(service, id) && !removals.isPending(service, id))
        void channel.publish(removals.number([{ op: 'instance-gone', service, id }]))
      return done
    },
    listeners: () => listeners.states(),
    views: () => viewListeners(listeners.states(), current.sourceOf),
    outboundUrls: (caller) =>
      Object.fromEntries(
        [...listeners.urlsOf(caller)].flatMap(([service, url]) => [
          [urlVariable(service), url],
          [dotnetVariable(service), url],
        ]),
      ),
    ...createLookups(channel),
  }
  return {
    api,
    prepare,
    routes: [
      (app) => registerRequestRoutes(app, api),
      (app) => registerResilienceRoutes(app, resilienceNeeds),
      (app) => registerTryRoute(app, () => current, countInstances(discovery)),
    ],
    *metrics() {
      yield* gatewayMetrics(totals)
      yield* resilienceMetrics(resilience)
    },
    *problems() {
      yield* gatewayProblems(totals, channel.isConnected, scope.clock.nowMs())
      yield* resilienceProblems(resilience)
      yield* issuers.problems()
    },
  }
}

/** Their keys are told to the data plane, from those that were kept on. */
async function startIssuers(
  { settings, folder }: GatewayConfig,
  channel: SnapshotChannel,
  store: KeyStore,
  scope: Scope,
): Promise<Issuers> {
  const { clock, random, log } = scope
  const publish = channel.publish.bind(channel)
  const issuers = followIssuers({ clock, random, log, store, folder, publish })
  scope.onStop(() => issuers.stop())
  channel.onKeyWanted((name) => issuers.wanted(name))
  issuers.configure(settings.gateway.issuers, await store.load())
  return issuers
}

/** What is known of the load of services that are no more. */
function forgetLoads(
  resilience: ReturnType<typeof createResilienceStore>,
  { settings }: GatewayConfig,
  isKnown: (service: string) => boolean,
): void {
  for (const { service } of resilience.loads()) {
    const isThere = isKnown(service) || Object.hasOwn(settings.services, service)
    if (!isThere) resilience.forget(service)
  }
}

/** What quotas have counted is kept, and told to a data plane that has forgotten it. */
async function keepQuotas(
  channel: SnapshotChannel,
  store: QuotaStore,
  { log }: Scope,
): Promise<void> {
  const quotas = createQuotas(await store.load(), store, log)
  const publish = (): void => {
    const rows = quotas.all()
    if (rows.length > 0) void channel.publish([{ op: 'quotas', rows }])
  }
  channel.onQuotas((rows) => quotas.add(rows))
  channel.onGreeted(publish)
  publish()
}

/** How many instances a service has, and how many of them are in rotation. */
function countInstances(discovery: DiscoveryNeed): CountInstances {
  return (service) => {
    const all = [...discovery.instances(service)]
    return { instances: all.length, routable: all.filter(({ isRoutable }) => isRoutable).length }
  }
}

/** Numbers of an instance that is gone are not kept. */
function forgetRemoved(discovery: DiscoveryNeed, totals: TotalsStore): () => void {
  return discovery.subscribe('all', ({ changes }) => {
    for (const { action, instance } of changes) {
      if (action === 'removed') totals.forget(instance.service, instance.id)
    }
  })
}

/** Questions about requests, which the data plane remembers. */
function createLookups(channel: SnapshotChannel): Pick<Gateway, 'why' | 'recent'> {
  return {
    async why(requestId) {
      const body = await channel.ask({ type: 'why', requestId })
      return body === null ? undefined : (body as RequestRecord | undefined)
    },
    async recent(limit, onlyFailed) {
      const body = await channel.ask({ type: 'recent', limit, onlyFailed })
      return Array.isArray(body) ? (body as RequestRecord[]) : []
    },
  }
}
