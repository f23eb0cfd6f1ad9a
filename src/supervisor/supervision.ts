import type { FromSupervisor, ToCollector, ToSupervisor } from '../contracts/supervisor.ts'
import { endLeftOvers } from './left-overs.ts'
import type { OperatorLines } from './operator-lines.ts'
import { ControlChannel } from './own/control-channel.ts'
import { HEARTBEAT_LIMITS } from './own/heartbeat-watch.ts'
import { OwnProcesses } from './own/own-processes.ts'
import { OutputFeed } from './output/output-feed.ts'
import { openProcessRecords } from './process-records.ts'
import { openRunState, type RunStateFile } from './run-state.ts'
import { createPortChooser } from './services/free-port.ts'
import { createProcessTable } from './services/process-table.ts'
import { startSampling } from './services/sampling.ts'
import { listenForSignals } from './signals.ts'
import { stopEverything, type Supervision } from './stop-everything.ts'
import type { SocketPaths, SupervisorOptions } from './supervisor-options.ts'

/** Exit code after a defect of the supervisor itself: EX_SOFTWARE of sysexits.h. */
const EXIT_DEFECT = 70
const EXIT_SECOND_INTERRUPT = 130
/** After SIGKILL to everything nobody is waited for longer than this. */
const KILLED_WAIT_MS = 3_000

/** Runs ours and the users' processes until they are to stop, stops them, and resolves with the exit code. */
export async function supervise(
  options: SupervisorOptions,
  sockets: SocketPaths,
  lines: OperatorLines,
  mark: string,
): Promise<number> {
  const ending = Promise.withResolvers<number>()
  const parts = createParts(options, sockets, lines, mark, requestStop)
  let exitCode: number | null = null
  let cancelKilledWait = (): void => {}

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
    cancelKilledWait()
    cancelKilledWait = options.clock.after(KILLED_WAIT_MS, () => {
      ending.resolve(EXIT_SECOND_INTERRUPT)
    })
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
    reload() {
      parts.own.hurryControl()
      parts.channel.send({ type: 'reload' })
    },
    crash,
    exit: () => killEverything(parts),
  })
  const stopSampling = startSampling(parts.table, parts.channel, parts.clock)
  parts.own.start()
  try {
    return await ending.promise
  } finally {
    cancelKilledWait()
    stopSampling()
    stopListening()
    parts.records.clear()
    parts.own.closeLogs()
  }
}

function createParts(
  options: SupervisorOptions,
  sockets: SocketPaths,
  lines: OperatorLines,
  mark: string,
  requestStop: (exitCode: number) => void,
): Supervision {
  const { clock } = options
  const { dataDir } = options.boot
  let { workers } = options.boot
  const records = openProcessRecords(dataDir)
  const runState = openRunState(dataDir)
  const table = createProcessTable(
    {
      clock,
      records,
      ports: createPortChooser(),
      mark,
      onChanged: (id) => channel.processChanged(id),
      onLines(id) {
        channel.linesCame(id)
        feed.linesCame(id)
      },
    },
    refuse,
  )
  const feed = new OutputFeed(clock, (id) => table.get(id))
  const channel: ControlChannel = new ControlChannel(table, () => own.statuses(), clock, refuse)
  const own: OwnProcesses = new OwnProcesses({
    specs: options.own,
    nodeArgs: options.nodeArgs,
    clock,
    heartbeat: options.heartbeat ?? HEARTBEAT_LIMITS,
    boot: () => ({
      ...options.boot,
      snapshotSocket: sockets.snapshot,
      recordsSocket: sockets.records,
      workers,
    }),
    adminSockets: sockets.admin,
    mark,
    lines,
    records,
    onControl(send: ((message: FromSupervisor) => void) | null) {
      if (send === null) channel.disconnect()
      else channel.connect(send)
    },
    onControlMessage(message) {
      try {
        hearControl(message as ToSupervisor)
      } catch (error) {
        // A defect of control must not become one of the supervisor, which has the services.
        refuse(`control said what cannot be done (${message.type}): ${String(error)}`)
      }
    },
    onCollector(send: ((message: ToCollector) => void) | null) {
      if (send === null) feed.disconnect()
      else feed.connect(send)
    },
    onCollected: () => feed.taken(),
    onChanged: () => channel.ownChanged(),
    onDown: (down) => runState.setDown(down),
    onGivenUp(code, message) {
      lines.failure(`error: ${message} [${code}]`, { event: 'fatal', code, message })
      requestStop(1)
    },
  })
  const hearControl = createControlListener(
    { lines, own, channel, runState, refuse, requestStop },
    (count) => {
      workers = count
    },
  )

  function refuse(message: string): void {
    lines.progress(`warning: ${message}`, { event: 'warning', message })
  }

  return { lines, table, own, channel, records, mark, clock }
}

interface Heard {
  readonly lines: OperatorLines
  readonly own: OwnProcesses
  readonly channel: ControlChannel
  readonly runState: RunStateFile
  readonly refuse: (message: string) => void
  readonly requestStop: (exitCode: number) => void
}

/** What control says. The first `ready` is printed; each says where the listeners are now. */
function createControlListener(
  { lines, own, channel, runState, refuse, requestStop }: Heard,
  setWorkers: (workers: number) => void,
): (message: ToSupervisor) => void {
  let isPrinted = false
  return (message) => {
    switch (message.type) {
      case 'ready': {
        runState.setListen(message.json['listen'] as Readonly<Record<string, string>>)
        own.controlListens()
        const pids = { supervisor: process.pid, ...own.pids() }
        if (!isPrinted) lines.result(message.text, { event: 'ready', ...message.json, pids })
        isPrinted = true
        return
      }
      case 'listening':
        own.controlListens()
        return runState.setListen(message.listen)
      case 'data-workers':
        setWorkers(message.workers)
        return own.replaceTraffic()
      case 'own-wanted': {
        const unknown = own.want(message.names)
        if (unknown.length > 0) refuse(`control wants what there is not: ${unknown.join(', ')}`)
        return
      }
      case 'fatal':
        if (own.controlFailed(message.text)) return
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

function killEverything({ own, table }: Supervision): void {
  own.abandon()
  table.killAll()
  own.kill()
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
async function endAfterDefect({ own, table, records, mark, clock }: Supervision): Promise<void> {
  own.abandon()
  table.abandonAll()
  await endLeftOvers(records.list(), mark, clock)
}
