import { parseHostPort } from '../../platform/config/addresses.ts'
import type { ServiceSettings } from '../../settings.ts'
import type { CheckSpec, InstanceSpec } from './model.ts'

/** The checks that the health settings of a service ask for; without any of them a TCP connection to the port. */
export function checksOf(
  health: ServiceSettings['health'],
  exec: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): readonly CheckSpec[] {
  const times = {
    intervalMs: health.interval,
    timeoutMs: health.timeout,
    healthy: health.healthy,
    unhealthy: health.unhealthy,
    startupMs: health.startup,
  }
  const checks: CheckSpec[] = []
  if (health.http !== undefined) checks.push({ kind: 'http', path: health.http, ...times })
  if (health.exec !== undefined) checks.push({ kind: 'exec', argv: health.exec, ...exec, ...times })
  const isOnly = checks.length === 0
  if (health.tcp === true || isOnly) checks.push({ kind: 'tcp', ...times })
  return checks
}

/** The instances that `at` names, with their address as id. */
export function staticInstances(
  service: string,
  settings: ServiceSettings,
): readonly InstanceSpec[] {
  const { weight } = settings
  return (settings.at ?? []).flatMap((address) => {
    const parsed = parseHostPort(address)
    // The check of the settings has refused what is no address.
    return parsed === undefined ? [] : [{ service, id: address, ...parsed, weight }]
  })
}
