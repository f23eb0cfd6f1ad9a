import type { Scope } from '../../platform/capability.ts'
import type {
  ListenerSpec,
  ListenerStatus,
  RequestRecord,
  SnapshotOp,
} from '../../contracts/snapshot.ts'
import type { SnapshotChannel } from '../../platform/snapshot/channel.ts'
import type { ServiceSettings, Settings } from '../../settings.ts'
import { followInstances, type DiscoveryNeed } from './follow.ts'
import { allocateOutboundListeners } from './outbound-listeners.ts'
import { createRemovals } from './removals.ts'
import {
  edgesOf,
  specifyGateway,
  specifyService,
  type OutboundListener,
  type SourceOf,
} from './specify.ts'
import { createTotalsStore, type TotalsStore } from './totals.ts'

/** Attempts to find a free port for outbound listeners that turn out to be taken. */
const OUTBOUND_LISTENER_ROUNDS_MAX = 5

export interface GatewayConfig {
  readonly settings: Settings
  /** Policies of a service that exists only by registration: the defaults of the schema. */
  readonly defaults: ServiceSettings
  readonly sourceOf: SourceOf
}

export interface GatewayNeeds {
  readonly discovery: DiscoveryNeed
  readonly channel: SnapshotChannel
  /** Where the ports of the outbound listeners are kept over restarts. */
  readonly portStore: PortStore
}

export interface PortStore {
  load(): Promise<readonly OutboundListener[]>
  save(listeners: readonly OutboundListener[]): Promise<void>
}

export interface ListenerState {
  readonly spec: ListenerSpec
  readonly status: ListenerStatus
}

/** What control says to the data plane, and what it hears back. */
export interface Gateway {
  /**
   * Replaces routes, listeners and policies. Throws `GatewayListenerError` when a listener that the file names cannot be opened;
   * then everything is as it was before.
   */
  configure(config: GatewayConfig): Promise<void>
  /** What is routed by name is complete: from now on the data plane follows this control plane. Resolves when the listeners are open. */
  begin(): Promise<void>
  /** Resolves when every worker has applied all that discovery said of the instance until now. */
  routable(service: string, id: string): Promise<void>
  isRouted(service: string, id: string): boolean
  /**
   * Resolves with true when nothing is in flight to an instance that is out of rotation, however long ago it left, with false after
   * `timeoutMs`. Of one that is in rotation still: after its removal.
   */
  drained(service: string, id: string, timeoutMs: number): Promise<boolean>
  listeners(): readonly ListenerState[]
  /** `PAYMENTS_URL` and so on for one caller. */
  outboundUrls(caller: string): Readonly<Record<string, string>>
  why(requestId: string): Promise<RequestRecord | undefined>
  recent(limit: number, onlyFailed: boolean): Promise<readonly RequestRecord[]>
  readonly totals: TotalsStore
}

/** A named listener is taken. */
export class GatewayListenerError extends Error {
  override readonly name = 'GatewayListenerError'
  readonly code = 'ERR_LISTENER_TAKEN'
  readonly listeners: readonly ListenerStatus[]

  constructor(listeners: readonly ListenerStatus[]) {
    const list = listeners.map(
      (listener) => `The listener '${listener.id}' cannot be opened: ${listener.error}.`,
    )
    super(
      `${list.join(' ')} End the program that has the port, or write another port into the file (0: any free one).`,
    )
    this.listeners = listeners
  }
}

