import type { Clock } from '../../platform/capability.ts'
import { isGroupAlive, signalGroup } from '../process-facts.ts'
import type { PortChooser } from './free-port.ts'
import { findPortHolder, type PortHolder } from './port-holder.ts'
import { watchPort } from './port-watch.ts'
import { launchProcess, type LaunchFailure, type ProcessLife } from './process-launch.ts'
import { createProcessOutput, type ProcessOutput } from '../output/process-output.ts'
import type { ProcessRecords } from '../process-records.ts'
import type {
  ProcessExit,
  PortUser,
  ProcessFailure,
  ProcessSpec,
  ProcessState,
  ProcessStatus,
} from '../../contracts/supervisor.ts'
import { createRestartPlan, type RestartPlan } from '../restart-plan.ts'
import { wait } from '../wait.ts'

/** What the processes of one supervisor share. */
export interface ProcessGround {
  readonly clock: Clock
  readonly records: ProcessRecords
  readonly ports: PortChooser
  /** Value of BACKPLANE_RUN. */
  readonly mark: string
  /** The status is another one than before. */
  onChanged(id: string): void
  /** There are new lines. */
  onLines(id: string): void
}

/** Lines of output that are told with an exit. */
const LAST_LINES_MAX = 20
/** Most programs listen within this time; until then nobody looks where. */
const SILENT_MS = 4_000
/** Ports that are told of a process that does not listen on its own. */
const PORTS_TOLD_MAX = 5
/** Survivors of a leader send no event: they are looked for. */
const GROUP_POLL_MS = 50
/** SIGKILL cannot be ignored, but a process in an uninterruptible call dies later. Nobody waits longer than this. */
const KILLED_WAIT_MS = 5_000

const NO_EXIT: ProcessExit = { code: null, signal: null }

/** One process id over all of its lives: keeps it running as its specification says until it is stopped. */
export class SupervisedProcess {
  readonly id: string
  readonly output: ProcessOutput
  readonly #ground: ProcessGround
  #spec: ProcessSpec
  #plan: RestartPlan
  #state: ProcessState | null = null
  #restarts = 0
  #cpuSeconds = 0
  #residentBytes = 0
  #hasListened = false
  #listensOn: readonly number[] = []
  #portUser: PortUser | null = null
  #endPortWatch: (() => void) | null = null
  #mustStop = false
  /** Given while another life was still there: begins when that one has ended. */
  #nextSpec: ProcessSpec | null = null
  #port = 0
  #life: ProcessLife | null = null
  #running: Promise<void> | null = null
  #cancelStart: (() => void) | null = null
  #cancelKill: (() => void) | null = null
  #linesTold = 0

  constructor(spec: ProcessSpec, ground: ProcessGround) {
    this.id = spec.id
    this.#spec = spec
    this.#ground = ground
    this.#plan = createRestartPlan(spec.restart, Math.random)
    this.output = createProcessOutput(spec.id)
  }

  get spec(): ProcessSpec {
    return this.#spec
  }

  /** Whether there is a process, or is about to be one, or what is left of one. */
  get isLive(): boolean {
    return this.#running !== null
  }

  /** Told to stop, and not told to start since. */
  get isStopping(): boolean {
    return this.#mustStop && this.#nextSpec === null
  }

  /** The leader of the group; 0 when there is none. */
  get pid(): number {
    return this.#life?.pid ?? 0
  }

