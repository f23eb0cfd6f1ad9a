import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { backoffMs, createCrashWindow } from './backoff.ts'

test('waits double up to the longest', () => {
  const waits = [0, 1, 2, 3, 4, 1e9].map((attempt) =>
    backoffMs({ minMs: 200, maxMs: 1000 }, attempt, 'none', () => 0),
  )
  assert.deepEqual(waits, [200, 400, 800, 1000, 1000, 1000])
})

test('jitter stays within its bounds', () => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.nat(10_000),
      fc.nat(80),
      random,
      (minMs, more, attempt, share) => {
        const bounds = { minMs, maxMs: minMs + more }
        const whole = backoffMs(bounds, attempt, 'none', () => share)
        const equal = backoffMs(bounds, attempt, 'equal', () => share)
        const full = backoffMs(bounds, attempt, 'full', () => share)
        assert.ok(whole >= minMs && whole <= bounds.maxMs)
        assert.ok(equal >= whole / 2 && equal <= whole)
        assert.ok(full >= minMs && full <= whole)
      },
    ),
  )
})

test('so many exits within the window are a loop, fewer or slower ones are not', () => {
  const crashes = createCrashWindow({ count: 3, windowMs: 1000 })
  assert.deepEqual(
    [0, 600, 1200, 1500, 1600].map((nowMs) => crashes.record(nowMs)),
    [false, false, false, true, true],
  )
  assert.equal(crashes.isLoop(2200), true)
  assert.equal(crashes.isLoop(2201), false)
  crashes.reset()
  assert.equal(crashes.record(2202), false)
})
