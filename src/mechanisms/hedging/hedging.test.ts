import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HedgeDelay, isHedgeDue } from './hedging.ts'

const BOUNDS = Array.from({ length: 40 }, (_, i) => 1.3 ** i)
const policy = { quantile: 0.95, minMs: 1 }

test('the estimate is the quantile, within its bucket', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.1, max: 10_000, noNaN: true }), { minLength: 64, maxLength: 64 }),
      (latencies) => {
        const delay = new HedgeDelay(policy, BOUNDS, 10_000)
        for (const one of latencies) delay.observe(one, 0)
        const sorted = latencies.toSorted((a, b) => a - b)
        const exact = Math.max(1, sorted[Math.ceil(0.95 * 64) - 1]!)
        assert.ok(delay.delayMs <= exact * 1.31 && delay.delayMs >= Math.max(1, exact / 1.31))
      },
    ),
  )
})

test('nothing is said of little, of a quantile beyond all bounds, and of what was long ago', () => {
  const delay = new HedgeDelay(policy, BOUNDS, 1000)
  for (let i = 0; i < 49; i++) delay.observe(5, 0)
  assert.equal(delay.delayMs, Infinity)
  for (let i = 0; i < 80; i++) delay.observe(5, 1)
  assert.ok(delay.delayMs > 3 && delay.delayMs < 7)
  delay.observe(5, 1000)
  assert.ok(Number.isFinite(delay.delayMs), 'the last span counts')
  delay.observe(5, 3000)
  assert.equal(delay.delayMs, Infinity)
  const far = new HedgeDelay(policy, BOUNDS, 1000)
  for (let i = 0; i < 128; i++) far.observe(i % 10 === 0 ? 1e9 : 5, 0)
  assert.equal(far.delayMs, Infinity)
})

test('a second attempt begins after the delay, while there is as much time left', () => {
  const due = (nowMs: number, deadlineMs: number): boolean =>
    isHedgeDue({ nowMs, sentMs: 100, delayMs: 50, deadlineMs })
  assert.deepEqual(
    [due(149, 999), due(150, 999), due(150, 200), due(150, 201)],
    [false, true, false, true],
  )
  assert.equal(isHedgeDue({ nowMs: 1e9, sentMs: 0, delayMs: Infinity, deadlineMs: 2e9 }), false)
})
