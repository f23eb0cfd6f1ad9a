import { dirname } from 'node:path'
import { consoleConfig } from '../capabilities/console/config.ts'
import { startConsole, type Console } from '../capabilities/console/console.ts'
import { readPastTicks } from '../capabilities/console/past-ticks.ts'
import { meetData } from '../capabilities/gateway/meet-data.ts'
import { startLogsControl } from '../capabilities/logs/control/logs-control.ts'
import type { Processes } from '../capabilities/processes/api.ts'
import { IDENTITY_PATHS } from '../contracts/identity-state.ts'
import type { Timeline } from '../contracts/timeline.ts'
import type { Boot } from '../contracts/supervisor.ts'
import { adminSocketOf, stateSocketOf } from '../supervisor/boot.ts'
import type { CurrentConfiguration } from '../platform/config/current.ts'
import type { LoadedConfig } from '../platform/config/load.ts'
import type { Host } from '../platform/host.ts'
import { createOwnWanted } from '../platform/own-wanted.ts'
import type { Elsewhere } from '../platform/http/elsewhere.ts'
import type { Settings } from '../settings.ts'
import { startMetering } from './metering.ts'
import { startProtocols } from './protocols.ts'
import { startRunning } from './running.ts'
import { startWanted } from './wanted.ts'
import { startRouting, type ComposeInput } from './routing.ts'

/** The composed control plane: what surrounds it looks at these. A reload goes to the host, which every part has joined. */
export interface ControlPlane {
  readonly configuration: CurrentConfiguration<Settings>
  readonly processes: Processes
  readonly timeline: Timeline
  readonly console: Console
}

/** Admin routes that other processes of ours serve: one line a process. */
const elsewhere = (boot: Boot): readonly Elsewhere[] => [
  { process: 'telemetry', prefix: 'telemetry', socketPath: adminSocketOf(boot, 'telemetry') },
  { process: 'telemetry', prefix: 'metrics', socketPath: adminSocketOf(boot, 'telemetry') },
  { process: 'telemetry', prefix: 'alerts', socketPath: adminSocketOf(boot, 'telemetry') },
  { process: 'events', prefix: 'events', socketPath: adminSocketOf(boot, 'events') },
  {
    process: 'identity',
    prefix: 'identity',
    socketPath: adminSocketOf(boot, 'identity'),
    publicPaths: IDENTITY_PATHS,
  },
]

/**
 * The whole architecture of the control plane: what exists, what each part needs, and in which order it comes up. A new capability is one
 * more `host.start`, above the console: the console serves the routes of all that stand above it.
 */
export async function composeControl(
  host: Host<LoadedConfig<Settings>>,
  input: ComposeInput,
): Promise<ControlPlane> {
  const { boot, link, channel, listeners, version } = input
  const folder = dirname(boot.configFile)
  const { storage, configuration, discovery, gateway } = await startRouting(host, input)

  // What is routed already, from before this control plane, stays in rotation; what runs already is adopted.
  const routed = await meetData(channel, link, configuration.current().settings)
  discovery.adopt(routed)
  const names = await startProtocols(host, { storage, configuration, discovery })
  const logs = await startLogging(host, input)
  const ground = { storage, discovery, gateway, names, routed, logs }
  const { processes, timeline } = await startRunning(host, input, ground)
  const metrics = await startMetering(host, { boot, configuration, discovery, listeners })
  const ownWanted = createOwnWanted(link)
  const { events, identity } = await startWanted(host, { ...input, storage, ownWanted })

  // What data serves is replaced as a whole: before that, everything that is in rotation must be in the model.
  discovery.flush()
  const isOpen = gateway.begin()
  isOpen.catch(() => {})
  const console = await host.start(
    'console',
    startConsole,
    ({ settings }) => consoleConfig(settings, folder, version),
    {
      house: host,
      listeners,
      gateway,
      processes,
      discovery,
      configuration: configuration.current,
      isDataConnected: () => channel.isConnected,
      elsewhere: elsewhere(boot),
      // Where nothing is routed yet, there is nothing to remember.
      pastTicks: async (clock) =>
        routed.length === 0 ? [] : readPastTicks(adminSocketOf(boot, 'telemetry'), clock),
    },
  )
  await isOpen
  await Promise.all([metrics.opened, logs.opened, events.opened, identity.opened])
  processes.begin()
  return { configuration, processes, timeline, console }
}

/** Telemetry is told how logs and traces are kept; services are told where to send them. */
function startLogging(
  host: Host<LoadedConfig<Settings>>,
  { boot, listeners }: Pick<ComposeInput, 'boot' | 'listeners'>,
) {
  return host.start(
    'logs',
    startLogsControl,
    ({ settings: { logs, traces, listen } }) => ({ logs, traces, listen }),
    { socketPath: stateSocketOf(boot, 'telemetry', 'logs'), listeners },
  )
}
