import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { systemClock } from './clock.ts'

test('all threads of a process have one monotonic clock', async (t) => {
  const worker = new Worker(new URL('./testing/clock-thread.ts', import.meta.url))
  t.after(() => worker.terminate())
  for (let round = 0; round < 5; round++) {
    const before = systemClock.monotonicMs()
    const told = once(worker, 'message')
    worker.postMessage('')
    const [there] = (await told) as [number]
    const after = systemClock.monotonicMs()
    assert.ok(before <= there && there <= after, `${before} <= ${there} <= ${after}`)
  }
})
