import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../platform/clock.ts'
import { startWorker } from '../worker/worker.ts'
import type { ToWorker, WorkerBoot } from './messages.ts'

/** Entry of a worker thread. */
const port = parentPort
if (port === null)
  throw new Error('threads/thread.ts is started by threads/pool.ts, as a worker thread')

const worker = startWorker({
  ...(workerData as WorkerBoot),
  clock: systemClock,
  post: (message, transfer) => port.postMessage(message, transfer ?? []),
})
port.on('message', (message: ToWorker) => worker.receive(message))
