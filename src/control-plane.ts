import type { Storage } from './platform/storage/storage.ts'
import { packageVersion } from './cli/help.ts'
import { formatStatus } from './cli/status-text.ts'
import { composeControl, type ControlPlane } from './compose/control.ts'
import type { Picture } from './contracts/feed.ts'
import type { Log } from './platform/capability.ts'
import { systemClock } from './platform/clock.ts'
import { diffSettings } from './platform/config/difference.ts'
import { loadConfig, type LoadedConfig } from './platform/config/load.ts'
import { ConfigError, formatProblems } from './platform/config/problems.ts'
import { watchFiles } from './platform/config/watch.ts'
import { Host, StartError } from './platform/host.ts'
import { createJsonLog } from './platform/log.ts'
import { openSnapshotChannel } from './platform/snapshot/channel.ts'
import {
  openSupervisorLink,
  type IpcPort,
  type SupervisorLink,
} from './platform/supervisor-link.ts'
import { ListenerBoard } from './platform/listeners/board.ts'
import { readPortsBefore } from './platform/listeners/ports-before.ts'
import { describeReload } from './reload-notice.ts'
import {
  checkSettings,
  listenerTable,
  settingsSchema,
  SMALLEST_FILE,
  type Settings,
} from './settings.ts'
import type { Boot } from './contracts/supervisor.ts'

/** The table at the start is printed at the latest after this time, also when services are still starting. */
const READY_WAIT_MAX_MS = 60_000

/** After this time the operator is told what is still starting. */
const STILL_STARTING_MS = 3_000

type Loaded = LoadedConfig<Settings>

/** Runs until SIGTERM or the end of the supervisor. */
export async function runControl(
  boot: Boot,
  port: IpcPort & NodeJS.Process,
  storage: Promise<Storage>,
): Promise<void> {
  const level = process.env['BACKPLANE_LOG'] === 'debug' ? 'debug' : 'info'
  const log = createJsonLog(process.stderr, systemClock, level)
  const link = openSupervisorLink(port)
  const channel = openSnapshotChannel({ socketPath: boot.snapshotSocket, clock: systemClock, log })
  let host: Host<Loaded> | undefined
  port.on('SIGINT', () => {})
  port.once('SIGTERM', () => void end(host))
  try {
    const loaded = await load(boot)
    const { settings, sourceOf } = loaded
    const listeners = new ListenerBoard({
      table: listenerTable,
      listen: settings.listen,
      sourceOf,
      log,
      clock: systemClock,
      portsBefore: await readPortsBefore(boot.dataDir),
    })
    host = new Host({ clock: systemClock, random: Math.random, log, listeners }, loaded)
    const { promise: ready, resolve: isReady } = Promise.withResolvers<void>()
    const input = { boot, link, channel, listeners, storage, version: packageVersion(), ready }
    const control = await composeControl(host, input)
    followConfiguration(boot, loaded, host, control, link, log)
    link.send({ type: 'listening', listen: openListeners(control.console.picture()) })
    await settle(control, link)
    announce(control, link)
    isReady()
  } catch (error) {
    link.send({ type: 'fatal', ...explain(error), exitCode: 1 })
    log('debug', 'control does not start', { error })
  }
}

async function end(host: Host<Loaded> | undefined): Promise<void> {
  await host?.[Symbol.asyncDispose]()
  process.exit(0)
}

/** Reads and validates the file. Throws `ConfigError` with every problem. */
async function load(boot: Boot): Promise<Loaded> {
  return loadConfig({
    file: boot.configFile,
    overlay: boot.overlay,
    schema: settingsSchema,
    env: process.env,
    check: checkSettings,
    smallest: SMALLEST_FILE,
  })
}

function explain(error: unknown): {
  readonly text: string
  readonly json: Readonly<Record<string, unknown>>
} {
  if (error instanceof ConfigError) {
    return {
      text: formatProblems(error.problems, { color: false }),
      json: { event: 'fatal', code: 'ERR_CONFIG', problems: error.problems },
    }
  }
  const cause = error instanceof StartError ? error.cause : error
  const message = cause instanceof Error ? cause.message : String(cause)
  const code =
    cause instanceof Error && 'code' in cause ? String(cause.code) : 'ERR_CAPABILITY_START'
  return { text: `${message} (${code})`, json: { event: 'fatal', code, message } }
}

