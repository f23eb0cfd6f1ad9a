import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BEGIN_BURST, BEGIN_RATE, createBeginLimit } from './begin-limit.ts'

test('one network begins so many sign-ins at once and a second, others and everything else go on', () => {
  let nowMs = 5_000
  const limit = createBeginLimit(() => nowMs)
  const begin = (address = '192.0.2.1') => limit.mayBegin('/auth', address)
  for (let count = 0; count < BEGIN_BURST; count++) assert.ok(begin())
  assert.equal(begin(), false)
  assert.ok(begin('192.0.2.2'))
  assert.ok(limit.mayBegin('/token', '192.0.2.1'))
  nowMs += 1_000
  for (let count = 0; count < BEGIN_RATE; count++) assert.ok(begin())
  assert.equal(begin(), false)
  for (let count = 0; count < BEGIN_BURST; count++) assert.ok(begin(`2001:db8::${count}`))
  assert.equal(begin('2001:db8::ffff'), false, 'one customer has the /64')
})

test('every spelling that the server takes is bounded, and whatever else stores something', () => {
  for (const path of [
    '/AUTH',
    '/auth/',
    '/Device/Auth/',
    '/REQUEST',
    '/session/end',
    '/interaction/x/passkey/options',
  ]) {
    const limit = createBeginLimit(() => 5_000)
    for (let count = 0; count < BEGIN_BURST; count++) limit.mayBegin(path, '192.0.2.1')
    assert.equal(limit.mayBegin(path, '192.0.2.1'), false, path)
  }
})
