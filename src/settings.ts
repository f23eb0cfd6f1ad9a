import { z } from 'zod'
import type { SourceOf } from './platform/config/load.ts'
import type { SettingProblem } from './platform/config/problems.ts'
import { duration, listenAddress, secret } from './platform/config/units.ts'
import { checkListeners } from './settings/check-listeners.ts'
import { checkRoutes } from './settings/check-routes.ts'
import { checkServices } from './settings/check-services.ts'
import { limitSettings, routeSettings } from './settings/gateway.ts'
import { filled, label } from './settings/names.ts'
import { serviceSettings } from './settings/service.ts'

/** The whole of `backplane.yaml`: types, defaults, docs/settings.md and the JSON Schema come from here. */
export const settingsSchema = z.strictObject({
  name: label().optional().describe('Name of the system; default: the name of the folder.'),
  listen: z
    .strictObject({
      default: z
        .enum(['auto', 'off'])
        .default('auto')
        .describe('off closes every listener that is not named.'),
      gateway: listenAddress().optional().describe('HTTP for clients; default 127.0.0.1:8080.'),
      console: listenAddress()
        .optional()
        .describe('Console and admin API; default 127.0.0.1:4000.'),
    })
    .prefault({})
    .describe('Listeners: port, host:port, 0 (any free port) or off.'),
  services: z.record(label(), serviceSettings).default({}).describe('Services by name.'),
  gateway: z
    .strictObject({
      workers: z
        .int()
        .min(0)
        .max(64)
        .default(0)
        .describe('Threads of the data plane; 0 is one a core. Needs a restart.'),
      routes: z
        .array(routeSettings)
        .default([])
        .describe('The most specific matching route wins; the order in the file breaks ties.'),
      trustedProxies: z
        .array(filled())
        .default([])
        .describe('CIDR blocks whose X-Forwarded-* and Forwarded are believed.'),
      hosts: z
        .array(filled())
        .default([])
        .describe(
          'Host names that the gateway answers to on loopback, besides localhost, addresses and the hosts of routes; * is every name.',
        ),
      proxyProtocol: z
        .boolean()
        .default(false)
        .describe(
          'Connections begin with a PROXY protocol header (v1 or v2), only from trustedProxies.',
        ),
      limits: limitSettings
        .prefault({})
        .describe('A limit on everything that a client can make large.'),
    })
    .prefault({})
    .describe('The HTTP gateway.'),
  admin: z
    .strictObject({
      token: secret()
        .optional()
        .describe('Bearer token of the admin API; demanded from beyond loopback.'),
      hosts: z
        .array(filled())
        .default([])
        .describe('Further Host names under which the console is reached.'),
    })
    .prefault({})
    .describe('Console and admin API.'),
  discovery: z
    .strictObject({
      instances: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(100_000)
        .describe('Registrations beyond this are refused.'),
      lease: duration({ min: '1s', max: '24h' })
        .prefault('30s')
        .describe('Default lease of a registration.'),
      checks: z.int().min(1).max(10_000).default(256).describe('Active checks at the same time.'),
    })
    .prefault({})
    .describe('The registry.'),
})

export type Settings = z.output<typeof settingsSchema>
export type ServiceSettings = Settings['services'][string]
export type RouteSettings = Settings['gateway']['routes'][number]

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
 * stand open to the network without a lock. The loader gives each problem its line.
 */
export function checkSettings(settings: Settings, sourceOf: SourceOf): readonly SettingProblem[] {
  return [
    ...checkServices(settings),
    ...checkRoutes(settings),
    ...checkListeners(settings, sourceOf),
  ]
}
