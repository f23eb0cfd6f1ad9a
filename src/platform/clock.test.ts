import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { systemClock } from './clock.ts'

test('after calls back once, and not when it was cancelled', async () => {
  const called = Promise.withResolvers<void>()
  let cancelledCount = 0
  const cancel = systemClock.after(0, () => cancelledCount++)
  cancel()
  systemClock.after(5, called.resolve)
  await heldOpen(called.promise)
  assert.equal(cancelledCount, 0)
})

test('every calls back again and again, until it is cancelled', async () => {
  const third = Promise.withResolvers<void>()
  let count = 0
  const cancel = systemClock.every(1, () => {
    count++
    if (count < 3) return
    cancel()
    third.resolve()
  })
  await heldOpen(third.promise)
  const later = Promise.withResolvers<void>()
  systemClock.after(10, later.resolve)
  await heldOpen(later.promise)
  assert.equal(count, 3)
})

test('the next turn comes after what is ready now, and not when it was cancelled', async () => {
  const order: string[] = []
  const turned = Promise.withResolvers<void>()
  systemClock.nextTurn(() => {
    order.push('turn')
    turned.resolve()
  })
  systemClock.nextTurn(() => order.push('cancelled'))()
  queueMicrotask(() => order.push('microtask'))
  order.push('now')
  await turned.promise
  assert.deepEqual(order, ['now', 'microtask', 'turn'])
})

test('a process does not wait for after and every', async () => {
  const url = new URL('clock.ts', import.meta.url).href
  const code = `
    const { systemClock } = await import('${url}')
    systemClock.after(100_000, () => {})
    systemClock.every(100_000, () => {})
    process.stdout.write('started')`
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '--eval',
    code,
  ])
  assert.equal(stdout, 'started')
})

/** The clock keeps no process alive: the test does. */
async function heldOpen<T>(promise: Promise<T>): Promise<T> {
  const held = setInterval(() => {}, 1_000)
  try {
    return await promise
  } finally {
    clearInterval(held)
  }
}

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
