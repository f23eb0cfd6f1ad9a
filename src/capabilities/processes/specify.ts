import { urlVariable } from '../../platform/config/service-name.ts'
import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { splitShellWords } from '../../mechanisms/shell-words/shell-words.ts'
import { ownEntry } from '../../platform/own-entry.ts'
import type { ServiceSettings, Settings } from '../../settings.ts'
import type { ProcessSpec } from '../../contracts/supervisor.ts'

/** Variables of our own processes that no service must see. */
const OWN_VARIABLES = /^(BACKPLANE_|NODE_CHANNEL_|NODE_UNIQUE_ID$)/
/** Another user has others: the supervisor sets the first three. */
const LOGIN_VARIABLES = new Set(['HOME', 'USER', 'LOGNAME', 'MAIL', 'XDG_RUNTIME_DIR'])
/** Addresses that may differ after a restart of the control plane and are no reason to replace a service. */
const UNHASHED_VARIABLES = new Set(['BACKPLANE_URL', 'BACKPLANE_GATEWAY_URL'])

/** A task that fails again and again needs an operator: it is tried so often beyond the first time, where the file says no number. */
const TASK_RESTARTS_MAX = 3

/** A listener that is closed, or not open yet, is an empty word of the command. */
const unopened = { BACKPLANE_URL: '', BACKPLANE_GATEWAY_URL: '' } as const

export interface SpecifyContext {
  /** Absolute folder of the configuration file. */
  readonly folder: string
  /** What services inherit. */
  readonly inherited: Readonly<Record<string, string | undefined>>
  /** `<SERVICE>_URL` variables of this caller. */
  readonly urls: Readonly<Record<string, string>>
  /** BACKPLANE_URL and BACKPLANE_GATEWAY_URL, as far as those listeners are open. */
  readonly listeners: Readonly<Record<string, string>>
  readonly stopOrder: number
}

/** The process of one instance. `slot` is its number, from 1. */
export function specifyProcess(
  name: string,
  service: ServiceSettings,
  slot: number,
  context: SpecifyContext,
): ProcessSpec {
  const id = `${name}-${slot}`
  const inherited = inheritedEnv(context.inherited, service.user)
  const ownEnv = textsOf(service.env)
  const env = {
    ...inherited,
    OTEL_SERVICE_NAME: name,
    BACKPLANE_SERVICE: name,
    BACKPLANE_INSTANCE: id,
    ...context.urls,
    ...context.listeners,
    ...ownEnv,
  }
  const spec = {
    id,
    service: name,
    argv: argvOf(name, service.run ?? [], env),
    cwd: resolve(context.folder, service.folder),
    env,
    ...(service.user !== undefined && { user: service.user }),
    port: service.port ?? 0,
    task: service.task,
    restart: {
      policy: service.restart.policy ?? (service.task ? 'on-failure' : 'always'),
      countMax: service.restart.max ?? (service.task ? TASK_RESTARTS_MAX : null),
      backoffMinMs: service.restart.backoff.min,
      backoffMaxMs: service.restart.backoff.max,
      loopCount: service.restart.loop,
      loopWindowMs: service.restart.window,
    },
    stopSignal: service.stop.signal,
    stopGraceMs: service.stop.grace,
    stopOrder: context.stopOrder,
  }
  return { ...spec, hash: hashOf(spec, service.run ?? [], [inherited, ownEnv]) }
}

/**
 * Equal for all slots of a service with the same settings; excludes the variables that Backplane adds: other services and listeners
 * come and go without a reason to restart this one. The command is taken as it was written: its words follow from it and the
 * environment, and may name the instance.
 */
function hashOf(
  spec: Omit<ProcessSpec, 'hash'>,
  run: string | readonly string[],
  environments: readonly Readonly<Record<string, string>>[],
): string {
  const { id: _id, argv: _argv, stopOrder: _stopOrder, env: _env, ...rest } = spec
  const lasting = environments.map((env) =>
    Object.entries(env).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
  return createHash('sha256')
    .update(JSON.stringify([rest, run, lasting]))
    .digest('hex')
    .slice(0, 16)
}

/**
 * Whether a process that runs by `running` may stay where `wanted` is asked for: the same hash, and no variable of ours that it was given has
 * another value now. One that is merely new, or not there any more, is no reason to replace it (docs/decisions/0015).
 */
export function fitsSpecification(
  running: ProcessSpec,
  wanted: ProcessSpec,
  { urls, listeners }: Pick<SpecifyContext, 'urls' | 'listeners'>,
): boolean {
  if (running.hash !== wanted.hash) return false
  return Object.keys({ ...urls, ...listeners }).every(
    (name) =>
      UNHASHED_VARIABLES.has(name) ||
      !Object.hasOwn(running.env, name) ||
      ownEntry(running.env, name) === ownEntry(wanted.env, name),
  )
}

function inheritedEnv(
  env: SpecifyContext['inherited'],
  user: string | undefined,
): Record<string, string> {
  // The launcher's own compile cache is not for services; one that the user has set is.
  const isOurCache = env['NODE_COMPILE_CACHE'] === env['BACKPLANE_COMPILE_CACHE']
  return Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined &&
        !OWN_VARIABLES.test(entry[0]) &&
        !(user !== undefined && LOGIN_VARIABLES.has(entry[0])) &&
        !(isOurCache && entry[0] === 'NODE_COMPILE_CACHE'),
    ),
  )
}

/** The loader has replaced `{env}` and `{file}` by their texts. */
function textsOf(env: ServiceSettings['env']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name, value]] : [],
    ),
  )
}

/** `$PORT` is known only to the supervisor, which replaces it in the arguments at each start. */
function argvOf(
  name: string,
  run: string | readonly string[],
  env: Readonly<Record<string, string>>,
): readonly string[] {
  if (typeof run !== 'string') return run
  try {
    return splitShellWords(run, { ...unopened, ...env, PORT: '$PORT' })
  } catch (cause) {
    throw new CommandUnusableError(name, cause)
  }
}

/** A command needs a variable that nobody sets, or cannot be read. */
export class CommandUnusableError extends Error {
  override readonly name = 'CommandUnusableError'
  readonly code = 'ERR_PROCESSES_COMMAND'
  readonly service: string

  constructor(service: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause)
    super(`services.${service}.run cannot be used: ${why}`, { cause })
    this.service = service
  }
}

/** Looks at every command as it would be run. Throws `CommandUnusableError`. */
export function checkCommands(config: {
  readonly settings: Pick<Settings, 'services'>
  readonly inherited: SpecifyContext['inherited']
  readonly listeners: SpecifyContext['listeners']
}): void {
  const { services } = config.settings
  const names = Object.keys(services).map(urlVariable)
  const urls = Object.fromEntries(names.map((name) => [name, 'http://127.0.0.1:1']))
  for (const [name, service] of Object.entries(services)) {
    if (service.run === undefined) continue
    specifyProcess(name, service, 1, { ...config, folder: '/', urls, stopOrder: 0 })
  }
}

/** Depth in the graph of `after`: what others wait for stops last. */
export function stopOrders(services: Settings['services']): ReadonlyMap<string, number> {
  const orders = new Map<string, number>()
  const orderOf = (name: string, path: readonly string[]): number => {
    const known = orders.get(name)
    if (known !== undefined) return known
    const before = Object.hasOwn(services, name) ? (services[name]?.after ?? []) : []
    const order = path.includes(name)
      ? 0
      : 1 + Math.max(-1, ...before.map((one) => orderOf(one, [...path, name])))
    orders.set(name, order)
    return order
  }
  for (const name of Object.keys(services)) orderOf(name, [])
  return orders
}
