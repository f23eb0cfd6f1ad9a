import type { Clock, Log } from '../platform/capability.ts'
import type { FromData, SnapshotOp, ToData, UpdateMessage } from '../contracts/snapshot.ts'
import { createSnapshotModel, type SnapshotModel } from '../platform/snapshot/model.ts'
import { type Asks, createAsks } from './channel/asks.ts'
import { type ChannelServer, startChannelServer } from './channel/server.ts'
import { createListenerPlan } from './listeners/plan.ts'
import { createLogFile, type LogFile } from './records/log-file.ts'
import { createSharedMemory, openSharedCounts, type SharedCounts } from './shared-counts.ts'
import { RecordShipper } from './records/shipper.ts'
import { TotalsChanges } from './totals/changes.ts'
import { TotalsMerge, type TotalsReader } from './totals/merge.ts'
import { createDrains, type Drains, type Removal } from './threads/drains.ts'
import type { Batch, ListenerBinding, ListenerError, FromWorker } from './threads/messages.ts'
import { startWorkerPool, type WorkerPool } from './threads/pool.ts'
import { createRollout, type Rollout } from './threads/rollout.ts'

/** How often control is told of the totals. */
const REPORT_MS = 1_000

export interface DataProcessOptions {
  readonly socketPath: string
  readonly dataDir: string
  /** Telemetry's socket for records and totals. */
  readonly recordsSocket: string
  readonly workers: number
  readonly clock: Clock
  readonly log: Log
  /** Once: the snapshot channel can be connected to. */
  readonly listening: () => void
}

/** The main thread of the data plane: holds the authoritative snapshot, and serves no request itself. */
export class DataProcess {
  readonly #options: DataProcessOptions
  readonly #counts: SharedCounts
  readonly #totals: TotalsMerge
  readonly #totalsForControl: TotalsReader
  readonly #changes: TotalsChanges
  readonly #shipper: RecordShipper
  readonly #plan = createListenerPlan()
  readonly #logFile: LogFile
  readonly #rollout: Rollout
  readonly #drains: Drains
  readonly #asks: Asks
  readonly #pool: WorkerPool
  readonly #channel: ChannelServer
  readonly #reports: NodeJS.Timeout
  /** Workers that still have something from outside in flight, while draining. */
  readonly #busy = new Set<number>()
  readonly #drained = Promise.withResolvers<void>()
  readonly #model: SnapshotModel = createSnapshotModel()
  #version = 0
  #listenerErrors: readonly ListenerError[] = []
  #isDraining = false
  /** Updates one after the other: each waits until every worker has applied the one before. */
  #updates: Promise<void> = Promise.resolve()

