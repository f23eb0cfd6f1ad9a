import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from './capability.ts'
import { systemClock } from './clock.ts'
import { startHeartbeat } from './heartbeat.ts'

function start() {
  let next: (() => void) | undefined
  const clock: Clock = {
    ...systemClock,
    nowMs: () => 0,
    monotonicMs: () => 0,
    after(delayMs, callback) {
      assert.equal(delayMs, 1_000)
      next = callback
      return () => (next = undefined)
    },
  }
  const sent: unknown[] = []
  let taken: () => void = () => {}
  const port = {
    connected: true,
    send(message: unknown, done: (error: Error | null) => void) {
      sent.push(message)
      taken = () => done(null)
    },
  }
  const stop = startHeartbeat(clock, port)
  return { sent, port, stop, second: () => next?.(), take: () => taken() }
}

test('a sign of life at once and each second, until it is stopped', () => {
  const { sent, stop, second, take } = start()
  assert.deepEqual(sent, [{ type: 'alive' }])
  take()
  second()
  assert.equal(sent.length, 2)
  take()
  stop()
  second()
  assert.equal(sent.length, 2)
})

test('a supervisor that does not read gets one sign, and the next one when it reads again', () => {
  const { sent, second, take } = start()
  second()
  second()
  assert.equal(sent.length, 1)
  take()
  second()
  assert.equal(sent.length, 2)
})

test('without a channel nothing is sent', () => {
  const { sent, port, second, take } = start()
  take()
  port.connected = false
  second()
  assert.equal(sent.length, 1)
})
