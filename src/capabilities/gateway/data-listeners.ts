import type {
  GatewaySpec,
  ListenerSpec,
  ListenerStatus,
  SnapshotOp,
} from '../../contracts/snapshot.ts'
import type { Log, Random } from '../../platform/capability.ts'
import { NOT_OPEN_YET } from '../../platform/listeners/board.ts'
import type { SnapshotChannel } from '../../platform/snapshot/channel.ts'
import type { GatewayConfig, ListenerState } from './api.ts'
import { edgesOf, type Edge } from './edges.ts'
import { allocateOutboundListeners } from './outbound-listeners.ts'
import type { PortStore } from './port-store.ts'
import { specifyGateway, wantedGateway, type OutboundListener } from './specify.ts'

/** Attempts to find a free port for outbound listeners that turn out to be taken. */
const OUTBOUND_LISTENER_ROUNDS_MAX = 5

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

export interface DataListenersNeeds {
  readonly channel: Pick<SnapshotChannel, 'publish'>
  readonly portStore: PortStore
  readonly random: Random
  readonly log: Log
}

/** What the listeners follow from. */
interface Layout {
  readonly config: GatewayConfig
  readonly outbound: readonly OutboundListener[]
}

/** A layout whose new listeners are open already, beside those of the one in force. */
export interface PreparedListeners {
  /** Puts it into force together with `ops`, in one update of every worker. */
  commit(ops: readonly SnapshotOp[]): Promise<void>
  /** Closes what was opened for it. */
  cancel(): Promise<void>
}

/** The listeners that the data plane has open for this configuration: the gateway, TCP routes, and one outbound listener an edge. */
export class DataListeners {
  readonly #needs: DataListenersNeeds
  /** A port that was free to choose stays the one that was chosen, also when data is a new process. By the id of its listener. */
  #chosenPorts: ReadonlyMap<string, number> = new Map()
  #layout: Layout
  #specs: readonly ListenerSpec[] = []
  #statuses: readonly ListenerStatus[] = []

  /** `stored` are the outbound listeners of the last run: they keep their ports. */
  constructor(
    config: GatewayConfig,
    stored: readonly OutboundListener[],
    needs: DataListenersNeeds,
  ) {
    this.#needs = needs
    this.#layout = { config, outbound: this.#allocate(config, stored, new Set()) }
    this.#specs = this.#specOf(this.#layout, this.#chosenPorts).listeners
  }

  /** Listeners, routes and limits in force. */
  op(): SnapshotOp {
    const gateway = this.#specOf(this.#layout, this.#chosenPorts)
    this.#specs = gateway.listeners
    return { op: 'gateway', gateway }
  }

