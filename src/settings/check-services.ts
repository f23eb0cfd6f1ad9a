import { nearestWord } from '../mechanisms/nearest-word/nearest-word.ts'
import { ShellWordsError } from '../mechanisms/shell-words/shell-words-error.ts'
import { splitShellWords } from '../mechanisms/shell-words/shell-words.ts'
import { parseHostPort } from '../platform/config/addresses.ts'
import type { SettingPath, SettingProblem } from '../platform/config/problems.ts'
import { formatDurationMs } from '../platform/config/units.ts'
import type { ServiceSettings, Settings } from '../settings.ts'

/** outbound listeners are opened one an edge: beyond this `calls` must say which are needed. */
export const OUTBOUND_LISTENERS_MAX = 1000

/** Problems of `services`: each service by itself, then what they say of each other. */
export function checkServices({ services }: Settings): readonly SettingProblem[] {
  const each = Object.entries(services).flatMap(([name, service]) => {
    const path = ['services', name]
    return [
      ...checkName(name, path),
      ...checkOrigin(service, path),
      ...checkHealth(service, path),
      ...checkBounds(service, path),
      ...checkEnvironment(service, path),
      ...checkReferences(name, service, services, path),
    ]
  })
  return [...each, ...checkCycles(services), ...checkOutboundListeners(services)]
}

/** A problem for a name that no service has, with the nearest one. */
export function checkServiceName(
  name: string,
  services: Settings['services'],
  path: SettingPath,
): readonly SettingProblem[] {
  const code = 'ERR_CONFIG_UNKNOWN_SERVICE'
  if (Object.hasOwn(services, name)) return []
  const known = Object.keys(services)
  const nearest = nearestWord(name, known)
  const advice = nearest === undefined ? 'declare it under services' : `did you mean ${nearest}?`
  return [{ path, code, message: `there is no service ${name}; ${advice}`, nearest }]
}

/** Callers read the address of a service from `<NAME>_URL`. */
function checkName(name: string, path: SettingPath): readonly SettingProblem[] {
  if (name !== 'backplane' && !name.startsWith('backplane-')) return []
  const variable = `${name.toUpperCase().replaceAll('-', '_')}_URL`
  const message = `may not begin with backplane: its address would be told as ${variable}, which is Backplane's own; choose another name`
  return [{ path, code: 'ERR_CONFIG_NAME_RESERVED', message, at: 'key' }]
}

/** Who runs its instances: `run` Backplane, `at` somebody else, neither whoever registers them. */
function checkOrigin(service: ServiceSettings, path: SettingPath): readonly SettingProblem[] {
  const { run, at, port, task, instances } = service
  const problems: SettingProblem[] = []
  const conflict = (name: string, message: string): void => {
    problems.push({ path: [...path, name], code: 'ERR_CONFIG_CONFLICT', message, at: 'key' })
  }
  const instancesMax = typeof instances === 'number' ? instances : instances.max
  if (run !== undefined && at !== undefined) {
    conflict(
      'at',
      'excludes run: either Backplane starts the instances or somebody else does; remove one',
    )
  }
  if (port !== undefined && instancesMax > 1) {
    conflict(
      'port',
      `is fixed, so there can be one instance, not ${instancesMax}; remove it and listen on $PORT`,
    )
  }
  if (task && run === undefined) conflict('task', 'needs run: the command that is run to its end')
  if (task && instancesMax > 1) conflict('instances', `must be 1 for a task; is ${instancesMax}`)
  if (run !== undefined) problems.push(...checkCommand(run, [...path, 'run']))
  for (const [index, address] of (at ?? []).entries()) {
    if (parseHostPort(address) !== undefined) continue
    const message = `must be host:port, such as 10.0.0.5:8080 or "[fd00::5]:8080"; is ${address}`
    problems.push({ path: [...path, 'at', index], code: 'ERR_CONFIG_VALUE_INVALID', message })
  }
  return problems
}

function checkCommand(
  run: string | readonly string[],
  path: SettingPath,
): readonly SettingProblem[] {
  const code = 'ERR_CONFIG_VALUE_INVALID'
  if (typeof run !== 'string') return []
  try {
    splitShellWords(run, anyVariable(run))
    return []
  } catch (error) {
    if (!(error instanceof ShellWordsError)) throw error
    return [{ path, code, message: `is no command: ${error.message}` }]
  }
}

