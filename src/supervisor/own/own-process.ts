import { spawn, type ChildProcess } from 'node:child_process'
import { createLineSplitter } from '../../mechanisms/line-ring/line-splitter.ts'
import { signalGroup } from '../process-facts.ts'
import { LINE_BYTES_MAX } from '../output/process-output.ts'
import type { OwnProcess, ProcessExit } from '../../contracts/supervisor.ts'
import { createRestartPlan } from '../restart-plan.ts'
import type { TextLog } from '../output/text-log.ts'

/** How one of ours (control, data) is started and what is told of it. */
export interface OwnProcessOptions {
  readonly name: OwnProcess['name']
  readonly entry: string
  readonly nodeArgs: readonly string[]
  /** Asked at each start. */
  env(): NodeJS.ProcessEnv
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

/** This many deaths, each within `QUICK_DEATH_MS` of its start and all before the first `ready`, and the supervisor gives up. */
export const QUICK_DEATHS_MAX = 5
export const QUICK_DEATH_MS = 10_000
const LAST_LINES_MAX = 20
/** A grandchild that holds the pipe must not delay the restart for long. */
const OUTPUT_WAIT_MS = 200
/** A crash loop is not told of ours: they are started again for ever. */
const OWN_RESTART = { backoffMinMs: 200, backoffMaxMs: 5_000, loopCount: 100, loopWindowMs: 30_000 }

/** One of ours over all of its lives: started again when it dies, at once the first time, then with back-off. */
export class OwnProcessKeeper {
  readonly #options: OwnProcessOptions
  readonly #plan = createRestartPlan(OWN_RESTART, Math.random)
  #child: ChildProcess | null = null
  #starts = 0
  #quickDeaths = 0
  #wasReady = false
  #isAbandoned = false
  #isReplaced = false
  #timer: NodeJS.Timeout | null = null
  #gone = Promise.withResolvers<void>()

  constructor(options: OwnProcessOptions) {
    this.#options = options
    this.#gone.resolve()
  }

  /** Its pid is 0 while there is none. */
  get status(): OwnProcess {
    const { name } = this.#options
    return { name, pid: this.#child?.pid ?? 0, restarts: Math.max(0, this.#starts - 1) }
  }

  get isLive(): boolean {
    return this.#child !== null
  }

  start(): void {
    this.#timer = null
    this.#starts++
    this.#gone = Promise.withResolvers<void>()
    const lastLines: string[] = []
    const child = spawnOwn(this.#options, (text) => {
      lastLines.push(text)
      if (lastLines.length > LAST_LINES_MAX) lastLines.shift()
    })
    this.#child = child
    this.#watch(child, lastLines)
    if (child.pid === undefined) return
    this.#options.onSpawn(child.pid)
    child.on('message', (message) => {
      if (isTyped(message)) this.#options.onMessage(message)
    })
    this.#options.onConnected((message) => sendTo(child, message))
  }

  /** It has worked once: from now on it is started again whatever happens. */
  markReady(): void {
    this.#wasReady = true
    this.#quickDeaths = 0
  }

  /** Lost while there is none. */
  send(message: object): void {
    if (this.#child !== null) sendTo(this.#child, message)
  }

  /** To its group. */
  signal(signal: NodeJS.Signals): void {
    if (this.#child?.pid !== undefined) signalGroup(this.#child.pid, signal)
  }

  /** Ends it and starts it anew at once, with its environment as it is then. */
  replace(): void {
    this.#isReplaced = this.isLive
    this.signal('SIGTERM')
  }

  /** No further start. */
  abandon(): void {
    this.#isAbandoned = true
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  /** Resolves when it is gone: at once when there is none. */
  ended(): Promise<void> {
    return this.#gone.promise
  }

  /** Settles once a life: when its last line and its last message were read, or a moment after its exit. */
  #watch(child: ChildProcess, lastLines: readonly string[]): void {
    const startedAtMs = performance.now()
    const end = (exit: ProcessExit): void => {
      if (this.#child !== child) return
      this.#child = null
      this.#gone.resolve()
      this.#settle(child.pid ?? 0, exit, performance.now() - startedAtMs, lastLines)
    }
    child.once('exit', (code, signal) => {
      const late = setTimeout(end, OUTPUT_WAIT_MS, { code, signal })
      child.once('close', () => {
        clearTimeout(late)
        end({ code, signal })
      })
    })
    child.on('error', (error) => {
      this.#options.log.write(`${this.#options.name}: ${error.message}`)
      if (child.pid === undefined) end({ code: null, signal: null })
    })
  }

  #settle(pid: number, exit: ProcessExit, ranMs: number, lastLines: readonly string[]): void {
    if (this.#isReplaced && !this.#isAbandoned) {
      this.#isReplaced = false
      this.#options.onExit(pid, exit, null, lastLines)
      this.start()
      return
    }
    const isQuick = !this.#wasReady && ranMs <= QUICK_DEATH_MS
    this.#quickDeaths = isQuick ? this.#quickDeaths + 1 : 0
    const isHopeless = this.#quickDeaths >= QUICK_DEATHS_MAX
    if (this.#isAbandoned || isHopeless) {
      this.#options.onExit(pid, exit, null, lastLines)
      if (!this.#isAbandoned) this.#options.onGivenUp(exit, lastLines)
      return
    }
    const { delayMs, isFirst } = this.#plan.next(performance.now(), ranMs)
    const restartMs = isFirst ? 0 : delayMs
    this.#timer = setTimeout(() => this.start(), restartMs)
    this.#options.onExit(pid, exit, restartMs, lastLines)
  }
}

/** In a group of its own: Ctrl-C in a terminal goes to the whole foreground group, and the order of stopping is ours. */
function spawnOwn(options: OwnProcessOptions, onLine: (text: string) => void): ChildProcess {
  const child = spawn(process.execPath, [...options.nodeArgs, options.entry], {
    env: options.env(),
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
