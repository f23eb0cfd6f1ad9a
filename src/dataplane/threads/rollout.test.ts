import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRollout } from './rollout.ts'

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending')
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending
}

test('a version is applied when every living worker says so, each listener error once', async () => {
  const rollout = createRollout(3, (index) => index !== 2)
  const sent: number[] = []
  const done = rollout.run(7, (index) => void sent.push(index))
  assert.deepEqual(sent, [0, 1])
  rollout.applied(0, 7, [{ id: 'a', error: 'taken' }])
  rollout.applied(1, 6, [])
  assert.equal(await isSettled(done), false)
  rollout.applied(1, 7, [{ id: 'a', error: 'taken' }])
  assert.deepEqual(await done, [{ id: 'a', error: 'taken' }])
})

test('a worker that dies is not waited for, one that comes up meanwhile is', async () => {
  const alive = new Set([0, 1])
  const rollout = createRollout(2, (index) => alive.has(index))
  const done = rollout.run(1, () => {})
  alive.delete(0)
  rollout.lost(0)
  alive.add(0)
  rollout.expect(0)
  rollout.applied(1, 1, [])
  assert.equal(await isSettled(done), false)
  rollout.applied(0, 1, [])
  await done
})

test('with nobody alive the first one that comes back counts', async () => {
  const alive = new Set<number>()
  const rollout = createRollout(2, (index) => alive.has(index))
  const done = rollout.run(1, () => assert.fail('nobody lives'))
  assert.equal(await isSettled(done), false)
  alive.add(1)
  rollout.expect(1)
  rollout.applied(1, 1, [])
  await done
})
