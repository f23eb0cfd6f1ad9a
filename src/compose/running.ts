import { dirname } from 'node:path'
import type { Discovery } from '../capabilities/discovery/api.ts'
import type { Gateway } from '../capabilities/gateway/api.ts'
import type { LogsControl } from '../capabilities/logs/control/logs-control.ts'
import type { Processes } from '../capabilities/processes/api.ts'
import { withoutSecrets } from '../capabilities/processes/inherited.ts'
import { openOverrideStore } from '../capabilities/processes/override-store.ts'
import { startProcesses } from '../capabilities/processes/processes.ts'
import { discoveryForProcesses } from '../capabilities/processes/registry-port.ts'
import { startScaling } from '../capabilities/scaling/scaling.ts'
import { scalingConfig } from '../capabilities/scaling/settings.ts'
import { openEventStore } from '../capabilities/timeline/event-store.ts'
import { startTimeline } from '../capabilities/timeline/timeline.ts'
import type { Timeline } from '../contracts/timeline.ts'
import type { LoadedConfig } from '../platform/config/load.ts'
import type { Host } from '../platform/host.ts'
import type { Storage } from '../platform/storage/storage.ts'
import type { Settings } from '../settings.ts'
import type { ComposeInput } from './routing.ts'

/** What stands already. */
export interface RunningGround {
  readonly storage: Storage
  readonly discovery: Discovery
  readonly gateway: Gateway
  /** Waits, as the gateway does, for whoever else hands out instances. */
  readonly names: Pick<Gateway, 'drained'>
  /** Says where services send logs and traces. */
  readonly logs: Pick<LogsControl, 'variables'>
  /** What was routed before this control plane. */
  readonly routed: readonly { readonly service: string; readonly id: string }[]
}

/** What runs here: processes, what happens to them, and how many there are. */
export async function startRunning(
  host: Host<LoadedConfig<Settings>>,
  { boot, link, listeners }: ComposeInput,
  { storage, discovery, gateway, names, routed, logs }: RunningGround,
): Promise<{ readonly processes: Processes; readonly timeline: Timeline }> {
  const folder = dirname(boot.configFile)
  const registry = discoveryForProcesses(discovery)
  const processes = await host.start(
    'processes',
    startProcesses,
    ({ settings: { services }, environment, secretVariables }) => ({
      settings: { services },
      folder,
      inherited: withoutSecrets(environment, secretVariables),
    }),
    {
      supervisor: link,
      output: link,
      discovery: registry,
      gateway: {
        outboundUrls: (caller) => gateway.outboundUrls(caller),
        drained: async (...instance) =>
          (await Promise.all([gateway, names].map((one) => one.drained(...instance)))).every(
            Boolean,
          ),
      },
      overrides: await openOverrideStore(storage),
      routed: new Set(routed.map(({ service, id }) => `${service} ${id}`)),
      variables: () => ({ ...listeners.variables(), ...logs.variables() }),
    },
  )
  const timeline = await host.start('timeline', startTimeline, () => ({}), {
    store: await openEventStore(storage),
    processes,
    discovery,
    totals: gateway.totals,
  })
  await host.start('scaling', startScaling, ({ settings }) => scalingConfig(settings.services), {
    processes,
    discovery: registry,
    totals: gateway.totals,
    timeline,
  })
  return { processes, timeline }
}