export async function startGateway(
  config: GatewayConfig,
  { discovery, channel, portStore }: GatewayNeeds,
  scope: Scope,
): Promise<Gateway> {
  const totals = createTotalsStore((service, id) => discovery.instance(service, id) !== undefined)
  const removals = createRemovals(scope.clock)
  let current = config
  let outbound = allocateOutboundListeners(
    edgesOf(config.settings),
    await portStore.load(),
    new Set(),
    scope.random,
  )
  const chosenPorts = new Map<string, number>()
  let statuses: readonly ListenerStatus[] = []
  let specs: readonly ListenerSpec[] = []

  channel.onTotals((message) => totals.add(message))
  channel.onDrained((service, id, removal) => {
    if (removals.drained(service, id, removal)) totals.forget(service, id)
  })
  void channel.publish([...opsOf(config, []), ...gatewayOps(config)])
  const follower = followInstances(
    discovery,
    (ops) => void (ops.length > 0 && channel.publish(removals.number(ops))),
    followService,
  )
  scope.onStop(() => follower.end())
  scope.onStop(
    discovery.subscribe('all', ({ changes }) => {
      for (const { action, instance } of changes) {
        if (action === 'removed') totals.forget(instance.service, instance.id)
      }
    }),
  )

  /** Services that exist only by registration get the default policies. */
  function followService(name: string, isThere: boolean): void {
    if (Object.hasOwn(current.settings.services, name)) return
    void channel.publish([isThere ? registeredOp(name) : { op: 'service-gone', service: name }])
  }

  function registeredOp(name: string): SnapshotOp {
    const source = () => 'registered through the admin API'
    return { op: 'service', service: specifyService(name, config.defaults, source) }
  }

  /** Services that the file does not name any more stay as long as discovery knows them: somebody has registered an instance. */
  function replaceOps(before: GatewayConfig, after: GatewayConfig): SnapshotOp[] {
    const known = new Set([...discovery.services()].map(({ name }) => name))
    const undeclared = goneServices(before, after)
    return [
      ...undeclared.filter((name) => known.has(name)).map(registeredOp),
      ...opsOf(
        after,
        undeclared.filter((name) => !known.has(name)),
      ),
    ]
  }

  function gatewayOps(of: GatewayConfig): SnapshotOp[] {
    const gateway = specifyGateway(of.settings, of.sourceOf, outbound)
    // A port that was free to choose stays the one that was chosen, also when data is a new process.
    const listeners = gateway.listeners.map((listener) =>
      listener.port === 0 ? { ...listener, port: chosenPorts.get(listener.id) ?? 0 } : listener,
    )
    specs = listeners
    return [{ op: 'gateway', gateway: { ...gateway, listeners } }]
  }

  /** Opens what the configuration asks for; outbound listeners whose port is taken move to another one. */
  async function openListeners(
    of: GatewayConfig,
    ops: readonly SnapshotOp[],
  ): Promise<readonly ListenerStatus[]> {
    const taken = new Set<number>()
    for (let round = 0; ; round++) {
      const before = outbound
      statuses = await channel.publish([...(round === 0 ? ops : []), ...gatewayOps(of)])
      const lost = statuses.filter(
        (listener) => listener.error !== '' && listener.id.startsWith('outbound/'),
      )
      if (lost.length === 0 || round === OUTBOUND_LISTENER_ROUNDS_MAX) break
      for (const listener of lost) taken.add(listener.port)
      outbound = allocateOutboundListeners(edgesOf(of.settings), before, taken, scope.random)
    }
    for (const { id, port, error } of statuses) if (error === '') chosenPorts.set(id, port)
    if (specs.some((listener) => listener.port === 0)) void channel.publish(gatewayOps(of))
    await portStore.save(outbound)
    return statuses.filter((listener) => listener.error !== '' && isNamed(of.settings, listener))
  }

  return {
    totals,
    async configure(next) {
      const previous = current
      const outboundBefore = outbound
      outbound = allocateOutboundListeners(
        edgesOf(next.settings),
        outbound,
        new Set(),
        scope.random,
      )
      // From here on: what registers meanwhile must not replace the policies of a service that the file now names.
      current = next
      const failed = await openListeners(next, replaceOps(previous, next))
      if (failed.length > 0) {
        current = previous
        outbound = outboundBefore
        await openListeners(previous, replaceOps(next, previous))
        throw new GatewayListenerError(failed)
      }
    },
    async begin() {
      channel.begin()
      const failed = await openListeners(current, [])
      if (failed.length > 0) throw new GatewayListenerError(failed)
    },
    async routable() {
      await channel.publish([])
    },
    isRouted: (service, id) => follower.isRouted(service, id),
    drained(service, id, timeoutMs) {
      const done = removals.wait(service, id, timeoutMs)
      // Out already, perhaps since before this control plane: asking again is answered when nothing is in flight.
      if (!follower.isRouted(service, id) && !removals.isPending(service, id))
        void channel.publish(removals.number([{ op: 'instance-gone', service, id }]))
      return done
    },
    listeners: () =>
      specs.map((spec) => ({
        spec,
        status: statuses.find((status) => status.id === spec.id) ?? {
          id: spec.id,
          host: spec.host,
          port: spec.port,
          error: 'not open yet',
        },
      })),
    outboundUrls: (caller) =>
      Object.fromEntries(
        outbound
          .filter((listener) => listener.caller === caller)
          .map((listener) => [urlVariable(listener.service), `http://127.0.0.1:${listener.port}`]),
      ),
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

/** `payment-service` is `PAYMENT_SERVICE_URL`. */
export function urlVariable(service: string): string {
  return `${service.toUpperCase().replaceAll('-', '_')}_URL`
}

function opsOf(config: GatewayConfig, gone: readonly string[]): SnapshotOp[] {
  const services = Object.entries(config.settings.services).map(([name, service]): SnapshotOp => ({
    op: 'service',
    service: specifyService(name, service, config.sourceOf),
  }))
  return [...gone.map((service): SnapshotOp => ({ op: 'service-gone', service })), ...services]
}

function goneServices(before: GatewayConfig, after: GatewayConfig): string[] {
  return Object.keys(before.settings.services).filter(
    (name) => !Object.hasOwn(after.settings.services, name),
  )
}

function isNamed(settings: Settings, listener: ListenerStatus): boolean {
  return !listener.id.startsWith('gateway') || settings.listen.gateway !== undefined
}