/** Which variables there are is known only at the start of an instance: here each name has a value. */
function anyVariable(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    (text.match(/[A-Za-z_][A-Za-z0-9_]*/g) ?? []).map((name) => [name, 'x']),
  )
}

function checkHealth({ health }: ServiceSettings, path: SettingPath): readonly SettingProblem[] {
  const kinds = (['http', 'tcp', 'exec'] as const).filter((kind) => health[kind] !== undefined)
  const [first, second] = kinds
  if (first === undefined || second === undefined) return []
  const message = `excludes ${first}: a service has one kind of health check; remove one`
  return [{ path: [...path, 'health', second], code: 'ERR_CONFIG_CONFLICT', message, at: 'key' }]
}

function checkBounds(service: ServiceSettings, path: SettingPath): readonly SettingProblem[] {
  const { instances, restart, resilience } = service
  const { ejection } = resilience
  const problems: SettingProblem[] = []
  if (typeof instances !== 'number' && instances.min > instances.max) {
    const message = `must not be above max; is ${instances.min}, and max is ${instances.max}`
    problems.push({ path: [...path, 'instances', 'min'], code: 'ERR_CONFIG_RANGE', message })
  }
  const durations = [
    { path: ['restart', 'min'], low: restart.min, high: restart.max },
    { path: ['resilience', 'ejection', 'base'], low: ejection.base, high: ejection.max },
  ]
  for (const { path: below, low, high } of durations) {
    if (low <= high) continue
    const message = `must not be above max; is ${formatDurationMs(low)}, and max is ${formatDurationMs(high)}`
    problems.push({ path: [...path, ...below], code: 'ERR_CONFIG_RANGE', message })
  }
  return problems
}

/** Names that Backplane gives to every instance itself. */
function checkEnvironment({ env }: ServiceSettings, path: SettingPath): readonly SettingProblem[] {
  return Object.keys(env).flatMap((name): readonly SettingProblem[] => {
    if (name !== 'PORT' && !name.startsWith('BACKPLANE_')) return []
    const advice = name === 'PORT' ? 'for a fixed one write port: 8080' : 'choose another name'
    const message = `is given to every instance by Backplane; ${advice}`
    return [{ path: [...path, 'env', name], code: 'ERR_CONFIG_NAME_RESERVED', message, at: 'key' }]
  })
}

function checkReferences(
  name: string,
  service: ServiceSettings,
  services: Settings['services'],
  path: SettingPath,
): readonly SettingProblem[] {
  const after = service.after.flatMap((other, index) =>
    checkServiceName(other, services, [...path, 'after', index]),
  )
  const calls = (service.calls ?? []).flatMap((other, index) => {
    const at = [...path, 'calls', index]
    if (services[other]?.task !== true) return checkServiceName(other, services, at)
    const message = `${other} is a task, which answers no requests; ${name} can wait for it with after`
    return [{ path: at, code: 'ERR_CONFIG_CONFLICT', message }]
  })
  return [...after, ...calls]
}

/** Services that wait for each other would never start. Each cycle is told once, at its first service. */
function checkCycles(services: Settings['services']): readonly SettingProblem[] {
  const done = new Set<string>()
  const problems: SettingProblem[] = []
  const visit = (name: string, way: readonly string[]): void => {
    const start = way.indexOf(name)
    if (start >= 0) {
      const cycle = [...way.slice(start), name].join(' > ')
      const message = `waits for itself, so it would never start: ${cycle}; remove one of these`
      problems.push({ path: ['services', name, 'after'], code: 'ERR_CONFIG_CYCLE', message })
      return
    }
    if (done.has(name)) return
    for (const other of services[name]?.after ?? []) visit(other, [...way, name])
    done.add(name)
  }
  for (const name of Object.keys(services)) visit(name, [])
  return problems
}

function checkOutboundListeners(services: Settings['services']): readonly SettingProblem[] {
  const callable = Object.values(services).filter(({ task }) => !task).length
  const callers = Object.values(services).filter(({ run }) => run !== undefined)
  const listeners = callers.reduce((sum, { calls }) => sum + (calls?.length ?? callable), 0)
  if (listeners <= OUTBOUND_LISTENERS_MAX) return []
  const open = callers.filter(({ calls }) => calls === undefined).length
  const message = `would open ${listeners} outbound listeners, at most ${OUTBOUND_LISTENERS_MAX} are allowed: ${open} services may call all others; name what they call with calls: [...]`
  return [{ path: ['services'], code: 'ERR_CONFIG_EDGES_MAX', message, at: 'key' }]
}