  constructor(options: DataProcessOptions) {
    const { workers, log, clock } = options
    const shared = createSharedMemory(workers)
    this.#options = options
    this.#counts = openSharedCounts(shared, 0)
    this.#totals = new TotalsMerge(workers)
    this.#logFile = createLogFile(options.dataDir, log)
    const others = () => ({
      accessLogLost: this.#logFile.lostCount,
      recordsDropped: this.#shipper.droppedCount,
    })
    this.#totalsForControl = this.#totals.createReader(others)
    this.#changes = new TotalsChanges(this.#totals)
    this.#shipper = new RecordShipper({
      socketPath: options.recordsSocket,
      clock,
      log,
      connected: () => this.#changes.begin(),
      lost: () => this.#changes.end(),
    })
    this.#rollout = createRollout(workers, (index) => this.#pool.isAlive(index))
    this.#drains = createDrains(
      workers,
      (index) => this.#pool.isAlive(index),
      (removal) => this.#instanceDrained(removal),
    )
    this.#asks = createAsks(
      workers,
      (index, message) => this.#pool.send(index, message),
      (answer) => this.#channel.send(answer),
    )
    this.#pool = startWorkerPool({
      workers,
      shared,
      log,
      receive: (index, message) => this.#fromWorker(index, message),
      started: (index) => this.#workerStarted(index),
      died: (index) => this.#workerDied(index),
    })
    this.#channel = startChannelServer({
      socketPath: options.socketPath,
      log,
      listening: options.listening,
      receive: (message) => this.#fromControl(message),
      hello: () => this.#hello(),
    })
    this.#reports = setInterval(() => this.#tellTotals(), REPORT_MS)
  }

  /** Closes the listeners to the outside; resolves when nothing from there is in flight, or after the grace. */
  async drain(graceMs: number): Promise<void> {
    this.#isDraining = true
    for (let index = 0; index < this.#options.workers; index++) {
      if (this.#pool.send(index, { type: 'drain' })) this.#busy.add(index)
    }
    if (this.#busy.size === 0) return
    const cancel = this.#options.clock.after(graceMs, () => this.#drained.resolve())
    await this.#drained.promise
    cancel()
  }

  /** Ends every worker and connection; what was logged is on the disk. */
  async stop(): Promise<void> {
    clearInterval(this.#reports)
    this.#channel.close()
    await this.#pool.stop()
    this.#shipper.close()
    await this.#logFile.close()
  }

  #tellTotals(): void {
    const nowMs = this.#options.clock.nowMs()
    for (const message of this.#totalsForControl.take(nowMs)) this.#channel.send(message)
    // While telemetry is busy the changes gather: nothing is lost, it is only told later.
    if (this.#shipper.takesChanges) this.#shipper.tell(this.#changes.take(nowMs))
  }

  #hello(): FromData {
    this.#totalsForControl.restart()
    const { workers } = this.#options
    const routed = routedOf(this.#model)
    return { type: 'hello', pid: process.pid, workers, version: this.#version, routed }
  }

  #fromControl(message: ToData): void {
    switch (message.type) {
      case 'update':
        this.#updates = this.#updates
          .then(() => this.#apply(message))
          .catch((error: unknown) => {
            const { version } = message
            this.#options.log('error', 'an update could not be applied', { version, error })
          })
        return
      case 'why':
      case 'recent':
        return this.#asks.ask(message)
      default:
        return message satisfies never
    }
  }

  async #apply(update: UpdateMessage): Promise<void> {
    // What goes is named in `ops`, so that a reset is a difference like any other to workers that live.
    const ops = this.#drains.begin(update, () => this.#model.takeAll())
    for (const op of ops) {
      this.#model.apply(op)
      if (op.op === 'instance') this.#totals.knowInstance(op.instance.service, op.instance.id)
    }
    this.#model.takeChanges()
    const gateway = update.ops.findLast((op) => op.op === 'gateway')
    const all =
      gateway === undefined ? undefined : await this.#plan.decide(gateway.gateway.listeners)
    const listeners = all === undefined ? undefined : this.#stillOpen(all)
    this.#version = update.version
    const errors = await this.#rollout.run(update.version, (index) => {
      this.#sendUpdate(index, ops, false, listeners)
    })
    if (listeners !== undefined) this.#listenerErrors = errors
    const version = this.#version
    this.#channel.send({
      type: 'applied',
      version,
      listeners: this.#plan.status(this.#listenerErrors),
    })
  }

  #sendUpdate(
    index: number,
    ops: readonly SnapshotOp[],
    reset: boolean,
    listeners: readonly ListenerBinding[] | undefined,
  ): void {
    this.#pool.send(index, { type: 'update', version: this.#version, ops, reset, listeners })
  }

  #stillOpen(listeners: readonly ListenerBinding[]): readonly ListenerBinding[] {
    return this.#isDraining ? listeners.filter(({ spec }) => spec.kind === 'outbound') : listeners
  }

  #fromWorker(index: number, message: FromWorker): void {
    switch (message.type) {
      case 'applied':
        return this.#rollout.applied(index, message.version, message.errors)
      case 'drained':
        return this.#drains.report(index, message)
      case 'totals':
        this.#changes.add(message)
        return this.#totals.add(index, message)
      case 'answer':
        return this.#asks.answered(message.ask, index, message.body)
      case 'log':
        return void this.#appendLog(index, message)
      case 'records': {
        const { buffer, length, count } = message
        this.#shipper.ship(index, new Uint8Array(buffer, 0, length), count)
        return void this.#pool.send(index, { type: 'records-buffer', buffer }, [buffer])
      }
      case 'idle':
        return this.#workerIdle(index)
      case 'failed': {
        const { op, error } = message
        const fields = { worker: index, op, error }
        return this.#options.log('error', 'a change could not be applied', fields)
      }
      default:
        return message satisfies never
    }
  }

  async #appendLog(index: number, { buffer, length, count }: Batch): Promise<void> {
    await this.#logFile.append(new Uint8Array(buffer, 0, length), count)
    this.#pool.send(index, { type: 'log-buffer', buffer }, [buffer])
  }

  #instanceDrained(removal: Removal): void {
    const { service, id } = removal
    const isBack = this.#model.hasInstance(service, id) || this.#drains.isOpen(service, id)
    if (!isBack) this.#totals.forgetInstance(service, id)
    this.#model.drained(service, id, removal.removal)
    this.#channel.send({ type: 'drained', ...removal })
  }

  #workerStarted(index: number): void {
    if (this.#version === 0) return
    this.#rollout.expect(index)
    this.#sendUpdate(index, this.#model.takeAll(), true, this.#stillOpen(this.#plan.bindings))
  }

  #workerDied(index: number): void {
    this.#counts.release(index)
    this.#totals.forgetWorker(index)
    this.#rollout.lost(index)
    this.#drains.lost(index)
    this.#asks.lost(index)
    this.#workerIdle(index)
  }

  #workerIdle(index: number): void {
    this.#busy.delete(index)
    if (this.#isDraining && this.#busy.size === 0) this.#drained.resolve()
  }
}

function routedOf(model: SnapshotModel): readonly { service: string; id: string }[] {
  return model
    .takeAll()
    .filter((op) => op.op === 'instance')
    .map(({ instance }) => ({ service: instance.service, id: instance.id }))
}
