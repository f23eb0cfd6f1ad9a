import { spawn, type ChildProcess } from 'node:child_process'
import { createLineSplitter } from '../mechanisms/line-ring/line-splitter.ts'
import { signalGroup } from './process-facts.ts'
import { LINE_BYTES_MAX } from './process-output.ts'
import type { OwnProcess, ProcessExit } from './protocol.ts'
import { createRestartPlan } from './restart-plan.ts'
import type { TextLog } from './text-log.ts'

/** How one of ours (control, data) is started and what is told of it. */
export interface OwnProcessOptions {
  readonly name: OwnProcess['name']
  readonly entry: string
  readonly nodeArgs: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Everything that it prints goes here. */
  readonly log: TextLog
  onSpawn(pid: number): void
  /** The channel is open; called after `onSpawn`. */
  onConnected(send: (message: object) => void): void
  onMessage(message: { readonly type: string }): void
  /** It is gone. `restartMs` is null when it is not started again. */
  onExit(
    pid: number,
    exit: ProcessExit,
    restartMs: number | null,
    lastLines: readonly string[],
  ): void
  /** It died again and again before it was ever ready: this is not going to work. */
  onGivenUp(exit: ProcessExit, lastLines: readonly string[]): void
}

/** One of ours over all of its lives: started again when it dies, at once the first time, then with back-off. */
export interface OwnProcessKeeper {
  start(): void
  readonly status: OwnProcess
  readonly isLive: boolean
  /** It has worked once: from now on it is started again whatever happens. */
  markReady(): void
  send(message: object): void
  /** No further start. */
  abandon(): void
  signal(signal: NodeJS.Signals): void
  /** Resolves when it is gone (at once when there is none). */
  ended(): Promise<void>
}

/** This many deaths, each within `QUICK_DEATH_MS` of its start and all before the first `ready`, and the supervisor gives up. */
export const QUICK_DEATHS_MAX = 5
export const QUICK_DEATH_MS = 10_000
const LAST_LINES_MAX = 20

const OWN_RESTART = { backoffMinMs: 200, backoffMaxMs: 5_000, loopCount: 100, loopWindowMs: 30_000 }

/** Makes the keeper; nothing runs until `start`. */
export function createOwnProcess(options: OwnProcessOptions): OwnProcessKeeper {
  const plan = createRestartPlan(OWN_RESTART, Math.random)
  let child: ChildProcess | null = null
  let restarts = -1
  let quickDeaths = 0
  let wasReady = false
  let isAbandoned = false
  let timer: NodeJS.Timeout | null = null
  let gone = Promise.withResolvers<void>()
  gone.resolve()

  function start(): void {
    timer = null
    restarts++
    gone = Promise.withResolvers<void>()
    const startedAtMs = performance.now()
    const lastLines: string[] = []
    const started = spawnOwn(options, (text) => {
      lastLines.push(text)
      if (lastLines.length > LAST_LINES_MAX) lastLines.shift()
    })
    child = started
    let isOver = false
    const end = (exit: ProcessExit): void => {
      if (isOver) return
      isOver = true
      child = null
      gone.resolve()
      settle(started.pid ?? 0, exit, performance.now() - startedAtMs, lastLines)
    }
    // 'close' comes after the last line was read; a grandchild that holds the pipe must not delay the restart for long.
    started.once('exit', (code, signal) => {
      const late = setTimeout(end, OUTPUT_WAIT_MS, { code, signal })
      started.once('close', () => {
        clearTimeout(late)
        end({ code, signal })
      })
    })
    started.on('error', (error) => {
      options.log.write(`${options.name}: ${error.message}`)
      if (started.pid === undefined) end({ code: null, signal: null })
    })
    if (started.pid === undefined) return
    options.onSpawn(started.pid)
    started.on('message', (message) => {
      if (isTyped(message)) options.onMessage(message)
    })
    options.onConnected((message) => sendTo(started, message))
  }

  function settle(
    pid: number,
    exit: ProcessExit,
    ranMs: number,
    lastLines: readonly string[],
  ): void {
    quickDeaths = wasReady || ranMs > QUICK_DEATH_MS ? 0 : quickDeaths + 1
    const isHopeless = quickDeaths >= QUICK_DEATHS_MAX
    if (isAbandoned || isHopeless) {
      options.onExit(pid, exit, null, lastLines)
      if (!isAbandoned) options.onGivenUp(exit, lastLines)
      return
    }
    const { delayMs, isFirst } = plan.next(performance.now(), ranMs)
    const restartMs = isFirst ? 0 : delayMs
    timer = setTimeout(start, restartMs)
    options.onExit(pid, exit, restartMs, lastLines)
  }

  return {
    start,
    get status() {
      return { name: options.name, pid: child?.pid ?? 0, restarts: Math.max(0, restarts) }
    },
    get isLive() {
      return child !== null
    },
    markReady() {
      wasReady = true
      quickDeaths = 0
    },
    send: (message) => {
      if (child !== null) sendTo(child, message)
    },
    abandon() {
      isAbandoned = true
      if (timer !== null) clearTimeout(timer)
    },
    signal: (signal) => {
      if (child?.pid !== undefined) signalGroup(child.pid, signal)
    },
    ended: () => gone.promise,
  }
}

const OUTPUT_WAIT_MS = 200

/** In a group of its own: Ctrl-C in a terminal goes to the whole foreground group, and the order of stopping is ours. */
function spawnOwn(options: OwnProcessOptions, onLine: (text: string) => void): ChildProcess {
  const child = spawn(process.execPath, [...options.nodeArgs, options.entry], {
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    serialization: 'json',
    detached: true,
  })
  for (const stream of [child.stdout, child.stderr]) {
    const splitter = createLineSplitter({
      lineBytesMax: LINE_BYTES_MAX,
      onLine(text) {
        onLine(text)
        options.log.write(text)
      },
    })
    stream?.on('data', (chunk: Buffer) => splitter.push(chunk))
    stream?.on('error', () => undefined)
    stream?.once('close', () => splitter.end())
  }
  return child
}

/** A channel that closes at this moment is no error: 'exit' follows and says so. */
function sendTo(child: ChildProcess, message: object): void {
  if (child.connected) child.send(message, () => undefined)
}

function isTyped(message: unknown): message is { readonly type: string } {
  return typeof (message as { type?: unknown } | null)?.type === 'string'
}
