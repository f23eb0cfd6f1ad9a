/**
 * The part of the control plane that speaks Consul's protocol, as a process of its own: a state file, a registry, keys and sessions, the listener.
 * `node consul-program.ts FOLDER PORT [JSON of the section consul]`; says `ready PORT`, ends on SIGTERM.
 */
import { join } from 'node:path'
import { startConsul } from '../../../src/capabilities/consul/consul.ts'
import { sessionHealth } from '../../../src/capabilities/consul/session-health.ts'
import { consulSettings } from '../../../src/capabilities/consul/settings.ts'
import { startDiscovery } from '../../../src/capabilities/discovery/discovery.ts'
import { startKv } from '../../../src/capabilities/kv/kv.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { Host } from '../../../src/platform/host.ts'
import { ListenerBoard } from '../../../src/platform/listeners/board.ts'
import { keepStorage } from '../../../src/platform/storage/part.ts'
import { startStorage } from '../../../src/platform/storage/storage.ts'
import { settingsSchema } from '../../../src/settings.ts'

const [folder = '', port = '0', section = '{}'] = process.argv.slice(2)
const given = JSON.parse(section) as { readonly token?: string; readonly acl?: 'allow' | 'deny' }
const consul = { datacenter: 'dc1', node: 'n1', scripts: false, hosts: [], ...given }
const log = (level: string, message: string, fields?: object): void => {
  if (level !== 'debug') process.stderr.write(`${level} ${message} ${JSON.stringify(fields)}\n`)
}
const address = { host: '127.0.0.1', port: Number(port) }
const listeners = new ListenerBoard({
  table: consulSettings.listeners,
  listen: { default: 'off', consul: address },
  sourceOf: () => 'default',
  log,
  clock: systemClock,
  portsBefore: new Map(),
})
const host = new Host<object>({ clock: systemClock, random: Math.random, log, listeners }, {})
const opening = startStorage({ file: join(folder, 'state.sqlite') })
const storage = await host.start('storage', keepStorage, () => opening, {})
const { discovery: limits } = settingsSchema.parse({})
const discovery = await host.start(
  'discovery',
  startDiscovery,
  () => ({ limits, services: {}, folder }),
  { storage, everywhere: () => Promise.resolve() },
)
const health = sessionHealth(consul, discovery)
const kv = await host.start('kv', startKv, () => ({ size: 64 * 1024 * 1024, sessions: 10_000 }), {
  storage,
  health,
})
await host.start('consul', startConsul, () => consul, { storage, discovery, kv })
process.stdout.write(`ready ${listeners.views()[0]?.address.split(':').at(-1)}\n`)
process.on('SIGTERM', () => void host[Symbol.asyncDispose]().then(() => process.exit(0)))