  states(): readonly ListenerState[] {
    const statuses = new Map(this.#statuses.map((status) => [status.id, status]))
    return this.#specs.map((spec) => ({
      spec,
      status: statuses.get(spec.id) ?? {
        id: spec.id,
        host: spec.host,
        port: spec.port,
        error: NOT_OPEN_YET,
      },
    }))
  }

  /** What `caller` calls, by service: its own listener, else the one that all share. */
  urlsOf(caller: string): ReadonlyMap<string, string> {
    const { outbound } = this.#layout
    const { services } = this.#layout.config.settings
    const calls = Object.hasOwn(services, caller) ? services[caller]?.calls : undefined
    const shared = calls === undefined ? outbound.filter((one) => one.caller === '') : []
    const own = outbound.filter((one) => one.caller === caller)
    return new Map(
      [...shared, ...own]
        .filter(({ service }) => service !== caller || calls?.includes(caller) === true)
        .map(({ service, port }) => [service, `http://127.0.0.1:${port}`]),
    )
  }

  /** The first opening. Throws `GatewayListenerError`; outbound listeners whose port is taken move to another one. */
  async open(): Promise<void> {
    const { config } = this.#layout
    await this.#moveTaken(this.#layout.outbound, config, async (outbound) => {
      this.#layout = { config, outbound }
      this.#statuses = await this.#needs.channel.publish([this.op()])
      return this.#statuses
    })
    const wasFree = this.#specs.some(({ port }) => port === 0)
    this.#keepPorts(this.#statuses)
    if (wasFree) void this.#needs.channel.publish([this.op()])
    await this.#needs.portStore.save(this.#layout.outbound)
    const failed = namedFailures(config, this.#specs, this.#statuses)
    if (failed.length > 0) throw new GatewayListenerError(failed)
  }

  /**
   * Opens what `next` asks for beside what is open, and changes nothing else. Throws `GatewayListenerError` where a listener that the
   * file names cannot be opened, and what the store of ports throws; then everything is as it was.
   */
  async prepare(next: GatewayConfig): Promise<PreparedListeners> {
    const before = this.#layout
    let fresh: readonly ListenerSpec[] = []
    let statuses: readonly ListenerStatus[] = []
    let layout: Layout = before
    try {
      const first = this.#allocate(next, before.outbound, new Set())
      await this.#moveTaken(first, next, async (outbound) => {
        layout = { config: next, outbound }
        const wanted = this.#specOf(layout, this.#chosenPorts).listeners
        const open = this.#openAddresses()
        fresh = wanted.filter((spec) => !open.has(addressOf(spec)))
        statuses = await this.#openBeside(fresh)
        return statuses
      })
      const failed = namedFailures(next, fresh, statuses)
      if (failed.length > 0) throw new GatewayListenerError(failed)
      await this.#needs.portStore.save(unionOf(before.outbound, layout.outbound))
    } catch (error) {
      await this.#cancel()
      throw error
    }
    return {
      commit: (ops) => this.#commit(layout, statuses, ops),
      cancel: () => this.#cancel(),
    }
  }

  async #commit(
    layout: Layout,
    opened: readonly ListenerStatus[],
    ops: readonly SnapshotOp[],
  ): Promise<void> {
    this.#layout = layout
    this.#keepPorts(opened)
    this.#statuses = await this.#needs.channel.publish([...ops, this.op()])
    await this.#savePorts()
  }

  async #cancel(): Promise<void> {
    await this.#needs.channel.publish([this.op()])
    await this.#savePorts()
  }

  /** What is stored beyond what is in force does no harm: it is only not forgotten. */
  async #savePorts(): Promise<void> {
    try {
      await this.#needs.portStore.save(this.#layout.outbound)
    } catch (error) {
      this.#needs.log('warn', 'the ports of outbound listeners could not be stored', { error })
    }
  }

  /** The listeners in force and new ones, with everything else as it is. New ones come back with the id that they will have. */
  async #openBeside(fresh: readonly ListenerSpec[]): Promise<readonly ListenerStatus[]> {
    if (fresh.length === 0) return []
    const gateway = this.#specOf(this.#layout, this.#chosenPorts)
    const taken = new Set(fresh.map(addressOf))
    const staying = gateway.listeners.filter(
      (spec) => spec.port === 0 || !taken.has(addressOf(spec)),
    )
    const known = new Set(staying.map(({ id }) => id))
    const idOf = (id: string): string => (known.has(id) ? `${id} (next)` : id)
    const added = fresh.map((spec) => ({ ...spec, id: idOf(spec.id) }))
    const listeners = [...staying, ...added]
    const statuses = await this.#needs.channel.publish([
      { op: 'gateway', gateway: { ...gateway, listeners } },
    ])
    const told = new Map(statuses.map((status) => [status.id, status]))
    return fresh.flatMap(({ id }) => {
      const status = told.get(idOf(id))
      return status === undefined ? [] : [{ ...status, id }]
    })
  }

  #openAddresses(): ReadonlySet<string> {
    const open = this.states().filter(({ status }) => status.error === '')
    return new Set(open.map(({ status }) => addressOf(status)))
  }

  /** Calls `open` with other ports for outbound listeners until none of them is taken. */
  async #moveTaken(
    first: readonly OutboundListener[],
    config: GatewayConfig,
    open: (outbound: readonly OutboundListener[]) => Promise<readonly ListenerStatus[]>,
  ): Promise<void> {
    const taken = new Set<number>()
    let outbound = first
    for (let round = 0; ; round++) {
      const statuses = await open(outbound)
      const ports = new Set(outbound.map(({ port }) => port))
      const lost = statuses.filter(({ error, port }) => error !== '' && ports.has(port))
      if (lost.length === 0 || round === OUTBOUND_LISTENER_ROUNDS_MAX) return
      for (const { port } of lost) taken.add(port)
      outbound = this.#allocate(config, outbound, taken)
    }
  }

  #allocate(
    { settings }: GatewayConfig,
    before: readonly OutboundListener[],
    taken: ReadonlySet<number>,
  ): readonly OutboundListener[] {
    const edges = edgesOf(settings.services, before)
    return allocateOutboundListeners(edges, before, taken, this.#needs.random)
  }

  #keepPorts(statuses: readonly ListenerStatus[]): void {
    const opened = statuses.filter(({ error }) => error === '')
    this.#chosenPorts = new Map([
      ...this.#chosenPorts,
      ...opened.map(({ id, port }) => [id, port] as const),
    ])
    this.op()
  }

  #specOf({ config, outbound }: Layout, chosen: ReadonlyMap<string, number>): GatewaySpec {
    const gateway = specifyGateway(config.settings, config.sourceOf, outbound)
    const listeners = gateway.listeners.map((spec) =>
      spec.port === 0 ? { ...spec, port: chosen.get(spec.id) ?? 0 } : spec,
    )
    return { ...gateway, listeners }
  }
}

function keyOf({ caller, service }: Edge): string {
  return `${caller} ${service}`
}

/** Every edge of both, the second one's port where both have it. */
function unionOf(
  first: readonly OutboundListener[],
  second: readonly OutboundListener[],
): readonly OutboundListener[] {
  return [...new Map([...first, ...second].map((one) => [keyOf(one), one])).values()]
}

function addressOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host} ${port}`
}

/** What cannot be opened and is an error: all but a gateway that nobody named. */
function namedFailures(
  { settings }: GatewayConfig,
  specs: readonly ListenerSpec[],
  statuses: readonly ListenerStatus[],
): readonly ListenerStatus[] {
  const autos = new Set(
    specs
      .filter((spec) => spec.kind === 'gateway')
      .filter(({ tls }) => {
        const name = tls === undefined ? 'gateway' : 'gateway-tls'
        return wantedGateway(settings, name).mode === 'auto'
      })
      .map(({ id }) => id),
  )
  return statuses.filter(({ id, error }) => error !== '' && !autos.has(id))
}
