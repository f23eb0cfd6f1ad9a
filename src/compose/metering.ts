import { dirname } from 'node:path'
import { startAlertRules } from '../capabilities/alerts/control/alert-rules.ts'
import { startAlertsControl } from '../capabilities/alerts/control/alerts-control.ts'
import { consoleUrlOf } from '../capabilities/alerts/control/console-url.ts'
import { sloRetention } from '../capabilities/alerts/slo/own-groups.ts'
import type { Discovery } from '../capabilities/discovery/api.ts'
import { startMetricsControl } from '../capabilities/metrics/control/metrics-control.ts'
import type { Boot } from '../contracts/supervisor.ts'
import type { CurrentConfiguration } from '../platform/config/current.ts'
import type { LoadedConfig } from '../platform/config/load.ts'
import type { Host } from '../platform/host.ts'
import type { ListenerBoard } from '../platform/listeners/board.ts'
import { stateSocketOf } from '../supervisor/boot.ts'
import type { Settings } from '../settings.ts'

/** What the measuring stands on. */
interface Ground {
  readonly boot: Pick<Boot, 'adminSockets' | 'configFile'>
  readonly configuration: CurrentConfiguration<Settings>
  readonly discovery: Discovery
  readonly listeners: ListenerBoard
}

/** Part of the control plane: what telemetry is told of metrics and of alerts. */
export async function startMetering(
  host: Host<LoadedConfig<Settings>>,
  { boot, configuration, discovery, listeners }: Ground,
) {
  const folder = dirname(boot.configFile)
  const rules = await host.start(
    'alerts',
    startAlertRules,
    ({ settings: { alerts, services, metrics } }) => ({
      alerts,
      services,
      scrapeInterval: metrics.scrape.interval,
      folder,
    }),
    {},
  )
  const consoleUrl = () => consoleUrlOf(configuration.current().settings.alerts, listeners)
  await host.start('notifications', startAlertsControl, ({ settings: { alerts } }) => alerts, {
    socketPath: stateSocketOf(boot, 'telemetry', 'alerts'),
    consoleUrl,
  })
  return host.start(
    'metrics',
    startMetricsControl,
    ({ settings: { metrics: said, services, listen } }) => ({
      metrics: said,
      services,
      listen,
      kept: sloRetention(services),
    }),
    {
      socketPath: stateSocketOf(boot, 'telemetry'),
      discovery,
      listeners,
      house: host,
      rules,
      consoleUrl,
    },
  )
}
