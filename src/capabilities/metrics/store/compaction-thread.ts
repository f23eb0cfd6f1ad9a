/** A thread that makes blocks: it may wait for the disk, and its memory is its own. Gets its job as `workerData`, answers once, and ends. */
import { parentPort, workerData } from 'node:worker_threads'
import { type CompactionJob, runCompaction } from './compact.ts'

const { job, seed } = workerData as { job: CompactionJob; seed: number }

/** Chance for names of blocks (Mulberry32). */
function randomFrom(begin: number): () => number {
  let state = begin
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

parentPort?.postMessage(await runCompaction(job, randomFrom(seed)))
