import { basename, dirname } from 'node:path'
import { startConsole, type Console, type ConsoleConfig } from './capabilities/console/console.ts'
import type { Picture } from './contracts/feed.ts'
import { startDiscovery } from './capabilities/discovery/discovery.ts'
import { registerDiscoveryRoutes } from './capabilities/discovery/protocols/admin.ts'
import { openPortStore } from './capabilities/gateway/port-store.ts'
import { startGateway } from './capabilities/gateway/gateway.ts'
import { openOverrideStore } from './capabilities/processes/override-store.ts'
import { startProcesses } from './capabilities/processes/processes.ts'
import type { Loaded } from './control-plane.ts'
import type { Scope } from './platform/capability.ts'
import type { Listener } from './platform/http/listener.ts'
import type { Host } from './platform/host.ts'
import type { SnapshotChannel } from './platform/snapshot/channel.ts'
import type { Storage } from './platform/storage/storage.ts'
import type { SupervisorLink } from './platform/supervisor-link.ts'
import { settingsSchema, type Settings } from './settings.ts'
import type { Boot } from './contracts/supervisor.ts'
import {
  configurationOf,
  consoleAddress,
  consoleAssets,
  consolePortBefore,
  discoveryForConsole,
  discoveryForProcesses,
  listenerVariables,
} from './wiring.ts'

export interface ComposeInput {
  readonly boot: Boot
  readonly loaded: Loaded
  readonly link: SupervisorLink
  readonly channel: SnapshotChannel
  /** Opened before anything else was loaded. */
  readonly storage: Promise<Storage>
  readonly version: string
}

/** The composed control plane. */
export interface Server {
  picture(): Picture
  setReady(): void
  /** Applies a new configuration as a whole, or throws and leaves everything as it was. */
  apply(next: Loaded): Promise<void>
  /** A configuration that could not be read or applied; the console shows it until one is. */
  rejectReload(text: string): void
  onChanged(listener: () => void): void
}

/** The whole architecture of the control plane: what exists, what each part needs, and in which order it comes up. */
export async function compose(host: Host, input: ComposeInput): Promise<Server> {
  const { boot, link, channel } = input
  const folder = dirname(boot.configFile)
  const configuration = configurationOf(boot, input.loaded)
  const { settings } = input.loaded

  const storage = await host.start('storage', keepStorage, input.storage, {})
  const discovery = await host.start('discovery', startDiscovery, settings.discovery, { storage })
  discovery.configure(settings.services, { folder })
  const gateway = await host.start(
    'gateway',
    startGateway,
    { settings, sourceOf: input.loaded.sourceOf, defaults: defaultService() },
    { channel, portStore: await openPortStore(storage), discovery },
  )
  const { routed, workers, version: served } = await channel.hello
  const wantedWorkers = settings.gateway.workers
  // What serves already keeps its threads: the setting needs a restart, and data starts before the file is read.
  if (served === 0 && wantedWorkers !== 0 && wantedWorkers !== workers) {
    link.send({ type: 'data-workers', workers: wantedWorkers })
  }
  discovery.adopt(routed)
  const processesConfig = (
    listener: Listener | undefined,
    { settings, secretVariables }: Loaded,
  ) => ({
    settings,
    folder,
    inherited: withoutSecrets(process.env, secretVariables),
    listeners: listenerVariables(gateway, listener),
  })
  const processes = await host.start(
    'processes',
    startProcesses,
    processesConfig(undefined, input.loaded),
    {
      supervisor: link,
      discovery: discoveryForProcesses(discovery),
      gateway,
      overrides: await openOverrideStore(storage),
      routed: new Set(routed.map(({ service, id }) => `${service} ${id}`)),
    },
  )
  // What data serves is replaced as a whole: before that, everything that is in rotation must be in the model.
  discovery.flush()
  const isOpen = gateway.begin()
  isOpen.catch(() => {})
  const console: Console = await host.start(
    'console',
    startConsole,
    {
      ...(await consoleConfig(input, folder)),
      routes: [
        (app) =>
          registerDiscoveryRoutes(app, discovery, gateway, {
            defaultTtlMs: settings.discovery.lease,
          }),
      ],
    },
    {
      gateway,
      processes,
      discovery: discoveryForConsole(discovery),
      output: link,
      configuration: configuration.current,
      isDataConnected: () => channel.isConnected,
    },
  )
  await isOpen
  processes.begin(processesConfig(console.listener, input.loaded))

  return {
    picture: () => console.picture(),
    setReady: () => console.setReady(),
    async apply(next) {
      const nextProcesses = processesConfig(console.listener, next)
      processes.check(nextProcesses)
      await gateway.configure({
        settings: next.settings,
        sourceOf: next.sourceOf,
        defaults: defaultService(),
      })
      discovery.configure(next.settings.services, { folder })
      processes.configure(nextProcesses)
      configuration.replace(next)
      console.touch()
    },
    rejectReload(text) {
      configuration.reject(text)
      console.touch()
    },
    onChanged: (listener) => void processes.onChange(listener),
  }
}

/** The file is open already, or will be soon; here it becomes part of what is released at the end. */
async function keepStorage(
  opening: Promise<Storage>,
  _needs: object,
  scope: Scope,
): Promise<Storage> {
  const storage = await opening
  scope.onStop(() => storage.close())
  return storage
}

async function consoleConfig(
  { boot, loaded, version }: ComposeInput,
  folder: string,
): Promise<Omit<ConsoleConfig, 'routes'>> {
  const { admin, name } = loaded.settings
  return {
    ...consoleAddress(loaded),
    portBefore: await consolePortBefore(boot),
    hosts: admin.hosts,
    token: typeof admin.token === 'string' ? admin.token : undefined,
    system: name ?? basename(folder),
    version,
    assets: consoleAssets(),
  }
}

function defaultService(): Settings['services'][string] {
  const { any } = settingsSchema.parse({ services: { any: {} } }).services
  if (any === undefined) throw new TypeError('the schema has lost the service it was given')
  return any
}

/** A variable that a secret is read from is for the setting that names it, not for every service. */
function withoutSecrets(
  env: Readonly<Record<string, string | undefined>>,
  secretVariables: readonly string[],
): Readonly<Record<string, string | undefined>> {
  const secrets = new Set([...secretVariables, 'BACKPLANE_TOKEN'])
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secrets.has(name)))
}
