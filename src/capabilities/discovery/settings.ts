import { z } from 'zod'
import { parseHostPort } from '../../platform/config/addresses.ts'
import { absolutePath, filled } from '../../platform/config/names.ts'
import type { SettingsPart } from '../../platform/config/part.ts'
import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'
import { duration } from '../../platform/config/units.ts'
import { checkSources, discoverSettings } from './source-settings.ts'

/** Health checks: how the control plane asks whether an instance is well. */
const healthSettings = z.strictObject({
  http: absolutePath().optional().describe('GET this path; 200 to 399 is passing.'),
  tcp: z.literal(true).optional().describe('Passing when a connection is accepted.'),
  grpc: z
    .union([z.literal(true), filled()])
    .optional()
    .describe(
      'Ask grpc.health.v1 for this service; true: for the server as a whole. SERVING is passing.',
    ),
  exec: z
    .array(filled())
    .min(1)
    .optional()
    .describe('Run this program; exit 0 is passing, 1 is warning.'),
  interval: duration({ min: '100ms', max: '1h' })
    .prefault('2s')
    .describe('Time between two checks of one instance, ±10 % jitter.'),
  timeout: duration({ min: '10ms', max: '10m' })
    .prefault('1s')
    .describe('No answer within this time is a failure.'),
  healthy: z
    .int()
    .min(1)
    .max(100)
    .default(1)
    .describe('Passing checks in a row until the instance is routable.'),
  unhealthy: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe('Failing checks in a row until it is taken out.'),
  restart: duration({ min: '0s', max: '1h' })
    .prefault('0s')
    .describe('A process that lives and fails its check for this long is restarted; 0s: never.'),
  startup: duration({ min: '0s', max: '1h' })
    .prefault('60s')
    .describe(
      'After a start failures do not count for this long, and checks run every 100 ms until the first success.',
    ),
})

/** Where instances are, and how they are asked whether they are well. */
const service = {
  health: healthSettings
    .prefault({})
    .describe('Without http, tcp, grpc or exec: a TCP connection to the port.'),
  at: z
    .array(filled())
    .min(1)
    .optional()
    .describe('Addresses host:port of instances that somebody else runs.'),
  discover: discoverSettings,
  weight: z.int().min(1).max(1000).default(1).describe('Weight of its instances in balancing.'),
}

const discovery = z
  .strictObject({
    instances: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(100_000)
      .describe('Registrations beyond this are refused.'),
    perClient: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(10_000)
      .describe(
        'Registrations from one address (IPv6: one /64) beyond this are refused, over all protocols.',
      ),
    lease: duration({ min: '1s', max: '24h' })
      .prefault('30s')
      .describe('Default lease of a registration.'),
    checks: z.int().min(1).max(10_000).default(256).describe('Active checks at the same time.'),
  })
  .prefault({})
  .describe('The registry.')

/** A service as this capability sees it. */
type DiscoveredService = z.output<z.ZodObject<typeof service>>

/** The part of `backplane.yaml` that says which instances there are without being run here. */
export const discoverySettings = {
  sections: { discovery },
  service,
  restart: ['discovery'],
  check: checkDiscovery,
} as const satisfies SettingsPart

/** What the check looks at. */
interface DiscoveryChecked {
  readonly services: Readonly<Record<string, DiscoveredService & { readonly run?: unknown }>>
}

function checkDiscovery({ services }: DiscoveryChecked): readonly SettingProblem[] {
  return Object.entries(services).flatMap(([name, service]) => {
    const path = ['services', name]
    return [
      ...checkAddresses(service, path),
      ...checkSources(service.discover, [...path, 'discover']),
      ...checkHealth(service, path),
    ]
  })
}

/** Who runs its instances: `run` Backplane, `at` somebody else, neither whoever registers them. */
function checkAddresses(
  { at, discover, run }: DiscoveredService & { readonly run?: unknown },
  path: SettingPath,
): readonly SettingProblem[] {
  const problems: SettingProblem[] = []
  if (run !== undefined && at !== undefined) {
    const message =
      'excludes run: either Backplane starts the instances or somebody else does; remove one'
    problems.push({ path: [...path, 'at'], code: 'ERR_CONFIG_CONFLICT', message, at: 'key' })
  }
  if (run !== undefined && discover !== undefined) {
    const message =
      'excludes run: either Backplane starts the instances or somebody else does; remove one'
    problems.push({ path: [...path, 'discover'], code: 'ERR_CONFIG_CONFLICT', message, at: 'key' })
  }
  for (const [index, address] of (at ?? []).entries()) {
    if (parseHostPort(address) !== undefined) continue
    const message = `must be host:port, such as 10.0.0.5:8080 or "[fd00::5]:8080"; is ${address}`
    problems.push({ path: [...path, 'at', index], code: 'ERR_CONFIG_VALUE_INVALID', message })
  }
  return problems
}

function checkHealth({ health }: DiscoveredService, path: SettingPath): readonly SettingProblem[] {
  const kinds = (['http', 'tcp', 'grpc', 'exec'] as const).filter(
    (kind) => health[kind] !== undefined,
  )
  const [first, second] = kinds
  if (first === undefined || second === undefined) return []
  const message = `excludes ${first}: a service has one kind of health check; remove one`
  return [{ path: [...path, 'health', second], code: 'ERR_CONFIG_CONFLICT', message, at: 'key' }]
}
