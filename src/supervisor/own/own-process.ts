import { spawn, type ChildProcess } from 'node:child_process'
import { createLineSplitter } from '../../mechanisms/line-ring/line-splitter.ts'
import type { Clock } from '../../platform/capability.ts'
import { LINE_BYTES_MAX } from '../output/process-output.ts'
import type { TextLog } from '../output/text-log.ts'
import { signalGroup } from '../process-facts.ts'
import { createRestartPlan } from '../restart-plan.ts'
import type { OwnProcess, ProcessExit } from '../../contracts/supervisor.ts'
import {
  createHeartbeatWatch,
  type HeartbeatLimits,
  type HeartbeatWatch,
} from './heartbeat-watch.ts'
import type { OwnProcessSpec } from './own-process-spec.ts'

/** How one of ours is started and what is told of it. */
export interface OwnProcessOptions {
  readonly spec: OwnProcessSpec
  readonly nodeArgs: readonly string[]
  readonly clock: Clock
  readonly heartbeat: HeartbeatLimits
  /** Before each start: makes way for it, and returns its environment. */
  prepare(): NodeJS.ProcessEnv
  /** Everything that it prints goes here. */
  readonly log: TextLog
  onSpawn(pid: number): void
  /** The channel is open; called after `onSpawn`. */
  onConnected(send: (message: object) => void): void
  onMessage(message: { readonly type: string }): void
  onEnd(end: OwnEnd): void
  /** Whether to give up now that it died again and again before it was ever ready. */
  mayGiveUp(): boolean
  onGivenUp(end: OwnEnd): void
}

/** The end of one life. */
export interface OwnEnd {
  /** 0: it could not be started at all. */
  readonly pid: number
  readonly exit: ProcessExit
  /** What happened, as a part of a sentence: "ended by SIGKILL". */
  readonly reason: string
  /** Null when it is not started again, or only because somebody asked for another one. */
  readonly restartMs: number | null
  readonly lastLines: readonly string[]
}

/** This many deaths, each within `QUICK_DEATH_MS` of its start and all before it was ever ready, and it will not work. */
export const QUICK_DEATHS_MAX = 5
export const QUICK_DEATH_MS = 10_000
/** From SIGTERM to SIGKILL. */
export const OWN_GRACE_MS = 5_000
const LAST_LINES_MAX = 20
/** A grandchild that holds the pipe must not delay the restart for long. */
const OUTPUT_WAIT_MS = 200
/** A crash loop is not told of ours: they are started again for ever. */
const OWN_RESTART = {
  countMax: null,
  backoffMinMs: 200,
  backoffMaxMs: 5_000,
  loopCount: 100,
  loopWindowMs: 30_000,
}

interface Life {
  readonly child: ChildProcess
  readonly watch: HeartbeatWatch
  readonly startedAtMs: number
  readonly lastLines: string[]
  readonly gone: PromiseWithResolvers<void>
  /** Why it is being ended; null: nobody ends it. */
  endReason: string | null
  cancelKill: () => void
}

type OwnState =
  | { readonly is: 'none' }
  | { readonly is: 'waiting'; readonly cancel: () => void }
  | { readonly is: 'living'; readonly life: Life; readonly next: 'back-off' | 'start' | 'nothing' }

/** One of ours over all of its lives: started again when it dies, at once the first time, then with back-off. */
export class OwnProcessKeeper {
  readonly spec: OwnProcessSpec
  readonly #options: OwnProcessOptions
  readonly #plan = createRestartPlan(OWN_RESTART, Math.random)
  #state: OwnState = { is: 'none' }
  #starts = 0
  #quickDeaths = 0
  #wasReady = false
  #isAbandoned = false
  #lastReason = ''

  constructor(options: OwnProcessOptions) {
    this.spec = options.spec
    this.#options = options
  }

