import { ShellWordsError } from '../../mechanisms/shell-words/shell-words-error.ts'
import { nearestWord } from '../../mechanisms/nearest-word/nearest-word.ts'
import { splitShellWords } from '../../mechanisms/shell-words/shell-words.ts'
import type { SourceOf } from '../../platform/config/load.ts'
import type { KnownVariables } from '../../platform/config/part.ts'
import type { SettingPath, SettingProblem } from '../../platform/config/problems.ts'
import { checkServiceName, urlVariable } from '../../platform/config/service-name.ts'
import { formatDurationMs } from '../../platform/config/units.ts'
import { ownEntry } from '../../platform/own-entry.ts'
import type { ProcessSettings } from './schema.ts'

/** What every instance finds in its environment besides what it inherits. */
const GIVEN_VARIABLES = ['PORT', 'OTEL_SERVICE_NAME', 'BACKPLANE_SERVICE', 'BACKPLANE_INSTANCE']

type Services = Readonly<Record<string, ProcessSettings>>

/** What the check looks at. */
export interface ProcessesChecked {
  readonly services: Services
}

/** Problems of what is run here: each service by itself, then what they say of each other. */
export function checkProcesses(
  { services }: ProcessesChecked,
  _sourceOf: SourceOf,
  known: KnownVariables,
): readonly SettingProblem[] {
  const given = [...known, ...GIVEN_VARIABLES, ...Object.keys(services).map(urlVariable)]
  const each = Object.entries(services).flatMap(([name, service]) => {
    const path = ['services', name]
    const variables = [...given, ...Object.keys(service.env)]
    return [
      ...checkCommandLine(service, path, variables),
      ...checkOwnProcess(service, path),
      ...checkBounds(service, path),
      ...checkEnvironment(service, path),
      ...service.after.flatMap((other, index) =>
        checkServiceName(other, services, [...path, 'after', index]),
      ),
    ]
  })
  return [...each, ...checkCycles(services)]
}

/** What only a command has a use for. */
function checkOwnProcess(service: ProcessSettings, path: SettingPath): readonly SettingProblem[] {
  const { run, instances, env, folder, port, after, user, watch } = service
  if (run !== undefined) return []
  const given: readonly [string, boolean][] = [
    ['instances', instances !== 1],
    ['env', Object.keys(env).length > 0],
    ['folder', folder !== '.'],
    ['port', port !== undefined],
    ['after', after.length > 0],
    ['user', user !== undefined],
    ['watch', watch.length > 0],
  ]
  return given
    .filter(([, isGiven]) => isGiven)
    .map(([name]) => {
      const message =
        'has a meaning only with run: Backplane does not start the instances of this service; add run, or remove it'
      return { path: [...path, name], code: 'ERR_CONFIG_CONFLICT', message, at: 'key' }
    })
}

/** What one command, one port and one task allow. */
function checkCommandLine(
  service: ProcessSettings,
  path: SettingPath,
  variables: readonly string[],
): readonly SettingProblem[] {
  const { run, port, task, instances, restart } = service
  const problems: SettingProblem[] = []
  const conflict = (name: string, message: string): void => {
    problems.push({ path: [...path, name], code: 'ERR_CONFIG_CONFLICT', message, at: 'key' })
  }
  const instancesMax = typeof instances === 'number' ? instances : instances.max
  if (port !== undefined && instancesMax > 1) {
    conflict(
      'port',
      `is fixed, so there can be one instance, not ${instancesMax}; remove it and listen on $PORT`,
    )
  }
  if (task && run === undefined) conflict('task', 'needs run: the command that is run to its end')
  if (task && instancesMax > 1) conflict('instances', `must be 1 for a task; is ${instancesMax}`)
  if (task && restart.policy === 'always') {
    problems.push({
      path: [...path, 'restart', 'policy'],
      code: 'ERR_CONFIG_CONFLICT',
      message:
        'cannot be always for a task, which is done when it ends with 0; use on-failure or never',
    })
  }
  if (run !== undefined) problems.push(...checkCommand(run, [...path, 'run'], variables))
  return problems
}

function checkCommand(
  run: string | readonly string[],
  path: SettingPath,
  variables: readonly string[],
): readonly SettingProblem[] {
  const code = 'ERR_CONFIG_VALUE_INVALID'
  if (typeof run !== 'string') return []
  try {
    splitShellWords(run, Object.fromEntries(variables.map((name) => [name, 'x'])))
    return []
  } catch (error) {
    if (!(error instanceof ShellWordsError)) throw error
    const nearest = nearestWord(error.variable, error.variable === '' ? [] : variables)
    const meant = nearest === undefined ? '' : `; did you mean $${nearest}?`
    return [{ path, code, message: `is no command: ${error.message}${meant}`, nearest }]
  }
}

function checkBounds(service: ProcessSettings, path: SettingPath): readonly SettingProblem[] {
  const { instances, restart } = service
  const problems: SettingProblem[] = []
  if (typeof instances !== 'number' && instances.min > instances.max) {
    const message = `must not be above max; is ${instances.min}, and max is ${instances.max}`
    problems.push({ path: [...path, 'instances', 'min'], code: 'ERR_CONFIG_RANGE', message })
  }
  const { min, max } = restart.backoff
  if (min > max) {
    const message = `must not be above max; is ${formatDurationMs(min)}, and max is ${formatDurationMs(max)}`
    problems.push({
      path: [...path, 'restart', 'backoff', 'min'],
      code: 'ERR_CONFIG_RANGE',
      message,
    })
  }
  return problems
}

/** Names that Backplane gives to every instance itself. */
function checkEnvironment({ env }: ProcessSettings, path: SettingPath): readonly SettingProblem[] {
  return Object.keys(env).flatMap((name): readonly SettingProblem[] => {
    if (name !== 'PORT' && !name.startsWith('BACKPLANE_')) return []
    const advice = name === 'PORT' ? 'for a fixed one write port: 8080' : 'choose another name'
    const message = `is given to every instance by Backplane; ${advice}`
    return [{ path: [...path, 'env', name], code: 'ERR_CONFIG_NAME_RESERVED', message, at: 'key' }]
  })
}

/** Services that wait for each other would never start. Each cycle is told once, at its first service. */
function checkCycles(services: Services): readonly SettingProblem[] {
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
    for (const other of ownEntry(services, name)?.after ?? []) visit(other, [...way, name])
    done.add(name)
  }
  for (const name of Object.keys(services)) visit(name, [])
  return problems
}
