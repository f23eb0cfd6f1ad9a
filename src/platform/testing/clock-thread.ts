import { parentPort } from 'node:worker_threads'
import { systemClock } from '../clock.ts'

parentPort!.on('message', () => parentPort!.postMessage(systemClock.monotonicMs()))
