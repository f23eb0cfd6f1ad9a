import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../discovery/testdata/ground.ts'
import { ToldServices } from './told.ts'

const never = new AbortController().signal

test('nobody waits for a service that nobody asked for, or long ago', async () => {
  const clock = new FakeClock(1_000)
  const told = new ToldServices(clock)
  assert.equal(await told.whenOld('web', 2_000, 10_000, never), true)
  told.note('web')
  clock.advance(2_000)
  assert.equal(await told.whenOld('web', 2_000, 10_000, never), true)
  assert.equal(clock.timerCount, 0)
})

test('what was just told is waited for, counted from then, and at most so long', async () => {
  const clock = new FakeClock(1_000)
  const told = new ToldServices(clock)
  told.note('web')
  clock.advance(500)
  const waiting = told.whenOld('web', 2_000, 10_000, never)
  // What is told later does not name it any more.
  told.note('web')
  clock.advance(1_499)
  assert.equal(clock.timerCount, 1)
  clock.advance(1)
  assert.equal(await waiting, true)
  told.note('web')
  const short = told.whenOld('web', 2_000, 100, never)
  clock.advance(100)
  assert.equal(await short, false)
  const stopping = new AbortController()
  const aborted = told.whenOld('web', 2_000, 10_000, stopping.signal)
  stopping.abort()
  assert.equal(await aborted, false)
  assert.equal(clock.timerCount, 0)
  told.forget('web')
  assert.equal(await told.whenOld('web', 2_000, 10_000, never), true)
})