  /** Null for the first moment of a process, while its port is chosen. */
  status(): ProcessStatus | null {
    if (this.#state === null) return null
    this.#linesTold = this.output.linesLast
    return {
      spec: this.#spec,
      state: this.#state,
      restarts: this.#restarts,
      cpuSeconds: this.#cpuSeconds,
      residentBytes: this.#residentBytes,
      ...(this.#listensOn.length > 0 && { listensOn: this.#listensOn }),
      ...(this.#portUser !== null && { portUser: this.#portUser }),
      linesLast: this.output.linesLast,
      linesDropped: this.output.linesDropped,
    }
  }

  /**
   * Starts it. The same hash as that of a process that runs, or waits to be started again, leaves it alone: its next life has the new
   * specification. Another one replaces it: a living process is stopped first.
   */
  start(spec: ProcessSpec): void {
    const isWaiting = this.#cancelStart !== null
    if ((this.isLive || isWaiting) && !this.#mustStop && spec.hash === this.#spec.hash) {
      this.#spec = spec
      this.#ground.onChanged(this.id)
    } else if (this.isLive) {
      this.stop()
      this.#nextSpec = spec
    } else {
      this.#begin(spec)
    }
  }

  /** Stop signal to the group, grace, SIGKILL; or just no further start. Always answered by a change. */
  stop(): void {
    this.abandon()
    if (this.#life !== null) this.#endGroup(this.#life.pid)
    const state = this.#state
    if (state?.state === 'backing-off' || state?.state === 'crash-looping') {
      this.#setExited(state.exit)
    } else {
      this.#ground.onChanged(this.id)
    }
  }

  /** No further start; what lives is left alone. */
  abandon(): void {
    this.#mustStop = true
    this.#nextSpec = null
    this.#clearStartTimer()
  }

  /** SIGKILL to the group, now; no further start. */
  kill(): void {
    this.abandon()
    if (this.#life !== null) signalGroup(this.#life.pid, 'SIGKILL')
  }

  /** Resolves when no process of it is left. */
  async ended(): Promise<void> {
    while (this.#running !== null) await this.#running
  }

  /** It runs for a while, and was never seen to listen on its port. */
  get isSilent(): boolean {
    const state = this.#state
    if (state?.state !== 'running' || this.#spec.task || this.#hasListened) return false
    return this.#ground.clock.nowMs() - state.startedAtMs >= SILENT_MS
  }

  /** Takes a sample of its resources, and of the ports it listens on where these were looked for; tells whether anything is to be told. */
  sample(cpuSeconds: number, residentBytes: number, ports?: readonly number[]): boolean {
    const isSame = this.#cpuSeconds === cpuSeconds && this.#residentBytes === residentBytes
    this.#cpuSeconds = cpuSeconds
    this.#residentBytes = residentBytes
    const saysPorts = ports !== undefined && this.#notePorts(ports)
    return saysPorts || !isSame || this.#linesTold !== this.output.linesLast
  }

  /** Whether that is news. */
  #notePorts(ports: readonly number[]): boolean {
    this.#hasListened = ports.includes(this.#port)
    const others = this.#hasListened ? [] : [...new Set(ports)].slice(0, PORTS_TOLD_MAX)
    const isNews = String(others) !== String(this.#listensOn)
    this.#listensOn = others
    return isNews
  }

  #begin(spec: ProcessSpec): void {
    this.#clearStartTimer()
    this.#spec = spec
    // How the former process ended is not said of this one.
    this.#state = null
    this.#plan = createRestartPlan(spec.restart, Math.random)
    this.#restarts = 0
    this.#mustStop = false
    this.#nextSpec = null
    this.#live()
  }

  #live(): void {
    this.#running = this.#liveAndSettle()
  }

  async #liveAndSettle(): Promise<void> {
    const settle = await this.#liveOnce()
    this.#running = null
    settle()
  }

  /** From the choice of a port to the last line of output; returns what comes next. */
  async #liveOnce(): Promise<() => void> {
    const startedAtMs = this.#ground.clock.nowMs()
    const result = await this.#launch()
    if (this.#life === null) return () => this.#settleFailure(result)
    const life = this.#life
    this.#watchPort(life.pid)
    this.#setState({ state: 'running', pid: life.pid, port: this.#port, startedAtMs })
    if (this.#mustStop) this.#endGroup(life.pid)
    const exit = await life.exited
    this.#forgetPort()
    if (isGroupAlive(life.pid)) await this.#endSurvivors(life.pid)
    this.#clearKillTimer()
    this.#life = null
    await life.readOutput()
    this.#ground.records.remove(life.pid)
    return () => this.#settle(exit, this.#ground.clock.nowMs() - startedAtMs)
  }

  /** Sets `#life`, or returns why there is none; null: it was stopped before there was a process. */
  async #launch(): Promise<LaunchFailure | null> {
    try {
      this.#port = this.#spec.port === 0 ? await this.#ground.ports.choose() : this.#spec.port
    } catch (error) {
      return explainNoPort(this.#spec, error)
    }
    const holder = this.#spec.port === 0 ? null : findPortHolder(this.#spec.port)
    if (holder !== null) return explainPortTaken(this.#spec, holder)
    if (this.#mustStop) return null
    const { id } = this
    const result = await launchProcess(
      this.#spec,
      this.#port,
      this.#ground,
      (pid) => this.#ground.records.add(id, pid),
      (stream, text) => {
        this.output.push(stream, text, this.#ground.clock.nowMs())
        this.#ground.onLines(id)
      },
    )
    if (!('pid' in result)) return result
    this.#life = result
    return null
  }

  /** A port that was chosen for it is nobody else's. */
  #watchPort(group: number): void {
    const { id, port, argv, task } = this.#spec
    if (port === 0 || task) return
    const { clock, mark } = this.#ground
    const target = { port, group, id, program: argv[0] ?? '', mark }
    this.#endPortWatch = watchPort(target, clock, (user) => {
      this.#portUser = user
      if (this.#state?.state === 'running') this.#ground.onChanged(this.id)
    })
  }

  #forgetPort(): void {
    this.#endPortWatch?.()
    this.#endPortWatch = null
    this.#portUser = null
  }

  /** Decides what follows a life that has ended. */
  #settle(exit: ProcessExit, ranMs: number): void {
    if (this.#nextSpec !== null) this.#begin(this.#nextSpec)
    else if (this.#mustStop || !mayStartAgain(this.#spec, exit)) this.#setExited(exit)
    else this.#backOff(exit, ranMs)
  }

  #settleFailure(failure: LaunchFailure | null): void {
    if (failure === null || this.#nextSpec !== null || this.#mustStop) {
      this.#settle(NO_EXIT, 0)
      return
    }
    const { isPassing, ...why } = failure
    const { code, message } = why
    this.output.push('stderr', `backplane: ${message}`, this.#ground.clock.nowMs())
    this.#ground.onLines(this.id)
    if (isPassing) this.#backOff(NO_EXIT, 0, why)
    else this.#setState({ state: 'failed', code, message })
  }

  #backOff(exit: ProcessExit, ranMs: number, failure?: ProcessFailure): void {
    const { clock } = this.#ground
    const { delayMs, isLooping, isGivenUp } = this.#plan.next(clock.monotonicMs(), ranMs)
    // What is in the way of a start (a port that is held) may go: that is tried until it does.
    if (isGivenUp && failure === undefined) return this.#setExited(exit, true)
    const startAtMs = clock.nowMs() + delayMs
    this.#cancelStart = clock.after(delayMs, () => {
      this.#cancelStart = null
      this.#restarts++
      this.#live()
    })
    const lastLines = this.output.lastTexts(LAST_LINES_MAX)
    const because = failure === undefined ? {} : { failure }
    this.#setState(
      isLooping
        ? { state: 'crash-looping', startAtMs, exit, lastLines, ...because }
        : { state: 'backing-off', startAtMs, exit, lastLines, ...because },
    )
  }

  #setExited(exit: ProcessExit, isGivenUp = false): void {
    const lastLines = this.output.lastTexts(LAST_LINES_MAX)
    const atMs = this.#ground.clock.nowMs()
    this.#setState({ state: 'exited', exit, atMs, lastLines, ...(isGivenUp && { isGivenUp }) })
  }

  #setState(state: ProcessState): void {
    this.#state = state
    if (state.state !== 'running' && state.state !== 'stopping') this.#residentBytes = 0
    if (state.state !== 'stopping') {
      this.#hasListened = false
      this.#listensOn = []
    }
    this.#ground.onChanged(this.id)
  }

