import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../platform/capability.ts'
import type { AdminSocket, Boot, OwnDown, OwnProcess } from '../../contracts/supervisor.ts'
import { RUN_MARK_NAME } from '../left-overs.ts'
import type { OperatorLines } from '../operator-lines.ts'
import { openTextLog, type TextLog } from '../output/text-log.ts'
import { signalGroup } from '../process-facts.ts'
import type { ProcessRecords } from '../process-records.ts'
import { HEARTBEAT_LOOK_MS, type HeartbeatLimits } from './heartbeat-watch.ts'
import { createIncidents, type Incidents } from './incidents.ts'
import type { OwnProcessSpec } from './own-process-spec.ts'
import { OWN_GRACE_MS, OwnProcessKeeper, QUICK_DEATHS_MAX, type OwnEnd } from './own-process.ts'

/** What all of ours share, and who is told of what. */
export interface OwnProcessesOptions {
  readonly specs: readonly OwnProcessSpec[]
  readonly nodeArgs: readonly string[]
  readonly clock: Clock
  readonly heartbeat: HeartbeatLimits
  /** Without the admin sockets, which are added here. Asked at each start. */
  boot(): Omit<Boot, 'adminSocket' | 'adminSockets'>
  readonly adminSockets: readonly AdminSocket[]
  /** Value of BACKPLANE_RUN. */
  readonly mark: string
  readonly lines: OperatorLines
  readonly records: ProcessRecords
  /** A control plane is there, or (null) is gone. */
  onControl(send: ((message: object) => void) | null): void
  /** Control says this; nobody else can. */
  onControlMessage(message: { readonly type: string }): void
  /** The collector of output is there, or (null) is gone. */
  onCollector(send: ((message: object) => void) | null): void
  /** It has stored what it was given last. */
  onCollected(): void
  /** A status is another one than before. */
  onChanged(): void
  /** What is wrong is something else than before. */
  onDown(down: readonly OwnDown[]): void
  /** One that the system cannot be without does not come up. */
  onGivenUp(code: string, message: string): void
}

/** Our own processes, by the list of their specifications. Knows their roles, and none of their names. */
export class OwnProcesses {
  readonly #options: OwnProcessesOptions
  readonly #incidents: Incidents
  readonly #keepers: readonly OwnProcessKeeper[]
  readonly #logs: TextLog[] = []
  /** By name, while one is being drained: it has answered. */
  readonly #drained = new Map<string, () => void>()
  #wanted: ReadonlySet<string> = new Set()
  #wasUp = false
  #lookedAtMs = 0
  #cancelLook = (): void => {}

  /** Throws `TypeError` when the list is none: two of one name, or not exactly one that controls. */
  constructor(options: OwnProcessesOptions) {
    checkSpecs(options.specs)
    this.#options = options
    this.#incidents = createIncidents(options.lines, options.clock)
    this.#keepers = options.specs.map((spec) => this.#keep(spec))
  }

