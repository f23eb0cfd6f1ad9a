import { join } from 'node:path'
import { ControlChannel } from './own/control-channel.ts'
import { createPortChooser } from './services/free-port.ts'
import { endLeftOvers, RUN_MARK_NAME } from './left-overs.ts'
import type { OperatorLines } from './operator-lines.ts'
import { OwnProcessKeeper, QUICK_DEATHS_MAX } from './own/own-process.ts'
import { readStartTime, signalGroup } from './process-facts.ts'
import { openProcessRecords, writeAtomically, type ProcessRecords } from './process-records.ts'
import { createProcessTable, type ProcessTable } from './services/process-table.ts'
import type {
  FromDataProcess,
  FromSupervisor,
  OwnProcess,
  ProcessExit,
  ToSupervisor,
} from '../contracts/supervisor.ts'
import { startSampling } from './services/sampling.ts'
import { listenForSignals } from './signals.ts'
import { stopEverything } from './stop-everything.ts'
import type { SupervisorOptions } from './supervisor.ts'
import { openTextLog, type TextLog } from './output/text-log.ts'

/** Exit code after a defect of the supervisor itself: EX_SOFTWARE of sysexits.h. */
const EXIT_DEFECT = 70
const EXIT_SECOND_INTERRUPT = 130
/** After SIGKILL to everything nobody is waited for longer than this. */
const KILLED_WAIT_MS = 3_000

/** All the parts of a running system. */
export interface Supervision {
  readonly lines: OperatorLines
  readonly table: ProcessTable
  readonly control: OwnProcessKeeper
  readonly data: OwnProcessKeeper
  readonly channel: ControlChannel
  readonly records: ProcessRecords
  readonly logs: readonly TextLog[]
  readonly mark: string
  /** Data has answered `drain`. */
  readonly drained: PromiseWithResolvers<void>
}

/** Runs data, control and the users' processes until they are to stop, stops them, and resolves with the exit code. */
export async function supervise(
  options: SupervisorOptions,
  lines: OperatorLines,
  mark: string,
): Promise<number> {
  const ending = Promise.withResolvers<number>()
  const parts = createParts(options, lines, mark, requestStop)
  let exitCode: number | null = null

  function requestStop(code: number): void {
    if (exitCode !== null) return
    exitCode = code
    stopEverything(parts).then(() => ending.resolve(exitCode ?? code), crash)
  }

  function interrupt(): void {
    if (exitCode === null) {
      requestStop(0)
      return
    }
    exitCode = EXIT_SECOND_INTERRUPT
    lines.progress('killing everything', { event: 'killing' })
    killEverything(parts)
    setTimeout(() => ending.resolve(EXIT_SECOND_INTERRUPT), KILLED_WAIT_MS).unref()
  }

  function crash(error: unknown): void {
    exitCode = EXIT_DEFECT
    reportDefect(lines, error)
    const finish = (): void => ending.resolve(EXIT_DEFECT)
    endAfterDefect(parts).then(finish, finish)
  }

  const stopListening = listenForSignals({
    interrupt,
    terminate: () => requestStop(0),
    reload: () => parts.channel.send({ type: 'reload' }),
    crash,
    exit: () => killEverything(parts),
  })
  const stopSampling = startSampling(parts.table, parts.channel)
  parts.data.start()
  parts.control.start()
  try {
    return await ending.promise
  } finally {
    stopSampling()
    stopListening()
    parts.records.clear()
    for (const log of parts.logs) log.close()
  }
}

function createParts(
  options: SupervisorOptions,
  lines: OperatorLines,
  mark: string,
  requestStop: (exitCode: number) => void,
): Supervision {
  const { dataDir } = options.boot
  const records = openProcessRecords(dataDir)
  const drained = Promise.withResolvers<void>()
  const table = createProcessTable(
    {
      records,
      ports: createPortChooser(),
      mark,
      onChanged: (id) => channel.processChanged(id),
      onLines: (id) => channel.linesCame(id),
    },
    refuse,
  )
  const channel: ControlChannel = new ControlChannel(
    table,
    () => [control.status, data.status],
    refuse,
  )
  const logs: TextLog[] = []
  const { workers } = options.boot
  const own: OwnParts = { options, lines, mark, records, channel, logs, requestStop, workers }
  const control = createOwn(own, 'control', (message) => {
    try {
      hearControl(message as ToSupervisor)
    } catch (error) {
      // A defect of control must not become one of the supervisor, which has the services.
      refuse(`control said what cannot be done (${message.type}): ${String(error)}`)
    }
  })
  const data = createOwn(own, 'data', (message) => {
    const { type } = message as FromDataProcess
    if (type === 'listening') data.markReady()
    if (type === 'drained') drained.resolve()
  })
  const hearControl = createControlListener(
    own,
    () => {
      control.markReady()
      return { supervisor: process.pid, control: control.status.pid, data: data.status.pid }
    },
    () => data.replace(),
  )

  function refuse(message: string): void {
    lines.progress(`warning: ${message}`, { event: 'warning', message })
  }

  return { lines, table, control, data, channel, records, logs, mark, drained }
}

