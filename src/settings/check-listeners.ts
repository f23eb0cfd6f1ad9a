import { isIPv4 } from 'node:net'
import { formatHostPort, isLoopbackHost } from '../platform/config/addresses.ts'
import type { HostPort } from '../platform/config/addresses.ts'
import type { SourceOf } from '../platform/config/load.ts'
import type { SettingPath, SettingProblem } from '../platform/config/problems.ts'
import type { Settings } from '../settings.ts'

/** Where the listeners are that nobody named. */
export const DEFAULT_LISTENERS = {
  gateway: { host: '127.0.0.1', port: 8080 },
  console: { host: '127.0.0.1', port: 4000 },
} as const satisfies Record<string, HostPort>

/** A token that guards a listener to the network has at least this many characters. */
export const ADMIN_TOKEN_LENGTH_MIN = 16

/** Problems of `listen`, of TCP routes and of fixed ports: what collides, and what stands open. */
export function checkListeners(settings: Settings, sourceOf: SourceOf): readonly SettingProblem[] {
  return [...checkCollisions(settings, sourceOf), ...checkProtection(settings)]
}

interface Listener {
  readonly path: SettingPath
  readonly name: string
  readonly address: HostPort
}

function checkCollisions(settings: Settings, sourceOf: SourceOf): readonly SettingProblem[] {
  const listeners = listListeners(settings)
  return listeners.flatMap((listener, index): readonly SettingProblem[] => {
    const earlier = listeners
      .slice(0, index)
      .find((other) => collide(other.address, listener.address))
    if (earlier === undefined) return []
    const source = sourceOf(earlier.path)
    const whose = source === 'default' ? 'by default' : `in ${source}`
    const message = `would listen on ${formatHostPort(listener.address)}, which ${earlier.name} has ${whose}; choose another port or switch one off`
    return [{ path: listener.path, code: 'ERR_CONFIG_LISTENER_CONFLICT', message }]
  })
}

/** Listeners by name first as they are in the file, so that the problem stands at what somebody wrote. */
function listListeners({ listen, gateway, services }: Settings): readonly Listener[] {
  const listeners: Listener[] = []
  const add = (path: SettingPath, name: string, address: HostPort | 'off'): void => {
    if (address !== 'off' && address.port !== 0) listeners.push({ path, name, address })
  }
  const houseListeners = (['gateway', 'console'] as const).toSorted(
    (a, b) => Number(listen[a] !== undefined) - Number(listen[b] !== undefined),
  )
  for (const name of houseListeners) {
    const unnamed = listen.default === 'off' ? 'off' : DEFAULT_LISTENERS[name]
    add(['listen', name], `the ${name}`, listen[name] ?? unnamed)
  }
  for (const [index, route] of gateway.routes.entries()) {
    if (route.tcp !== undefined) {
      add(['gateway', 'routes', index, 'tcp'], `gateway.routes[${index}].tcp`, route.tcp)
    }
  }
  for (const [name, { run, port }] of Object.entries(services)) {
    if (run === undefined || port === undefined) continue
    add(['services', name, 'port'], `the service ${name}`, { host: '127.0.0.1', port })
  }
  return listeners
}

function collide(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port) return false
  const [hostA, hostB] = [a.host.toLowerCase(), b.host.toLowerCase()]
  if (hostA === hostB || isEveryAddress(hostA, hostB) || isEveryAddress(hostB, hostA)) return true
  // localhost is 127.0.0.1 and ::1.
  const isLocal = (name: string, address: string): boolean =>
    name === 'localhost' && (address === '127.0.0.1' || address === '::1')
  return isLocal(hostA, hostB) || isLocal(hostB, hostA)
}

/** `0.0.0.0` takes the port on every IPv4 address, `::` on every address. */
function isEveryAddress(host: string, other: string): boolean {
  return host === '::' || (host === '0.0.0.0' && (isIPv4(other) || other === 'localhost'))
}

/** The gateway is there for the public; who reaches the console rules the house. */
function checkProtection({ listen, admin }: Settings): readonly SettingProblem[] {
  const { console: listener } = listen
  const code = 'ERR_CONFIG_LISTENER_UNPROTECTED'
  const path = ['listen', 'console']
  if (listener === undefined || listener === 'off' || isLoopbackHost(listener.host)) return []
  const reach = `would be reachable from the network at ${formatHostPort(listener)}`
  if (admin.token === undefined || admin.token === '') {
    const message = `${reach} without a credential, and whoever reaches it may start programs here; set admin.token: { env: NAME }, or listen on 127.0.0.1`
    return [{ path, code, message }]
  }
  if (typeof admin.token !== 'string' || admin.token.length >= ADMIN_TOKEN_LENGTH_MIN) return []
  const message = `${reach} behind a token that can be guessed; admin.token must have at least ${ADMIN_TOKEN_LENGTH_MIN} characters`
  return [{ path, code, message }]
}
