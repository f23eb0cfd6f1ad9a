import { randomInt } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import type { Clock, Log } from '../../platform/capability.ts'
import { createFlightMemory, openInFlight } from '../shared/in-flight.ts'
import type { FromWorker, ToWorker, WorkerBoot } from './messages.ts'

/**
 * Wait before a dead worker is started again; doubles up to the longest, and begins anew after a minute of life. The longest is short: with one worker,
 * nobody is served meanwhile.
 */
const RESTART_MIN_MS = 10
const RESTART_MAX_MS = 500
const LONG_LIFE_MS = 60_000
/** Of the hash of keys whose requests in flight are counted: nobody can choose keys that meet. */
const SEED_MAX = 2 ** 31

export interface WorkerPoolOptions {
  readonly workers: number
  readonly shared: SharedArrayBuffer
  readonly buckets: SharedArrayBuffer
  ticketKeys(): Uint8Array
  readonly resilience: SharedArrayBuffer
  readonly log: Log
  readonly clock: Clock
  receive(index: number, message: FromWorker): void
  /** A thread has died; what it held is lost. It is started again. */
  died(index: number): void
  /** A thread has been started, for the first time or again: tell it everything. */
  started(index: number): void
}

/** The worker threads. One that dies is replaced; the others do not notice. */
export interface WorkerPool {
  /** False when the worker is dead at the moment. */
  send(index: number, message: ToWorker, transfer?: readonly ArrayBuffer[]): boolean
  isAlive(index: number): boolean
  stop(): Promise<void>
}

export function startWorkerPool(options: WorkerPoolOptions): WorkerPool {
  const { log, workers, shared, buckets, resilience, clock } = options
  const threads: (Worker | undefined)[] = Array.from({ length: workers }, () => undefined)
  const delays = Array.from({ length: workers }, () => RESTART_MIN_MS)
  const flights = createFlightMemory(workers, [randomInt(SEED_MAX), randomInt(SEED_MAX)])
  const inFlight = openInFlight(flights, 0)
  let isStopping = false

  function start(index: number): void {
    if (isStopping) return
    const ticketKeys = options.ticketKeys()
    const boot: WorkerBoot = { index, workers, shared, buckets, flights, resilience, ticketKeys }
    const startedMs = clock.monotonicMs()
    const thread = new Worker(new URL('./thread.ts', import.meta.url), { workerData: boot })
    threads[index] = thread
    thread.on('message', (message: FromWorker) => options.receive(index, message))
    thread.on('error', (error) =>
      log('error', 'a data plane worker died', { worker: index, error }),
    )
    thread.on('exit', () => {
      threads[index] = undefined
      inFlight.release(index)
      options.died(index)
      if (clock.monotonicMs() - startedMs > LONG_LIFE_MS) delays[index] = RESTART_MIN_MS
      clock.after(delays[index]!, () => start(index))
      delays[index] = Math.min(RESTART_MAX_MS, delays[index]! * 2)
    })
    options.started(index)
  }

  // In the next turn, when the caller holds the pool.
  clock.nextTurn(() => threads.forEach((_, index) => start(index)))
  return {
    send(index, message, transfer) {
      const thread = threads[index]
      if (thread === undefined) return false
      thread.postMessage(message, transfer ?? [])
      return true
    },
    isAlive: (index) => threads[index] !== undefined,
    async stop() {
      isStopping = true
      await Promise.all(threads.map(async (thread) => thread?.terminate()))
    },
  }
}
