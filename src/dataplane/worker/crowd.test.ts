import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collectNow, Crowd, CROWD_AWAY_MS, CROWD_MIN } from './crowd.ts'

test('a crowd that has left is collected behind once, and few are no crowd', () => {
  const crowd = new Crowd()
  assert.equal(crowd.look(CROWD_MIN - 1, 0), false)
  assert.equal(crowd.look(0, CROWD_AWAY_MS * 2), false, 'they were few')
  assert.equal(crowd.look(1_000, 10_000), false)
  assert.equal(crowd.look(501, 20_000), false, 'most are there')
  assert.equal(crowd.look(500, 30_000), false)
  assert.equal(crowd.look(900, 31_000), false, 'they are back')
  assert.equal(crowd.look(100, 40_000), false)
  assert.equal(crowd.look(100, 40_000 + CROWD_AWAY_MS - 1), false)
  assert.equal(crowd.look(100, 40_000 + CROWD_AWAY_MS), true)
  assert.equal(crowd.look(0, 60_000), false, 'once')
})

test('what nobody uses is freed at once', async () => {
  let gone = false
  const registry = new FinalizationRegistry(() => (gone = true))
  ;(() => registry.register({}, 0))()
  await new Promise(setImmediate)
  collectNow()
  await new Promise(setImmediate)
  assert.ok(gone)
})
