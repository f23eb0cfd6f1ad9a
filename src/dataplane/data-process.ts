import { randomInt } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import type { Clock, Log } from '../platform/capability.ts'
import type { FromData, SnapshotOp, ToData, UpdateMessage } from '../contracts/snapshot.ts'
import { NameTable } from './names/name-table.ts'
import { RequestStore } from '../platform/records/request-store.ts'
import { createSnapshotModel, type SnapshotModel } from '../platform/snapshot/model.ts'
import { type Asks, createAsks } from './channel/asks.ts'
import { QuotaBoard } from './channel/quota-board.ts'
import { type ChannelServer, startChannelServer } from './channel/server.ts'
import { createListenerPlan } from './listeners/plan.ts'
import { createLogFile, type LogFile } from './records/log-file.ts'
import {
  createCountMemory,
  createPlaces,
  openKeyedCounts,
  type KeyedCounts,
  type Places,
} from './shared/counts.ts'
import { BreakerWatch } from './resilience/breaker-watch.ts'
import { createResilienceMemory, forgetRecord } from './shared/resilience-memory.ts'
import { createBucketMemory } from './shared/buckets.ts'
import { RecordShipper } from './records/shipper.ts'
import { TotalsChanges } from './totals/changes.ts'
import { TotalsMerge, type TotalsReader } from './totals/merge.ts'
import { createDrains, type Drains, type Removal } from './threads/drains.ts'
import type {
  Batch,
  FromWorker,
  ListenerBinding,
  ListenerError,
  ToWorker,
} from './threads/messages.ts'
import { startWorkerPool, type WorkerPool } from './threads/pool.ts'
import { startTicketKeys, type TicketKeys } from './tls/ticket-keys.ts'
import { connectionsKey, flightKey, pendingKey } from './threads/messages.ts'
import { createRollout, type Rollout } from './threads/rollout.ts'

