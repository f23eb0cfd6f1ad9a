/** Small adapters between capabilities: each gets what it needs in the shape that it asks for. */
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ConsoleConfig } from './capabilities/console/console.ts'
import type {
  Configuration,
  ConsoleNeeds,
  DiscoveredInstance,
} from './capabilities/console/needs.ts'
import type { Discovery } from './capabilities/discovery/discovery.ts'
import type { ChangeBatch, Instance } from './capabilities/discovery/model.ts'
import type { Gateway } from './capabilities/gateway/gateway.ts'
import type { DiscoveryNeed } from './capabilities/processes/needs.ts'
import type { Loaded } from './control-plane.ts'
import type { Listener } from './platform/http/listener.ts'
import type { Boot } from './contracts/supervisor.ts'

/** Where the console listens when the file does not say. */
const CONSOLE_PORT = 4000

/** The configuration in force, replaced as a whole. */
export function configurationOf(
  boot: Boot,
  first: Loaded,
): {
  readonly current: () => Configuration
  replace(next: Loaded): void
  reject(text: string): void
} {
  const view = (loaded: Loaded, reloadError: string): Configuration => ({
    settings: loaded.settings,
    file: basename(boot.configFile),
    overlay: boot.overlay,
    sourceOf: loaded.sourceOf,
    effective: () => loaded.effective(),
    reloadError,
  })
  let loaded = first
  let current = view(first, '')
  return {
    current: () => current,
    replace(next) {
      loaded = next
      current = view(next, '')
    },
    reject: (text) => void (current = view(loaded, text)),
  }
}

/** A run instance is put, drained and removed; its checks are those that its service declares. */
export function discoveryForProcesses(discovery: Discovery): DiscoveryNeed {
  return {
    put({ service, id, host, port, weight, wasRoutable }) {
      discovery.putInstance(
        { service, id, host, port, weight },
        { source: 'run', ...(wasRoutable ? { initially: 'passing' } : {}) },
      )
    },
    drain(service, id) {
      discovery.setDraining(service, id, true)
      discovery.flush()
    },
    remove(service, id) {
      discovery.removeInstance(service, id)
      discovery.flush()
    },
    isRoutable: (service, id) => discovery.instance(service, id)?.isRoutable ?? false,
    routableCount: (service) => discovery.service(service)?.routableCount ?? 0,
    onChange: (listener) => void discovery.subscribe('all', (batch) => listener(servicesOf(batch))),
  }
}

/** Discovery as the console shows it. */
export function discoveryForConsole(discovery: Discovery): ConsoleNeeds['discovery'] {
  return {
    services: () => [...discovery.services()].map((service) => service.name),
    instances: (service) => [...discovery.instances(service)].map(viewOf),
    onChange: (listener) => void discovery.subscribe('all', (batch) => listener(servicesOf(batch))),
  }
}

function servicesOf(batch: ChangeBatch): Set<string> {
  return new Set([
    ...batch.changes.map((change) => change.instance.service),
    ...batch.services.map((service) => service.name),
  ])
}

function viewOf(instance: Instance): DiscoveredInstance {
  const { id, host, port, source, isRoutable, health, checks } = instance
  return {
    id,
    address: `${host.includes(':') ? `[${host}]` : host}:${port}`,
    source,
    isRoutable,
    health,
    checks: checks.map((check) => ({
      name: check.id,
      status: check.status,
      output: check.output,
      atMs: check.atMs,
      durationMs: check.durationMs,
    })),
  }
}

/**
 * The console's port before this control plane started. The supervisor keeps it in `run/state.json` while it runs; a
 * control plane that was restarted finds it there, so that clients need not look for the listener again.
 */
export async function consolePortBefore(boot: Boot): Promise<number> {
  try {
    const text = await readFile(join(boot.dataDir, 'run', 'state.json'), 'utf8')
    const state = JSON.parse(text) as { readonly listen?: { readonly console?: string } }
    const port = Number(state.listen?.console?.split(':').at(-1))
    return Number.isInteger(port) ? port : 0
  } catch {
    return 0
  }
}

/** The console's listener by the file: a named one must open, an automatic one may stay closed. */
export function consoleAddress(
  loaded: Loaded,
): Pick<ConsoleConfig, 'address' | 'isNamed' | 'source'> {
  const { listen } = loaded.settings
  const source = loaded.sourceOf(['listen', 'console'])
  if (listen.console === 'off') return { address: undefined, isNamed: true, source }
  if (listen.console !== undefined) return { address: listen.console, isNamed: true, source }
  const address = listen.default === 'off' ? undefined : { host: '127.0.0.1', port: CONSOLE_PORT }
  return { address, isNamed: false, source }
}

/** The built console: in the package beside the bundle, in a checkout below `dist`. */
export function consoleAssets(): string {
  const here = fileURLToPath(new URL('.', import.meta.url))
  return import.meta.url.endsWith('.ts')
    ? join(here, '..', 'dist', 'console')
    : join(here, 'console')
}

/** What services are told of our own listeners: only of those that are open. */
export function listenerVariables(
  gateway: Pick<Gateway, 'listeners'>,
  console: Listener | undefined,
): Readonly<Record<string, string>> {
  const front = gateway
    .listeners()
    .find(({ spec, status }) => spec.kind === 'gateway' && status.error === '')
  return {
    ...(front === undefined
      ? {}
      : { BACKPLANE_GATEWAY_URL: urlOf(front.status.host, front.status.port) }),
    ...(console === undefined ? {} : { BACKPLANE_URL: urlOf(console.host, console.port) }),
  }
}

/** A wildcard address is reached over loopback. */
function urlOf(host: string, port: number): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}
