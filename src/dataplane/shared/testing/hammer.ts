import { parentPort, workerData } from 'node:worker_threads'
import { openSharedBuckets } from '../buckets.ts'
import { openKeyedCounts } from '../counts.ts'

/** What one thread of a test does, as fast as it can. */
export type HammerWork =
  | {
      readonly kind: 'buckets'
      readonly memory: SharedArrayBuffer
      readonly keys: readonly string[]
      readonly perSecond: number
      readonly burst: number
      readonly takes: number
      /** Thousandths of a millisecond that all threads move on together; the time of a take is read from it. */
      readonly clock: SharedArrayBuffer
    }
  | {
      readonly kind: 'counts'
      readonly memory: SharedArrayBuffer
      readonly index: number
      readonly place: number
      readonly max: number
      /** Rounds of taking one and giving it back; Infinity: until the thread is ended. */
      readonly rounds: number
    }

/** Tokens of each key that one thread got, and the latest time that it used; or how often a count was above its maximum. */
export type HammerReport = {
  readonly taken: readonly number[]
  readonly lastMs: number
  readonly above: number
}

const work = workerData as HammerWork
parentPort!.once('message', () => {
  parentPort!.postMessage(work.kind === 'buckets' ? hammerBuckets(work) : hammerCounts(work))
})
parentPort!.postMessage('ready')

function hammerBuckets(given: HammerWork & { kind: 'buckets' }): HammerReport {
  const buckets = openSharedBuckets(given.memory)
  const clock = new Int32Array(given.clock)
  const taken = given.keys.map(() => 0)
  let lastMs = 0
  for (let take = 0; take < given.takes; take++) {
    lastMs = Atomics.add(clock, 0, 1) / 1000
    const at = take % given.keys.length
    const { isTaken } = buckets.take(1, given.keys[at]!, given.perSecond, given.burst, lastMs)
    if (isTaken) taken[at]!++
  }
  return { taken, lastMs, above: 0 }
}

function hammerCounts(given: HammerWork & { kind: 'counts' }): HammerReport {
  const counts = openKeyedCounts(given.memory, given.index)
  let above = 0
  let held = 0
  for (let round = 0; round < given.rounds; round++) {
    if (counts.take(given.place, given.max)) held++
    if (counts.total(given.place) > given.max) above++
    if (held > 1 || round % 3 === 0) {
      for (; held > 0; held--) counts.give(given.place)
    }
  }
  for (; held > 0; held--) counts.give(given.place)
  return { taken: [], lastMs: 0, above }
}
