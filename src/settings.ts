import type { z } from 'zod'
import { alertsSettings } from './capabilities/alerts/settings.ts'
import { certificatesSettings } from './capabilities/certificates/settings.ts'
import { consoleSettings } from './capabilities/console/settings.ts'
import { consulDnsSettings } from './capabilities/consul-dns/settings.ts'
import { eurekaSettings } from './capabilities/eureka/settings.ts'
import { consulSettings } from './capabilities/consul/settings.ts'
import { discoverySettings } from './capabilities/discovery/settings.ts'
import { identitySettings } from './capabilities/identity/settings.ts'
import { eventsSettings } from './capabilities/events/settings.ts'
import { kvSettings } from './capabilities/kv/settings.ts'
import { gatewaySettings } from './capabilities/gateway/settings.ts'
import { logsSettings } from './capabilities/logs/settings.ts'
import { metricsSettings } from './capabilities/metrics/settings.ts'
import { processesSettings } from './capabilities/processes/settings.ts'
import { scalingSettings } from './capabilities/scaling/settings.ts'
import type { SourceOf } from './platform/config/load.ts'
import { assembleSettings } from './platform/config/part.ts'
import type { SettingProblem } from './platform/config/problems.ts'

/** Each capability says its part of the file in its own settings.ts; here they are put together, one a line. */
const assembled = assembleSettings([
  processesSettings,
  scalingSettings,
  gatewaySettings,
  discoverySettings,
  certificatesSettings,
  consulDnsSettings,
  eurekaSettings,
  consulSettings,
  kvSettings,
  identitySettings,
  eventsSettings,
  metricsSettings,
  alertsSettings,
  logsSettings,
  consoleSettings,
])

/** The whole of `backplane.yaml`: types, defaults, docs/settings.md and the JSON Schema come from here. */
export const settingsSchema = assembled.schema

export type Settings = z.output<typeof settingsSchema>
export type ServiceSettings = Settings['services'][string]
export type RouteSettings = Settings['gateway']['routes'][number]

/** Every listener of the product by its name in `listen`. */
export const listenerTable = assembled.listeners

/** Whether a change of the setting at this path waits for the next start. */
export function needsRestart(path: string): boolean {
  return assembled.needsRestart(path)
}

/** The smallest useful `backplane.yaml`, shown to those who have none yet. */
export const SMALLEST_FILE = `services:
  hello:
    run: node server.js          # listens on $PORT
gateway:
  routes:
    - { path: /**, to: hello }
`

/**
 * What no single setting can know: names that must exist, settings that exclude each other, listeners that collide or
 * stand open to the network without a lock, variables that no command will find in `environment`. The loader gives each problem its line.
 */
export function checkSettings(
  settings: Settings,
  sourceOf: SourceOf,
  environment: Readonly<Record<string, string | undefined>>,
): readonly SettingProblem[] {
  return assembled.check(settings, sourceOf, environment)
}

/** What a look at the files that the settings name tells, such as certificates and rules of alerts; `folder` is the configuration file's. */
export function inspectSettings(
  settings: Settings,
  folder: string,
): Promise<readonly SettingProblem[]> {
  return assembled.inspect(settings, folder)
}

/** What holds for a service that only exists by registration. */
export function defaultService(): ServiceSettings {
  const { any } = settingsSchema.parse({ services: { any: {} } }).services
  if (any === undefined) throw new TypeError('the schema has lost the service it was given')
  return any
}
