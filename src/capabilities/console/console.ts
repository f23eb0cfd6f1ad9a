import type { FastifyInstance } from 'fastify'
import type { Scope } from '../../platform/capability.ts'
import type { Door, DoorOptions } from '../../platform/http/door.ts'
import { registerAdminRoutes } from './admin.ts'
import type { DoorView, Picture } from './feed.ts'
import { createFeedHub } from './feed-hub.ts'
import type { ConsoleNeeds } from './needs.ts'
import { createServiceViews, listProblems, viewDoors } from './picture.ts'
import { serveConsole } from './static-files.ts'
import { createTickStore } from './ticks.ts'

/** Changes are gathered for this long before the picture is compared: a burst costs one comparison. */
const GATHER_MS = 50

/** Time between two ticks. */
const TICK_MS = 1_000

export interface ConsoleConfig {
  /** Undefined: the door is off. */
  readonly address: { readonly host: string; readonly port: number } | undefined
  /** False: a taken port closes the door and is told; true: it is an error. */
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
  /** Routes of other capabilities on this door. */
  readonly routes: readonly ((app: FastifyInstance) => void)[]
}

export interface Console {
  /** Undefined when it is closed. */
  readonly door: Door | undefined
  picture(): Picture
  /** From now on /ready answers 200. */
  setReady(): void
  /** Something outside (configuration, doors) has changed. */
  touch(): void
}

/** Opens the console's door and keeps its picture. Throws `DoorTakenError` when a named door is taken. */
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
  let door: Door | undefined
  let doorError = config.address === undefined ? 'off' : ''

  function parts(): Pick<Picture, 'doors' | 'services' | 'problems'> {
    const services = views.list()
    const doors = [ownDoor(), ...viewDoors(needs.gateway.doors(), needs)]
    const problems = listProblems(services, doors, needs, {
      nowMs: scope.clock.nowMs(),
      tick: store.ticks().at(-1),
      since,
    })
    return { doors, services, problems }
  }

  function ownDoor(): DoorView {
    const { host, port } = door ?? config.address ?? { host: '127.0.0.1', port: 0 }
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
    return {
      id: 'console',
      kind: 'console',
      address,
      url: `http://${address}`,
      error: doorError,
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

  async function open(address: { readonly host: string; readonly port: number }): Promise<Door> {
    const port = address.port === 0 ? config.portBefore : address.port
    try {
      return await openAt({ ...address, port })
    } catch (error) {
      if (address.port === port) throw error
      return openAt(address)
    }
  }

  async function openAt(address: { readonly host: string; readonly port: number }): Promise<Door> {
    // Loaded only here: the gateway opens its doors meanwhile, and without a console it is not needed at all.
    const { createDoorApp, openDoor } = await import('../../platform/http/door.ts')
    const options: DoorOptions = { name: 'console', ...address, ...config, log: scope.log }
    const app = createDoorApp(options)
    registerAdminRoutes(app, {
      needs,
      hub,
      picture,
      isReady: () => isReady && needs.isDataConnected(),
    })
    for (const register of config.routes) register(app)
    serveConsole(app, config.assets)
    return openDoor(app, options)
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
      door = await open(config.address)
    } catch (error) {
      if (config.isNamed) throw error
      doorError = error instanceof Error ? error.message : String(error)
    }
    scope.onStop(async () => door?.close())
  }

  return {
    door,
    picture,
    setReady: () => (isReady = true),
    touch: () => touch(),
  }
}