/** Seeds of the hash of token buckets are below it. */
const SEED_MAX = 2 ** 31
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
  readonly #counts: KeyedCounts
  readonly #places: Places
  readonly #totals: TotalsMerge
  readonly #totalsForControl: TotalsReader
  readonly #changes: TotalsChanges
  readonly #shipper: RecordShipper
  readonly #plan = createListenerPlan()
  readonly #logFile: LogFile
  readonly #rollout: Rollout
  readonly #names: NameTable
  readonly #drains: Drains
  readonly #asks: Asks
  readonly #quotas = new QuotaBoard()
  readonly #requests = new RequestStore()
  readonly #pool: WorkerPool
  readonly #learnt = createResilienceMemory()
  readonly #breakers: BreakerWatch
  readonly #channel: ChannelServer
  readonly #stopReports: () => void
  readonly #ticketKeys: TicketKeys
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
    const shared = createCountMemory(workers)
    this.#options = options
    this.#counts = openKeyedCounts(shared, 0)
    this.#places = createPlaces(this.#counts)
    this.#totals = new TotalsMerge(workers)
    this.#breakers = new BreakerWatch(this.#learnt, clock)
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
      this.#requests,
      (error) => log('error', 'records of finished requests cannot be read', { error }),
      (answer) => this.#channel.send(answer),
    )
    this.#names = new NameTable({
      clock,
      log,
      lookup: async (host) => (await lookup(host)).address,
      changed: (addresses) => this.#tellWorkers({ type: 'names', addresses }),
    })
    this.#ticketKeys = startTicketKeys(clock, (keys) =>
      this.#tellWorkers({ type: 'ticket-keys', keys }),
    )
    this.#pool = startWorkerPool({
      workers,
      shared,
      ticketKeys: () => this.#ticketKeys.current,
      resilience: this.#learnt,
      buckets: createBucketMemory({
        seed: [randomInt(SEED_MAX), randomInt(SEED_MAX)],
        nowMs: clock.monotonicMs(),
      }),
      log,
      clock,
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
    this.#stopReports = clock.every(REPORT_MS, () => this.#tellTotals())
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
    this.#stopReports()
    this.#ticketKeys.stop()
    this.#names.stop()
    this.#channel.close()
    await this.#pool.stop()
    this.#shipper.close()
    await this.#logFile.close()
  }

  #tellTotals(): void {
    const nowMs = this.#options.clock.nowMs()
    for (const message of this.#totalsForControl.take(nowMs)) this.#channel.send(message)
    this.#tellBreakers()
    // While telemetry is busy the changes gather: nothing is lost, it is only told later.
    if (this.#shipper.takesChanges) this.#shipper.tell(this.#changes.take(nowMs))
  }

  /** Where breakers are, and what happened since: at once, not a second later. */
  #tellBreakers(): void {
    for (const { service, instance, kind, because } of this.#breakers.look()) {
      const severity = kind === 'opened' ? 'warn' : 'info'
      this.#options.log(severity, `a breaker is ${kind}`, { service, instance, because })
    }
    const message = this.#breakers.take()
    if (message !== undefined) this.#channel.send(message)
  }

  #hello(): FromData {
    this.#totalsForControl.restart()
    this.#breakers.restart()
    const { workers } = this.#options
    const routed = routedOf(this.#model)
    const quotas = this.#quotas.all()
    return { type: 'hello', pid: process.pid, workers, version: this.#version, routed, quotas }
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
    await this.#names.apply(ops)
    const gateway = update.ops.findLast((op) => op.op === 'gateway')
    const all =
      gateway === undefined ? undefined : await this.#plan.decide(gateway.gateway.listeners)
    const listeners = all === undefined ? undefined : this.#stillOpen(all)
    this.#version = update.version
    this.#watchBreakers(ops)
    const errors = await this.#rollout.run(update.version, (index) => {
      this.#sendUpdate(index, ops, false, listeners)
    })
    if (listeners !== undefined) this.#listenerErrors = errors
    this.#dropPlaces(ops)
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
    const places = this.#placesOf(ops)
    const version = this.#version
    this.#pool.send(index, { type: 'update', version, ops, reset, places, listeners })
  }

  /** Where the limits of what the operations name are counted. */
  #placesOf(ops: readonly SnapshotOp[]): ReadonlyMap<string, number> {
    return new Map(keysOf(ops).map((key) => [key, this.#places.of(key)]))
  }

  #watchBreakers(ops: readonly SnapshotOp[]): void {
    this.#breakers.apply(ops, (service, id) =>
      this.#places.of(id === undefined ? pendingKey(service) : connectionsKey(service, id)),
    )
  }

  /** Every worker has applied the update: what it has removed needs no place any more. */
  #dropPlaces(ops: readonly SnapshotOp[]): void {
    const named = new Set(keysOf(ops))
    for (const op of ops) {
      if (op.op !== 'instance-gone' && op.op !== 'service-gone') continue
      const keys =
        op.op === 'instance-gone'
          ? [connectionsKey(op.service, op.id)]
          : [pendingKey(op.service), flightKey(op.service)]
      // What went and came back in one update keeps its place.
      for (const key of keys) {
        if (!named.has(key)) forgetRecord(this.#learnt, this.#places.drop(key))
      }
    }
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
        this.#breakers.addLoads(index, message.loads ?? [])
        return this.#totals.add(index, message)
      case 'flushed':
        return this.#asks.flushed(message.ask, index)
      case 'log':
        return void this.#appendLog(index, message)
      case 'records': {
        const { buffer, length, count } = message
        const kept = this.#shipper.ship(index, new Uint8Array(buffer, 0, length), count)
        this.#requests.add(index, kept)
        return void this.#pool.send(index, { type: 'records-buffer', buffer }, [buffer])
      }
      case 'idle':
        return this.#workerIdle(index)
      case 'failed': {
        const { op, error } = message
        const fields = { worker: index, op, error }
        return this.#options.log('error', 'a change could not be applied', fields)
      }
      case 'happened': {
        const { kind, service, instance, because } = message.event
        this.#breakers.note({ atMs: this.#options.clock.nowMs(), ...message.event })
        const fields = { worker: index, service, instance, because }
        const what =
          kind === 'ejected' ? 'an instance is left out for a while' : `a service is ${kind}`
        return this.#options.log('warn', what, fields)
      }
      case 'quotas':
        this.#quotas.add(message.rows)
        return void this.#channel.send(message)
      case 'key-wanted':
        return void this.#channel.send(message)
      case 'breaker':
        return this.#tellBreakers()
      case 'defect': {
        const fields = { worker: index, stack: message.stack, code: 'ERR_GATEWAY_DEFECT' }
        return this.#options.log('error', 'a defect of Backplane ended a request', fields)
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

  #tellWorkers(message: ToWorker): void {
    for (let index = 0; index < this.#options.workers; index++) this.#pool.send(index, message)
  }

  #workerStarted(index: number): void {
    if (this.#version === 0) return
    this.#pool.send(index, { type: 'names', addresses: this.#names.addresses })
    this.#rollout.expect(index)
    this.#sendUpdate(index, this.#model.takeAll(), true, this.#stillOpen(this.#plan.bindings))
  }

  #workerDied(index: number): void {
    this.#counts.release(index)
    this.#totals.forgetWorker(index)
    this.#breakers.forgetWorker(index)
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

/** Of each service its queue and its requests, of each instance its connections. */
function keysOf(ops: readonly SnapshotOp[]): string[] {
  return ops.flatMap((op) => {
    if (op.op === 'service') return [pendingKey(op.service.name), flightKey(op.service.name)]
    return op.op === 'instance' ? [connectionsKey(op.instance.service, op.instance.id)] : []
  })
}
