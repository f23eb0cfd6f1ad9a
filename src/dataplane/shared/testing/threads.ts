import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { HammerReport, HammerWork } from './hammer.ts'

/** One thread that waits for `begin`. */
export interface HammerThread {
  begin(): Promise<HammerReport>
  /** Begins and does not wait for the end. */
  beginOnly(): void
  /** Ends it wherever it is. */
  kill(): Promise<void>
}

/** A thread that is ready to do `work`. */
export async function startHammer(work: HammerWork): Promise<HammerThread> {
  const worker = new Worker(new URL('./hammer.ts', import.meta.url), { workerData: work })
  await once(worker, 'message')
  return {
    async begin() {
      const report = once(worker, 'message')
      worker.postMessage('begin')
      const [told] = (await report) as [HammerReport]
      await worker.terminate()
      return told
    },
    beginOnly: () => worker.postMessage('begin'),
    async kill() {
      await worker.terminate()
    },
  }
}
