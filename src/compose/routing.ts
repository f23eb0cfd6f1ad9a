import { basename, dirname } from 'node:path'
import { startCertificates } from '../capabilities/certificates/certificates.ts'
import { certificatesConfig } from '../capabilities/certificates/config.ts'
import { startDiscovery } from '../capabilities/discovery/discovery.ts'
import { openBreakerOrders } from '../capabilities/gateway/breaker-orders.ts'
import { startGateway } from '../capabilities/gateway/gateway.ts'
import { openKeyStore } from '../capabilities/gateway/issuers/key-store.ts'
import { openQuotaStore } from '../capabilities/gateway/quota-store.ts'
import { openPortStore } from '../capabilities/gateway/port-store.ts'
import type { Boot } from '../contracts/supervisor.ts'
import { startConfiguration } from '../platform/config/current.ts'
import type { LoadedConfig } from '../platform/config/load.ts'
import type { Host } from '../platform/host.ts'
import type { ListenerBoard } from '../platform/listeners/board.ts'
import type { SnapshotChannel } from '../platform/snapshot/channel.ts'
import { keepStorage } from '../platform/storage/part.ts'
import type { Storage } from '../platform/storage/storage.ts'
import type { SupervisorLink } from '../platform/supervisor-link.ts'
import { defaultService, type Settings } from '../settings.ts'

/** What surrounds the control plane and was there before it. */
export interface ComposeInput {
  readonly boot: Boot
  readonly link: SupervisorLink
  readonly channel: SnapshotChannel
  readonly listeners: ListenerBoard
  /** Opened before anything else was loaded. */
  readonly storage: Promise<Storage>
  readonly version: string
  /** The operator has been told that everything is up: what is less important comes behind it. */
  readonly ready: Promise<void>
}

/** The first half of the control plane: who is where, and where requests go. Kept, and not told to the data plane yet. */
export async function startRouting(
  host: Host<LoadedConfig<Settings>>,
  { boot, link, channel, listeners, storage: opening, ready }: ComposeInput,
) {
  const folder = dirname(boot.configFile)
  const storage = await host.start('storage', keepStorage, () => opening, {})
  const configuration = await host.start(
    'configuration',
    startConfiguration<Settings>,
    (loaded) => loaded,
    { file: basename(boot.configFile), overlay: boot.overlay },
  )
  const discovery = await host.start(
    'discovery',
    startDiscovery,
    ({ settings }) => ({ limits: settings.discovery, services: settings.services, folder }),
    { storage, everywhere: async () => void (await channel.publish([])) },
  )
  await host.start(
    'certificates',
    startCertificates,
    ({ settings }) => certificatesConfig(settings, folder, boot.dataDir),
    {
      publish: (ops) => channel.publish(ops),
      notify: (text, json) => void ready.then(() => link.send({ type: 'notice', text, json })),
    },
  )
  const gateway = await host.start(
    'gateway',
    startGateway,
    ({ settings, sourceOf }) => ({ settings, sourceOf, folder, defaults: defaultService() }),
    {
      channel,
      portStore: await openPortStore(storage),
      breakerOrders: await openBreakerOrders(storage),
      keyStore: await openKeyStore(storage),
      quotaStore: await openQuotaStore(storage),
      discovery,
    },
  )
  listeners.reportOfData(() => gateway.views())
  return { storage, configuration, discovery, gateway }
}