/** Applies the file when it changes and on SIGHUP: the whole of it or nothing. One reload at a time; the last change wins. */
function followConfiguration(
  boot: Boot,
  first: Loaded,
  host: Host<Loaded>,
  control: ControlPlane,
  link: SupervisorLink,
  log: Log,
): void {
  let current = first
  let isRefused = false
  let isWanted = false
  let isReloading = false
  let isStopping = false

  async function reloadOnce(): Promise<void> {
    try {
      const next = await load(boot)
      const changes = diffSettings(current, next)
      await host.reload(next)
      const notice = describeReload(changes, current.settings, next.settings, isRefused)
      watcher.setFiles(next.files)
      current = next
      if (changes.length === 0 && !isRefused) return
      isRefused = false
      log('info', 'configuration applied', { changes })
      noteConfiguration(control, 'info', notice.text)
      link.send({ type: 'notice', ...notice })
    } catch (error) {
      if (error instanceof ConfigError) watcher.setFiles(error.files)
      const { text, json } = explain(error)
      control.configuration.reject(text)
      control.console.touch()
      noteConfiguration(control, 'error', 'The configuration was not applied', text)
      isRefused = true
      const event = { ...json, event: 'reload-refused' }
      link.send({
        type: 'notice',
        text: `The configuration was not applied:\n${text}`,
        json: event,
      })
    }
  }

  async function reload(): Promise<void> {
    isWanted = true
    if (isReloading) return
    isReloading = true
    while (isWanted && !isStopping) {
      isWanted = false
      await reloadOnce()
    }
    isReloading = false
  }

  const watcher = watchFiles(first.files, () => void reload())
  // What was written between the first reading and now.
  void watcher.ready.then(reload)
  link.onReload(() => void reload())
  link.onStopping(() => {
    isStopping = true
    watcher.close()
  })
}

function noteConfiguration(
  { timeline }: ControlPlane,
  severity: 'info' | 'error',
  text: string,
  detail?: string,
): void {
  const about = { kind: 'configuration', severity, service: '', instance: '' } as const
  timeline.note({ ...about, text, ...(detail !== undefined && { detail: detail.slice(0, 4_000) }) })
}

/** What is waited for after a while, so that nobody looks at an empty terminal. */
function describeWaiting({ services, listeners }: Picture): {
  readonly text: string
  readonly json: unknown
} {
  const slow = services.filter(({ state }) => state === 'starting' || state === 'waiting')
  const lines = slow.map(({ name, state, reason }) => `  ${name} is ${state}: ${reason}`)
  const console = listeners.find((listener) => listener.kind === 'console' && listener.error === '')
  const where = console === undefined ? '' : ` See ${console.url}.`
  return {
    text: [`Still starting.${where}`, ...lines].join('\n'),
    json: {
      event: 'starting',
      services: slow.map(({ name, state, reason }) => ({ name, state, reason })),
    },
  }
}

/** Waits until nothing is on its way up any more: each service is well, finished, stopped, or known to be broken. */
function settle(control: ControlPlane, link: SupervisorLink): Promise<void> {
  const done = Promise.withResolvers<void>()
  let isOver = false
  const look = (): void => {
    if (isOver || !isSettled(control.console.picture())) return
    isOver = true
    done.resolve()
  }
  control.processes.onChange(look)
  systemClock.after(READY_WAIT_MAX_MS, done.resolve)
  systemClock.after(STILL_STARTING_MS, () => {
    if (!isOver) link.send({ type: 'notice', ...describeWaiting(control.console.picture()) })
  })
  look()
  return done.promise
}

function isSettled({ services }: Picture): boolean {
  const isAnyDown = services.some((service) => service.state === 'down')
  return services.every(({ state }) => state !== 'starting' && (state !== 'waiting' || isAnyDown))
}

function announce(control: ControlPlane, link: SupervisorLink): void {
  control.console.setReady()
  const picture = control.console.picture()
  const listen = openListeners(picture)
  link.send({
    type: 'ready',
    text: formatStatus(picture),
    json: { event: 'ready', name: picture.name, listen },
  })
}

/** Address of every open listener that is not between services, by its name. */
function openListeners({ listeners }: Picture): Readonly<Record<string, string>> {
  const open = listeners.filter((listener) => listener.error === '' && listener.kind !== 'outbound')
  return Object.fromEntries(open.map((listener) => [listener.id, listener.address]))
}
