import type { FastifyInstance } from 'fastify'
import type { Scope } from '../../platform/capability.ts'
import type { Listener, ListenerOptions } from '../../platform/http/listener.ts'
import { registerAdminRoutes } from './admin.ts'
import type { ListenerView, Picture } from '../../contracts/feed.ts'
import { createFeedHub } from './feed-hub.ts'
import type { ConsoleNeeds } from './needs.ts'
import { createServiceViews, listProblems, viewListeners } from './picture.ts'
import { serveConsole } from './static-files.ts'
import { createTickStore } from './ticks.ts'

/** Changes are gathered for this long before the picture is compared: a burst costs one comparison. */
const GATHER_MS = 50

/** Time between two ticks. */
const TICK_MS = 1_000

export interface ConsoleConfig {
  /** Undefined: the listener is off. */
  readonly address: { readonly host: string; readonly port: number } | undefined
  /** False: a taken port closes the listener and is told; true: it is an error. */
  readonly isNamed: boolean
  /** Where any port will do: the one that it had before this control plane started, or 0. */
  readonly portBefore: number
  readonly source: string
  readonly hosts: readonly string[]
  readonly token: string | undefined
  readonly system: string
  readonly version: string
  /** Folder of the built console. */
  readonly assets: string
  /** Routes of other capabilities on this listener. */
  readonly routes: readonly ((app: FastifyInstance) => void)[]
}

export interface Console {
  /** Undefined when it is closed. */
  readonly listener: Listener | undefined
  picture(): Picture
  /** From now on /ready answers 200. */
  setReady(): void
  /** Something outside (configuration, listeners) has changed. */
  touch(): void
}

/** Opens the console's listener and keeps its picture. Throws `ListenerTakenError` when a named listener is taken. */
export async function startConsole(
  config: ConsoleConfig,
  needs: ConsoleNeeds,
  scope: Scope,
): Promise<Console> {
  const startedAtMs = scope.clock.nowMs()
  const store = createTickStore()
  const since = new Map<string, number>()
  const hub = createFeedHub(picture)
  const views = createServiceViews(needs, () => scope.clock.nowMs())
  let isReady = false
  let lastTotalsMs = scope.clock.monotonicMs()
  let cancelTick = (): void => {}
  let ejectedBefore = new Set<string>()
  let isGathering = false
  let listener: Listener | undefined
  let listenerError = config.address === undefined ? 'off' : ''

  function parts(): Pick<Picture, 'listeners' | 'services' | 'problems'> {
    const services = views.list()
    const listeners = [ownListener(), ...viewListeners(needs.gateway.listeners(), needs)]
    const problems = listProblems(services, listeners, needs, {
      nowMs: scope.clock.nowMs(),
      tick: store.ticks().at(-1),
      since,
    })
    return { listeners, services, problems }
  }

  function ownListener(): ListenerView {
    const { host, port } = listener ?? config.address ?? { host: '127.0.0.1', port: 0 }
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
    return {
      id: 'console',
      kind: 'console',
      address,
      url: `http://${address}`,
      error: listenerError,
      caller: '',
      service: '',
      source: config.source,
    }
  }

  function picture(): Picture {
    const { system, version } = config
    return { name: system, version, startedAtMs, ...parts(), ticks: store.ticks() }
  }

  function touch(services?: Iterable<string>): void {
    views.touch(services)
    if (isGathering || hub.subscriberCount === 0) return
    isGathering = true
    scope.clock.after(GATHER_MS, () => {
      isGathering = false
      hub.update(parts())
    })
  }

  function take(atMs: number): void {
    const uses = new Map(
      needs.processes
        .services()
        .flatMap((run) => run.slots().map((slot) => [slot.spec.id, slot.status] as const)),
    )
    const { totals } = needs.gateway
    hub.tick(
      store.take({
        atMs,
        edges: totals.edges(),
        instances: totals.instances(),
        useOf: (instance) => uses.get(instance),
      }),
    )
    touch(ejectedServices())
  }

  /** Ejections come with the totals, not from discovery. */
  function ejectedServices(): Set<string> {
    const services = new Set(ejectedBefore)
    ejectedBefore = new Set()
    for (const row of needs.gateway.totals.instances()) {
      if (row.ejectedUntilMs > scope.clock.nowMs()) ejectedBefore.add(row.service)
    }
    return services.union(ejectedBefore)
  }

  async function open(address: {
    readonly host: string
    readonly port: number
  }): Promise<Listener> {
    const port = address.port === 0 ? config.portBefore : address.port
    try {
      return await openAt({ ...address, port })
    } catch (error) {
      if (address.port === port) throw error
      return openAt(address)
    }
  }

  async function openAt(address: {
    readonly host: string
    readonly port: number
  }): Promise<Listener> {
    // Loaded only here: the gateway opens its listeners meanwhile, and without a console it is not needed at all.
    const { createListenerApp, openListener } = await import('../../platform/http/listener.ts')
    const options: ListenerOptions = { name: 'console', ...address, ...config, log: scope.log }
    const app = createListenerApp(options)
    registerAdminRoutes(app, {
      needs,
      hub,
      picture,
      isReady: () => isReady && needs.isDataConnected(),
    })
    for (const register of config.routes) register(app)
    serveConsole(app, config.assets)
    return openListener(app, options)
  }

  needs.processes.onChange(touch)
  needs.discovery.onChange(touch)
  needs.gateway.totals.onTotals((message) => {
    lastTotalsMs = scope.clock.monotonicMs()
    take(message.atMs)
  })
  /** While data is away there are no totals, but whoever looks must see that time goes on and nothing is served. */
  function tickWithoutData(): void {
    cancelTick = scope.clock.after(TICK_MS, tickWithoutData)
    if (scope.clock.monotonicMs() - lastTotalsMs > 2 * TICK_MS) take(scope.clock.nowMs())
  }
  tickWithoutData()
  scope.onStop(() => cancelTick())
  scope.onStop(() => hub.close())

  if (config.address !== undefined) {
    try {
      listener = await open(config.address)
    } catch (error) {
      if (config.isNamed) throw error
      listenerError = error instanceof Error ? error.message : String(error)
    }
    scope.onStop(async () => listener?.close())
  }

  return {
    listener,
    picture,
    setReady: () => (isReady = true),
    touch: () => touch(),
  }
}