  get status(): OwnProcess {
    const restarts = Math.max(0, this.#starts - 1)
    return { name: this.spec.name, pid: this.pid, restarts, lastReason: this.#lastReason }
  }

  /** 0 while there is none. */
  get pid(): number {
    return this.#life?.child.pid ?? 0
  }

  get isLive(): boolean {
    return this.#life !== null
  }

  get #life(): Life | null {
    return this.#state.is === 'living' ? this.#state.life : null
  }

  /** It is to run: started now when there is none, after its end when it is being stopped. */
  start(): void {
    if (this.#isAbandoned) return
    const state = this.#state
    if (state.is === 'none') this.#spawn()
    else if (state.is === 'living' && state.next === 'nothing') {
      this.#state = { ...state, next: 'start' }
    }
  }

  /** Waits no longer, when it waits to be started again. */
  hurry(): void {
    if (this.#state.is !== 'waiting') return
    this.#state.cancel()
    this.#spawn()
  }

  /** It is not to run: SIGTERM to its group, grace, SIGKILL. Resolves when it is gone. */
  async stop(): Promise<void> {
    const state = this.#state
    if (state.is === 'waiting') {
      state.cancel()
      this.#state = { is: 'none' }
    }
    if (state.is !== 'living') return
    this.#state = { ...state, next: 'nothing' }
    this.#end(state.life, 'was stopped')
    await state.life.gone.promise
  }

  /** Ends it and starts it anew at once, with its environment as it is then. */
  replace(): void {
    const state = this.#state
    if (state.is !== 'living' || state.next === 'nothing') return
    this.#state = { ...state, next: 'start' }
    this.#end(state.life, 'was replaced')
  }

  /** It said itself that it cannot run: ended, and started again with back-off. */
  fail(reason: string): void {
    if (this.#life !== null) this.#end(this.#life, reason)
  }

  /** It has worked once: from now on it is started again whatever happens. */
  markReady(): void {
    this.#wasReady = true
    this.#quickDeaths = 0
  }

  /** Lost while there is none. */
  send(message: object): void {
    if (this.#life !== null) sendTo(this.#life.child, message)
  }

  /** To its group. */
  signal(signal: NodeJS.Signals): void {
    if (this.pid !== 0) signalGroup(this.pid, signal)
  }

  /** No further start. */
  abandon(): void {
    this.#isAbandoned = true
    if (this.#state.is === 'waiting') {
      this.#state.cancel()
      this.#state = { is: 'none' }
    }
  }

  /** Resolves when it is gone: at once when there is none. */
  async ended(): Promise<void> {
    await this.#life?.gone.promise
  }

  /** So much time has passed since the last look. Hung is dead: one that was silent for too long is killed, and then started again. */
  look(passedMs: number): void {
    const life = this.#life
    if (life === null) return
    const silentMs = life.watch.look(passedMs)
    if (silentMs === 0) return
    life.endReason ??= `was ended because it hung: it gave no sign of life for ${Math.floor(silentMs / 1_000)} s`
    this.signal('SIGKILL')
  }

  #spawn(): void {
    const { clock, heartbeat } = this.#options
    this.#starts++
    const lastLines: string[] = []
    const child = spawnOwn(this.#options, (text) => {
      lastLines.push(text)
      if (lastLines.length > LAST_LINES_MAX) lastLines.shift()
    })
    const life: Life = {
      child,
      watch: createHeartbeatWatch(heartbeat),
      startedAtMs: clock.monotonicMs(),
      lastLines,
      gone: Promise.withResolvers<void>(),
      endReason: null,
      cancelKill: () => undefined,
    }
    this.#state = { is: 'living', life, next: 'back-off' }
    this.#watchEnd(life)
    if (child.pid === undefined) return
    this.#options.onSpawn(child.pid)
    child.on('message', (message) => {
      if (!isTyped(message)) return
      if (message.type === 'alive') life.watch.heard()
      this.#options.onMessage(message)
    })
    this.#options.onConnected((message) => sendTo(child, message))
  }

  /** Once a life: further calls change nothing. */
  #end(life: Life, reason: string): void {
    if (life.endReason !== null) return
    life.endReason = reason
    this.signal('SIGTERM')
    life.cancelKill = this.#options.clock.after(OWN_GRACE_MS, () => this.signal('SIGKILL'))
  }

  /** Settles once a life: when its last line and its last message were read, or a moment after its exit. */
  #watchEnd(life: Life): void {
    const { child } = life
    const settle = (exit: ProcessExit): void => {
      if (this.#life !== life) return
      life.cancelKill()
      this.#settle(life, exit)
      life.gone.resolve()
    }
    child.once('exit', (code, signal) => {
      const cancelLate = this.#options.clock.after(OUTPUT_WAIT_MS, () => settle({ code, signal }))
      child.once('close', () => {
        cancelLate()
        settle({ code, signal })
      })
    })
    child.on('error', (error) => {
      this.#options.log.write(`${this.spec.name}: ${error.message}`)
      if (child.pid !== undefined) return
      life.endReason ??= `could not be started: ${error.message}`
      settle({ code: null, signal: null })
    })
  }

  #settle(life: Life, exit: ProcessExit): void {
    const options = this.#options
    const { clock } = options
    const next = this.#state.is === 'living' ? this.#state.next : 'nothing'
    this.#state = { is: 'none' }
    const reason = life.endReason ?? explainExit(exit)
    this.#lastReason = reason
    const pid = life.child.pid ?? 0
    const end = { pid, exit, reason, restartMs: null, lastLines: life.lastLines }
    if (this.#isAbandoned || next !== 'back-off') {
      options.onEnd(end)
      if (next === 'start') this.start()
      return
    }
    const ranMs = clock.monotonicMs() - life.startedAtMs
    const isQuick = !this.#wasReady && ranMs <= QUICK_DEATH_MS
    this.#quickDeaths = isQuick ? this.#quickDeaths + 1 : 0
    if (this.#quickDeaths >= QUICK_DEATHS_MAX && options.mayGiveUp()) {
      options.onEnd(end)
      options.onGivenUp(end)
      return
    }
    const { delayMs, isFirst } = this.#plan.next(clock.monotonicMs(), ranMs)
    const restartMs = isFirst ? 0 : delayMs
    const cancel = clock.after(restartMs, () => this.#spawn())
    this.#state = { is: 'waiting', cancel }
    options.onEnd({ ...end, restartMs })
  }
}

/** In a group of its own: Ctrl-C in a terminal goes to the whole foreground group, and the order of stopping is ours. */
function spawnOwn(options: OwnProcessOptions, onLine: (text: string) => void): ChildProcess {
  const child = spawn(
    process.execPath,
    [...options.nodeArgs, ...(options.spec.nodeArgs ?? []), options.spec.entry],
    {
      env: options.prepare(),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'json',
      detached: true,
    },
  )
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

function explainExit({ code, signal }: ProcessExit): string {
  if (signal !== null) return `ended by ${signal}`
  return code === null ? 'ended before it began' : `ended with exit code ${code}`
}

/** A channel that closes at this moment is no error: 'exit' follows and says so. */
function sendTo(child: ChildProcess, message: object): void {
  if (child.connected) child.send(message, () => undefined)
}

function isTyped(message: unknown): message is { readonly type: string } {
  return typeof (message as { type?: unknown } | null)?.type === 'string'
}