  /** Starts those that always run, and begins to look who hangs. */
  start(): void {
    for (const keeper of this.#keepers) if (keeper.spec.when === 'always') keeper.start()
    this.#lookedAtMs = this.#options.clock.monotonicMs()
    this.#planLook()
  }

  statuses(): readonly OwnProcess[] {
    return this.#keepers.map((keeper) => keeper.status)
  }

  /** Of each that runs now, by its name. */
  pids(): Readonly<Record<string, number>> {
    const live = this.#keepers.filter((keeper) => keeper.isLive)
    return Object.fromEntries(live.map((keeper) => [keeper.spec.name, keeper.pid]))
  }

  /** Its listeners are open, so somebody may be served: from now on nothing that ours cannot do takes the system away from them. */
  controlListens(): void {
    this.#wasUp = true
    for (const keeper of this.#withRole('control')) this.#well(keeper)
  }

  /**
   * Control says that it cannot run. False before the listeners were ever open: then nothing can. Afterwards it is ended and tried again until it can:
   * what it cannot read or open now is no reason to take a running system away from its users.
   */
  controlFailed(text: string): boolean {
    if (!this.#wasUp) return false
    for (const keeper of this.#withRole('control')) keeper.fail(`cannot run:\n${text.trimEnd()}`)
    return true
  }

  /** Somebody says that something has changed: a control that waits for its next start is started now. */
  hurryControl(): void {
    for (const keeper of this.#withRole('control')) keeper.hurry()
  }

  /** Traffic is carried by new processes, with the boot as it is then. */
  replaceTraffic(): void {
    for (const keeper of this.#withRole('traffic')) keeper.replace()
  }

  /** Starts what is wanted now and stops, in order, what is not. Returns the names that nobody knows. */
  want(names: readonly string[]): readonly string[] {
    this.#wanted = new Set(names)
    const wanted = this.#keepers.filter((keeper) => keeper.spec.when === 'wanted')
    for (const keeper of wanted) if (this.#wanted.has(keeper.spec.name)) keeper.start()
    void this.#stopInOrder(wanted, ({ spec }) => !this.#wanted.has(spec.name))
    const known = new Set(wanted.map((keeper) => keeper.spec.name))
    return names.filter((name) => !known.has(name))
  }

  /** Those that carry traffic finish what is in flight: until they have, or are gone, or the time is over. */
  async drain(graceMs: number): Promise<void> {
    const live = this.#withRole('traffic').filter((keeper) => keeper.isLive)
    const drains = live.map((keeper) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#drained.set(keeper.spec.name, resolve)
      keeper.send({ type: 'drain', graceMs })
      return Promise.race([promise, keeper.ended()])
    })
    await this.#within(graceMs, Promise.all(drains))
  }

  /** Ends all: higher `stopOrder` first, equal ones side by side; SIGTERM, grace, SIGKILL. */
  async stop(): Promise<void> {
    await this.#stopInOrder(this.#keepers, () => true)
  }

  /** No further start, and nobody is ended because it hangs: everything is about to stop. */
  abandon(): void {
    this.#cancelLook()
    this.#cancelLook = () => {}
    for (const keeper of this.#keepers) keeper.abandon()
  }

  /** SIGKILL to all, now; no further start. */
  kill(): void {
    this.abandon()
    for (const keeper of this.#keepers) keeper.signal('SIGKILL')
  }

  closeLogs(): void {
    for (const log of this.#logs) log.close()
  }

  #withRole(role: OwnProcessSpec['role']): readonly OwnProcessKeeper[] {
    return this.#keepers.filter((keeper) => keeper.spec.role === role)
  }

  #keep(spec: OwnProcessSpec): OwnProcessKeeper {
    const options = this.#options
    const { nodeArgs, clock, heartbeat, records, adminSockets, mark } = options
    const { name } = spec
    const logPath = join(options.boot().dataDir, 'run', `${name}.log`)
    const log = openTextLog(logPath)
    this.#logs.push(log)
    const adminSocket = adminSockets.find((one) => one.name === name)?.path ?? ''
    const keeper: OwnProcessKeeper = new OwnProcessKeeper({
      spec,
      nodeArgs,
      clock,
      heartbeat,
      log,
      prepare() {
        // The one before may have been killed: its socket would be in the way.
        rmSync(adminSocket, { force: true })
        const mine: Boot = { ...options.boot(), adminSocket, adminSockets }
        const boot = { BACKPLANE_BOOT: JSON.stringify(mine), [RUN_MARK_NAME]: mark }
        return { ...spec.env, ...process.env, ...boot }
      },
      onSpawn: (pid) => records.add(name, pid),
      onConnected: (send) => this.#connected(spec, send),
      onMessage: (message) => this.#hear(keeper, message, log),
      onEnd: (end) => this.#ended(spec, end, logPath),
      mayGiveUp: () => spec.isVital && !this.#wasUp,
      onGivenUp: (end) => this.#givenUp(spec, end, logPath),
    })
    return keeper
  }

  #connected(spec: OwnProcessSpec, send: (message: object) => void): void {
    if (spec.role === 'control') return this.#options.onControl(send)
    if (spec.role === 'collector') this.#options.onCollector(send)
    this.#options.onChanged()
  }

  /** Each role may say what is its own; what it has no business to say is only logged. */
  #hear(keeper: OwnProcessKeeper, message: { readonly type: string }, log: TextLog): void {
    const { name, role } = keeper.spec
    if (message.type === 'alive') {
      if (role === 'plain' || role === 'collector') this.#well(keeper)
    } else if (role === 'collector' && message.type === 'collected') {
      this.#options.onCollected()
    } else if (role === 'control') {
      this.#options.onControlMessage(message)
    } else if (role === 'traffic' && message.type === 'listening') {
      this.#well(keeper)
    } else if (role === 'traffic' && message.type === 'drained') {
      this.#drained.get(name)?.()
    } else {
      log.write(`supervisor: '${message.type.slice(0, 40)}' is not for ${name} to say`)
    }
  }

  #well(keeper: OwnProcessKeeper): void {
    const { name } = keeper.spec
    keeper.markReady()
    if (!this.#incidents.closed(name)) return
    this.#options.onDown(this.#incidents.list())
    const text = `${name} runs again (pid ${keeper.pid})`
    this.#options.lines.progress(text, { event: 'own-process-well', name, pid: keeper.pid })
  }

  #ended(spec: OwnProcessSpec, end: OwnEnd, logPath: string): void {
    const options = this.#options
    // Its own children (checks by `exec`) are in its group.
    signalGroup(end.pid, 'SIGKILL')
    options.records.remove(end.pid)
    if (spec.role === 'collector') options.onCollector(null)
    if (spec.role === 'control') options.onControl(null)
    else options.onChanged()
    const { restartMs } = end
    if (restartMs !== null) this.#incidents.ended(spec.name, { ...end, restartMs }, logPath)
    else if (!this.#incidents.closed(spec.name)) return
    options.onDown(this.#incidents.list())
  }

  #givenUp({ name }: OwnProcessSpec, { reason }: OwnEnd, logPath: string): void {
    const code = 'ERR_PROCESSES_OWN_GIVEN_UP'
    const text = `${name} ended ${QUICK_DEATHS_MAX} times before it was ready; the last time it ${reason}: see ${logPath}`
    this.#options.onGivenUp(code, text)
  }

  async #stopInOrder(
    keepers: readonly OwnProcessKeeper[],
    isMeant: (keeper: OwnProcessKeeper) => boolean,
  ): Promise<void> {
    const orders = new Set(keepers.map((keeper) => keeper.spec.stopOrder))
    for (const order of [...orders].toSorted((left, right) => right - left)) {
      // Asked when its turn comes: by then another one may be wanted.
      const wave = keepers.filter((one) => one.spec.stopOrder === order && isMeant(one))
      const stops = Promise.all(wave.map((keeper) => keeper.stop()))
      // SIGKILL cannot be ignored, but a process in an uninterruptible call dies later.
      await this.#within(2 * OWN_GRACE_MS, stops)
    }
  }

  #planLook(): void {
    this.#cancelLook = this.#options.clock.after(HEARTBEAT_LOOK_MS, () => {
      const nowMs = this.#options.clock.monotonicMs()
      for (const keeper of this.#keepers) keeper.look(nowMs - this.#lookedAtMs)
      this.#lookedAtMs = nowMs
      this.#planLook()
    })
  }

  /** Settles with the promise, or at the latest after this time. */
  async #within(waitMs: number, promise: Promise<unknown>): Promise<void> {
    const late = Promise.withResolvers<void>()
    const cancel = this.#options.clock.after(waitMs, late.resolve)
    await Promise.race([promise, late.promise])
    cancel()
  }
}

function checkSpecs(specs: readonly OwnProcessSpec[]): void {
  const names = new Set(specs.map((spec) => spec.name))
  const controls = specs.filter((spec) => spec.role === 'control')
  if (names.size !== specs.length || controls.length !== 1) {
    throw new TypeError('the list of own processes has a name twice, or not exactly one control')
  }
}