  /** The leader is gone, its children are not: they would hold its port, so they end before the next start. */
  async #endSurvivors(group: number): Promise<void> {
    this.#endGroup(group)
    const { clock } = this.#ground
    const untilMs = clock.monotonicMs() + this.#spec.stopGraceMs + KILLED_WAIT_MS
    while (isGroupAlive(group) && clock.monotonicMs() < untilMs) await wait(clock, GROUP_POLL_MS)
  }

  /** Once a life: further calls change nothing. */
  #endGroup(group: number): void {
    if (this.#cancelKill !== null) return
    const { clock } = this.#ground
    const graceMs = this.#spec.stopGraceMs
    this.#cancelKill = clock.after(graceMs, () => signalGroup(group, 'SIGKILL'))
    const killAtMs = clock.nowMs() + graceMs
    this.#setState({ state: 'stopping', pid: group, port: this.#port, killAtMs })
    signalGroup(group, this.#spec.stopSignal)
  }

  #clearStartTimer(): void {
    this.#cancelStart?.()
    this.#cancelStart = null
  }

  #clearKillTimer(): void {
    this.#cancelKill?.()
    this.#cancelKill = null
  }
}

/** A task that has succeeded is done; all else is what the policy says. */
function mayStartAgain({ task, restart: { policy } }: ProcessSpec, exit: ProcessExit): boolean {
  if (policy === 'never' || (task && exit.code === 0)) return false
  return policy === 'always' || exit.code !== 0
}

/** Whoever holds the port would be taken for the service: called healthy, and sent its requests. */
function explainPortTaken({ id, service, port }: ProcessSpec, holder: PortHolder): LaunchFailure {
  const who =
    holder.pid === 0
      ? 'another program, which this user cannot see'
      : `pid ${holder.pid} (${holder.name})`
  return {
    code: 'ERR_PORT_TAKEN',
    message: `${id} cannot start now: its port ${port} is held by ${who}. It is tried again; end that program, or change \`port\` of the service ${service}`,
    isPassing: true,
  }
}

function explainNoPort(spec: ProcessSpec, error: unknown): LaunchFailure {
  const reason = error instanceof Error ? error.message : String(error)
  return {
    code: 'ERR_PROCESSES_NO_PORT',
    message: `${spec.id} cannot start now: no free loopback port (${reason}). It is tried again; close programs that hold many ports`,
    isPassing: true,
  }
}
