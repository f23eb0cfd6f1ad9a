import { parseHostPort } from '../../platform/config/addresses.ts'
import { ownEntry } from '../../platform/own-entry.ts'
import type { ServiceSettings, Settings } from '../../settings.ts'
import { instanceTakenError, registryFullError } from './errors.ts'
import type { CheckSpec } from './check-spec.ts'
import type { InstanceSpec } from './model.ts'
import type { Registry } from './registry.ts'

/** The services of the file, and where its exec checks run. */
export interface Declared {
  readonly services: Settings['services']
  readonly folder: string
}

/**
 * Takes over what the file says: which services there are, their checks, and the instances of `at`. A difference to what is there: what
 * stays keeps its health. `put` may throw.
 */
export function declareServices(
  registry: Registry,
  { services, folder }: Declared,
  put: (spec: InstanceSpec) => void,
): void {
  // First what goes, so that what comes finds room.
  for (const name of registry.services.keys()) {
    const wanted = idsOf(name, services)
    removeStatic(registry, name, (id) => !wanted.has(id))
    if (!Object.hasOwn(services, name)) registry.undeclareService(name)
  }
  for (const [name, settings] of Object.entries(services)) {
    const checks = checksOf(settings.health, { cwd: folder }, settings.tls !== false)
    const before = registry.services.get(name)
    const isOther = JSON.stringify(before?.defaultChecks) !== JSON.stringify(checks)
    registry.declareService(name, checks)
    for (const instance of before?.instances.values() ?? []) {
      if (isOther && instance.origin === 'run') registry.replaceChecks(instance, checks)
    }
    for (const spec of staticInstances(name, settings)) put(spec)
  }
}

/** Throws what `declareServices` would meet, and changes nothing. */
export function checkDeclared(
  registry: Registry,
  { services }: Declared,
  instancesMax: number,
): void {
  let count = registry.instanceCount
  for (const [name, { instances }] of registry.services) {
    const wanted = idsOf(name, services)
    for (const { id, origin } of instances.values()) {
      if (origin === 'at' && !wanted.has(id)) count--
    }
  }
  for (const name of Object.keys(services)) {
    for (const id of idsOf(name, services)) {
      const there = registry.find(name, id)
      if (there?.origin === 'run') throw instanceTakenError(there)
      if (there === undefined && ++count > instancesMax) throw registryFullError(count - 1)
    }
  }
}

/** Ids of the instances that `at` names. */
function idsOf(name: string, services: Settings['services']): ReadonlySet<string> {
  const settings = ownEntry(services, name)
  return new Set(settings === undefined ? [] : staticInstances(name, settings).map(({ id }) => id))
}

function removeStatic(registry: Registry, name: string, isGone: (id: string) => boolean): void {
  for (const { id, origin } of registry.services.get(name)?.instances.values() ?? []) {
    if (origin === 'at' && isGone(id)) registry.removeInstance(name, id)
  }
}

/** The checks that the health settings of a service ask for; without any of them a TCP connection to the port. */
export function checksOf(
  health: ServiceSettings['health'],
  exec: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
  isSecure = false,
): readonly CheckSpec[] {
  const times = {
    intervalMs: health.interval,
    timeoutMs: health.timeout,
    healthy: health.healthy,
    unhealthy: health.unhealthy,
    startupMs: health.startup,
  }
  const checks: CheckSpec[] = []
  // Whether it is well is asked here; whether it is who it should be, by each request.
  const tls = isSecure ? { tls: { skipVerify: true } } : {}
  if (health.http !== undefined) checks.push({ kind: 'http', path: health.http, ...tls, ...times })
  if (health.grpc !== undefined) {
    const named = health.grpc === true ? {} : { grpcService: health.grpc }
    checks.push({ kind: 'grpc', ...named, ...tls, ...times })
  }
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
