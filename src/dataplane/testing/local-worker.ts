import { connect, type Socket } from 'node:net'
import type { Clock } from '../../platform/capability.ts'
import { systemClock } from '../../platform/clock.ts'
import { RequestStore } from '../../platform/records/request-store.ts'
import type { ListenerSpec, RequestRecord, SnapshotOp } from '../../contracts/snapshot.ts'
import { addressesOf, probePort } from '../listeners/probe.ts'
import { createCountMemory } from '../shared/counts.ts'
import { createResilienceMemory } from '../shared/resilience-memory.ts'
import { createFlightMemory } from '../shared/in-flight.ts'
import { createBucketMemory } from '../shared/buckets.ts'
import { startWorker, type Worker } from '../worker/worker.ts'
import type { ListenerBinding, FromWorker } from '../threads/messages.ts'

/** One worker on the current thread, with listeners on free ports. */
export interface LocalWorker {
  readonly worker: Worker
  /** Everything that it has said. */
  readonly said: FromWorker[]
  /** Applies changes and waits until they are applied; returns the ports of the listeners by id. */
  update(ops: readonly SnapshotOp[], reset?: boolean): Promise<ReadonlyMap<string, number>>
  port(listener: string): number
  connect(listener?: string): Socket
  /** Finished requests, newest first. */
  recent(limit: number, onlyFailed?: boolean): readonly RequestRecord[]
  close(): void
}

/** Where several workers share their counts. */
export interface LocalWorkerOptions {
  readonly index?: number
  readonly workers?: number
  readonly shared?: SharedArrayBuffer
  readonly resilience?: SharedArrayBuffer
  /** Places of the shared counts by key; without one a limit is the worker's own. */
  readonly places?: ReadonlyMap<string, number>
  readonly clock?: Clock
}

export function startLocalWorker(options: LocalWorkerOptions = {}): LocalWorker {
  const { index = 0, workers = 1, clock = systemClock, places = new Map() } = options
  const said: FromWorker[] = []
  const requests = new RequestStore()
  const ports = new Map<string, number>()
  let version = 0
  let waiting: ((message: FromWorker) => void) | undefined
  const worker = startWorker({
    index,
    workers,
    shared: options.shared ?? createCountMemory(workers),
    buckets: createBucketMemory({ seed: [1, 2], nowMs: systemClock.monotonicMs() }),
    flights: createFlightMemory(workers, [1, 2], 1_024),
    ticketKeys: new Uint8Array(48).fill(7),
    resilience: options.resilience ?? createResilienceMemory(16),
    clock,
    post(message) {
      if (message.type === 'log') worker.receive({ type: 'log-buffer', buffer: message.buffer })
      if (message.type === 'records') {
        requests.add(0, Buffer.from(new Uint8Array(message.buffer.slice(0, message.length))))
        worker.receive({ type: 'records-buffer', buffer: message.buffer })
      }
      said.push(message)
      if (message.type === 'applied') waiting?.(message)
    },
  })

  async function bind(spec: ListenerSpec): Promise<ListenerBinding> {
    const addresses = addressesOf(spec)
    const known = ports.get(spec.id)
    const port = known ?? (await probePort(addresses[0]!, spec.port)).port
    ports.set(spec.id, port)
    return { spec, addresses, port }
  }

  return {
    worker,
    said,
    async update(ops, reset = false) {
      const gateway = ops.find((op) => op.op === 'gateway')
      const listeners =
        gateway === undefined ? undefined : await Promise.all(gateway.gateway.listeners.map(bind))
      const applied = Promise.withResolvers<FromWorker>()
      waiting = applied.resolve
      worker.receive({
        type: 'update',
        version: ++version,
        reset,
        ops,
        places,
        listeners,
      })
      await applied.promise
      return ports
    },
    port: (listener) => ports.get(listener)!,
    recent(limit, onlyFailed = false) {
      worker.context.sinks.batches.flush()
      const isWanted = ({ reason, status }: RequestRecord): boolean =>
        !onlyFailed || reason !== '' || status >= 500
      return requests.newest(limit, isWanted, (error) => {
        throw error
      })
    },
    connect(listener = 'gateway') {
      const socket = connect(ports.get(listener)!, '127.0.0.1')
      socket.on('error', () => {})
      return socket
    },
    close: () => worker.close(),
  }
}