/** What control says. The first `ready` is printed; each says where the listeners are now. */
function createControlListener(
  parts: OwnParts,
  markReady: () => Readonly<Record<string, number>>,
  replaceData: () => void,
): (message: ToSupervisor) => void {
  const { options, lines, channel, requestStop } = parts
  let isPrinted = false
  return (message) => {
    switch (message.type) {
      case 'ready': {
        const pids = markReady()
        writeState(options.boot.dataDir, message.json['listen'])
        if (!isPrinted) lines.result(message.text, { event: 'ready', ...message.json, pids })
        isPrinted = true
        return
      }
      case 'listening':
        return writeState(options.boot.dataDir, message.listen)
      case 'data-workers':
        parts.workers = message.workers
        return replaceData()
      case 'fatal':
        lines.failure(message.text, message.json)
        return requestStop(message.exitCode)
      case 'notice':
        return lines.progress(message.text, message.json)
      case 'start':
      case 'stop':
      case 'forget':
      case 'events-seen':
      case 'follow':
      case 'output-seen':
      case 'unfollow':
        return channel.receive(message)
      default:
        message satisfies never
    }
  }
}

/** Where `backplane status` and others in this folder find the listeners of the running system. */
function writeState(dataDir: string, listen: unknown): void {
  const state = { pid: process.pid, startTime: readStartTime(process.pid), listen, dataDir }
  try {
    writeAtomically(join(dataDir, 'run', 'state.json'), JSON.stringify(state))
  } catch {
    // A full disk: they say that nothing runs here. The system itself goes on.
  }
}

interface OwnParts {
  readonly options: SupervisorOptions
  readonly lines: OperatorLines
  readonly mark: string
  readonly records: ProcessRecords
  readonly channel: ControlChannel
  readonly logs: TextLog[]
  readonly requestStop: (exitCode: number) => void
  /** Wanted workers of data; 0: one a core. */
  workers: number
}

function createOwn(
  parts: OwnParts,
  name: OwnProcess['name'],
  onMessage: (message: { readonly type: string }) => void,
): OwnProcessKeeper {
  const { options, lines, mark, records, channel, logs, requestStop } = parts
  const logPath = join(options.boot.dataDir, 'run', `${name}.log`)
  const log = openTextLog(logPath)
  logs.push(log)
  return new OwnProcessKeeper({
    name,
    entry: name === 'control' ? options.controlEntry : options.dataEntry,
    nodeArgs: options.nodeArgs,
    env: () => ({
      ...process.env,
      BACKPLANE_BOOT: JSON.stringify({ ...options.boot, workers: parts.workers }),
      [RUN_MARK_NAME]: mark,
    }),
    log,
    onSpawn: (pid) => records.add(name, pid),
    onConnected(send: (message: FromSupervisor) => void) {
      if (name === 'control') channel.connect(send)
      else channel.ownChanged()
    },
    onMessage,
    onExit(pid, exit, restartMs, lastLines) {
      // Its own children (checks by `exec`) are in its group.
      signalGroup(pid, 'SIGKILL')
      records.remove(pid)
      if (name === 'control') channel.disconnect()
      else channel.ownChanged()
      if (restartMs !== null) reportDeath(lines, { name, pid, exit, restartMs, lastLines, logPath })
    },
    onGivenUp(exit) {
      const code = 'ERR_PROCESSES_OWN_GIVEN_UP'
      const message = `${name} ended ${QUICK_DEATHS_MAX} times before it was ready, the last time ${explainExit(exit)}: see ${logPath}`
      lines.failure(`error: ${message} [${code}]`, { event: 'fatal', code, message })
      requestStop(1)
    },
  })
}

function reportDeath(
  lines: OperatorLines,
  death: {
    readonly name: string
    readonly pid: number
    readonly exit: ProcessExit
    readonly restartMs: number
    readonly lastLines: readonly string[]
    readonly logPath: string
  },
): void {
  const { name, pid, exit, restartMs, lastLines, logPath } = death
  const when = restartMs === 0 ? 'at once' : `in ${(restartMs / 1000).toFixed(1)} s`
  const said = lastLines.slice(-5).map((line) => `  ${name}: ${line}\n`)
  lines.progress(
    `${name} (pid ${pid}) ended ${explainExit(exit)}; it is started again ${when}. Log: ${logPath}\n${said.join('')}`,
    { event: 'own-process-ended', name, pid, exit, restartMs, lastLines },
  )
}

function explainExit({ code, signal }: ProcessExit): string {
  if (signal !== null) return `by ${signal}`
  return code === null ? 'before it began' : `with exit code ${code}`
}

function killEverything(parts: Supervision): void {
  parts.control.abandon()
  parts.data.abandon()
  parts.table.killAll()
  parts.data.signal('SIGKILL')
  parts.control.signal('SIGKILL')
}

function reportDefect(lines: OperatorLines, error: unknown): void {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const code = 'ERR_PROCESSES_SUPERVISOR_DEFECT'
  lines.failure(`error: a defect of the supervisor, everything is ended: ${message} [${code}]`, {
    event: 'fatal',
    code,
    message,
  })
}

/** The state machines may be what is broken: this goes by the records alone. */
async function endAfterDefect({ control, data, table, records, mark }: Supervision): Promise<void> {
  control.abandon()
  data.abandon()
  table.abandonAll()
  await endLeftOvers(records.list(), mark)
}
