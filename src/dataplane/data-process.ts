import { join } from 'node:path'
import type { Clock, Log } from '../platform/capability.ts'
import type { FromData, SnapshotOp, ToData, UpdateMessage } from '../platform/snapshot/messages.ts'
import { createSnapshotModel, type SnapshotModel } from '../platform/snapshot/model.ts'
import { startChannelServer } from './channel/server.ts'
import { createAsks } from './channel/asks.ts'
import { createDoorPlan } from './doors/plan.ts'
import { createLogFile } from './records/log-file.ts'
import { createSharedMemory, openSharedCounts } from './shared-counts.ts'
import { createTotalsMerge } from './totals/merge.ts'
import { createDrains } from './workers/drains.ts'
import type { DoorBinding, DoorError, FromWorker } from './workers/messages.ts'
import { startWorkerPool } from './workers/pool.ts'
import { createRollout } from './workers/rollout.ts'

/** How often control is told of the totals. */
const REPORT_MS = 1_000

export interface DataProcessOptions {
  readonly socketPath: string
  readonly dataDir: string
  readonly workers: number
  readonly clock: Clock
  readonly log: Log
  /** Once: the snapshot channel can be connected to. */
  listening(): void
}

/** The main thread of the data plane: holds the authoritative snapshot, serves no request itself. */
export interface DataProcess {
  /** Closes the doors to the outside; resolves when nothing from there is in flight, or after the grace. */
  drain(graceMs: number): Promise<void>
  stop(): Promise<void>
}

export function startDataProcess(options: DataProcessOptions): DataProcess {
  const { workers, clock, log } = options
  const shared = createSharedMemory(workers)
  const counts = openSharedCounts(shared, 0)
  const totals = createTotalsMerge(workers)
  const plan = createDoorPlan()
  const logFile = createLogFile(options.dataDir, log)
  let model = createSnapshotModel()
  let version = 0
  let isDraining = false
  const drained = Promise.withResolvers<void>()
  const rollout = createRollout(workers, (index) => pool.isAlive(index))
  const drains = createDrains(workers, (service, id) => {
    totals.forgetInstance(service, id)
    channel.send({ type: 'drained', service, id })
  })
  const asks = createAsks(
    workers,
    (index, message) => pool.send(index, message),
    (answer) => channel.send(answer),
  )
  const busy = new Set<number>()

  function fromWorker(index: number, message: FromWorker): void {
    switch (message.type) {
      case 'applied':
        return rollout.applied(index, message.version, message.errors)
      case 'drained':
        return drains.report(index, message.service, message.id)
      case 'totals':
        return totals.add(index, message)
      case 'answer':
        return asks.answered(message.ask, index, message.body)
      case 'log':
        return appendLog(index, message.buffer, message.length)
      case 'idle':
        return notBusy(index)
      case 'failed':
        return log('error', 'a change could not be applied', {
          worker: index,
          op: message.op,
          error: message.error,
        })
      default:
        return message satisfies never
    }
  }

  function appendLog(index: number, buffer: ArrayBuffer, length: number): void {
    logFile.append(new Uint8Array(buffer, 0, length), () => {
      pool.send(index, { type: 'log-buffer', buffer }, [buffer])
    })
  }

  function notBusy(index: number): void {
    busy.delete(index)
    if (isDraining && busy.size === 0) drained.resolve()
  }

  const pool = startWorkerPool({
    workers,
    shared,
    log,
    receive: fromWorker,
    started(index) {
      if (version === 0) return
      rollout.expect(index)
      sendUpdate(
        index,
        model.takeAll(),
        true,
        isDraining ? insideOnly(plan.bindings) : plan.bindings,
      )
    },
    died(index) {
      counts.release(index)
      totals.forgetWorker(index)
      rollout.lost(index)
      drains.lost(index)
      asks.lost(index)
      notBusy(index)
    },
  })

  function sendUpdate(
    index: number,
    ops: readonly SnapshotOp[],
    reset: boolean,
    doors: readonly DoorBinding[] | undefined,
  ): void {
    pool.send(index, { type: 'update', version, ops, reset, doors })
  }

  /** One after the other: the next update waits until every worker has applied this one. */
  async function apply(update: UpdateMessage): Promise<void> {
    if (update.reset === true) model = resetModel(model, drains.expect)
    for (const op of update.ops) noteOp(model, drains, op)
    model.takeChanges()
    const gateway = update.ops.findLast((op) => op.op === 'gateway')
    const doors = gateway === undefined ? undefined : await plan.decide(gateway.gateway.doors)
    version = update.version
    const errors = await rollout.run(version, (index) =>
      sendUpdate(
        index,
        update.ops,
        update.reset === true,
        isDraining && doors !== undefined ? insideOnly(doors) : doors,
      ),
    )
    if (doors !== undefined) lastErrors = errors
    channel.send({ type: 'applied', version, doors: plan.status(lastErrors) })
  }

  let lastErrors: readonly DoorError[] = []
  let queue: Promise<void> = Promise.resolve()
  function receive(message: ToData): void {
    switch (message.type) {
      case 'update':
        queue = queue
          .then(() => apply(message))
          .catch((error: unknown) => {
            log('error', 'an update could not be applied', { version: message.version, error })
          })
        return
      case 'why':
      case 'recent':
        return asks.ask(message)
      default:
        return message satisfies never
    }
  }

  const channel = startChannelServer({
    socketPath: options.socketPath,
    log,
    listening: options.listening,
    receive,
    hello: (): FromData => ({
      type: 'hello',
      pid: process.pid,
      workers,
      version,
      routed: routedOf(model),
    }),
  })
  const reports = setInterval(() => channel.send(totals.take(clock.nowMs())), REPORT_MS)

  return {
    async drain(graceMs) {
      isDraining = true
      for (let index = 0; index < workers; index++) {
        if (pool.send(index, { type: 'drain' })) busy.add(index)
      }
      if (busy.size === 0) return
      const cancel = clock.after(graceMs, drained.resolve)
      await drained.promise
      cancel()
    },
    async stop() {
      clearInterval(reports)
      channel.close()
      await pool.stop()
      await logFile.close()
    },
  }
}

/** Where the snapshot socket is when nobody says it. */
export function defaultSocketPath(dataDir: string): string {
  return join(dataDir, 'snapshot.sock')
}

function insideOnly(doors: readonly DoorBinding[]): readonly DoorBinding[] {
  return doors.filter(({ spec }) => spec.kind === 'inside')
}

function routedOf(model: SnapshotModel): readonly { service: string; id: string }[] {
  return model
    .takeAll()
    .filter((op) => op.op === 'instance')
    .map(({ instance }) => ({ service: instance.service, id: instance.id }))
}

/** What a reset does not name is gone; what it names is not, which `noteOp` says right afterwards. */
function resetModel(
  old: SnapshotModel,
  expect: (service: string, id: string) => void,
): SnapshotModel {
  for (const { service, id } of routedOf(old)) expect(service, id)
  return createSnapshotModel()
}

function noteOp(
  model: SnapshotModel,
  drains: ReturnType<typeof createDrains>,
  op: SnapshotOp,
): void {
  model.apply(op)
  if (op.op === 'instance-gone') drains.expect(op.service, op.id)
  if (op.op === 'instance') drains.cancel(op.instance.service, op.instance.id)
}
