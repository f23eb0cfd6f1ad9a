import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createCounterWindow } from './counter-window.ts'
import { createRateWindow } from './rates.ts'

test('a steady counter has its rate, which fades when it stands still', () => {
  const rates = createRateWindow({ width: 1 })
  for (let second = 0; second <= 30; second++) rates.sample([1000 + 50 * second], second * 1000)
  assert.equal(rates.perSecond(0, 30_000), 50)
  assert.equal(rates.perSecond(0, 35_000), 25)
  assert.equal(rates.perSecond(0, 40_000), 0)
})

test('the first seconds are not thinned out over a window that was not seen', () => {
  const rates = createRateWindow({ width: 1 })
  assert.equal(rates.perSecond(0, 0), 0)
  rates.sample([500], 5000)
  assert.equal(rates.perSecond(0, 5000), 0, 'what came before is unknown')
  rates.sample([600], 6000)
  assert.equal(rates.perSecond(0, 6000), 100)
  rates.sample([700], 7000)
  assert.equal(rates.perSecond(0, 7000), 100)
})

test('a row that is born while we watch starts at zero', () => {
  const rates = createRateWindow({ width: 1, startsAtZero: true })
  rates.sample([40], 5000)
  assert.equal(rates.perSecond(0, 5000), 40)
})

test('a counter that was reset counts from zero', () => {
  const rates = createRateWindow({ width: 2 })
  rates.sample([100, 5], 0)
  rates.sample([110, 5], 1000)
  rates.sample([4, 5], 2000)
  assert.equal(rates.increase(0, 2000), 14)
  assert.equal(rates.increase(1, 2000), 0)
})

test('a part of the totals is read as the counts of a histogram', () => {
  const rates = createRateWindow({ width: 4 })
  rates.sample([0, 1, 2, 3], 0)
  rates.sample([9, 2, 4, 6], 1000)
  const counts = [0, 0, 0]
  rates.increasesInto(counts, 1, 1000)
  assert.deepEqual(counts, [1, 2, 3])
})

test('a window is the sum of what is not too old', () => {
  const step = fc.record({
    waitMs: fc.oneof(fc.nat(300), fc.nat(5000)),
    index: fc.nat(1),
    amount: fc.nat(9),
  })
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 80 }),
      fc.integer({ min: -5000, max: 5000 }),
      (steps, startMs) => {
        const window = createCounterWindow({ width: 2, windowMs: 1000, buckets: 10 })
        const added: { atMs: number; index: number; amount: number }[] = []
        let nowMs = startMs
        for (const { waitMs, index, amount } of steps) {
          nowMs += waitMs
          window.add(index, amount, nowMs)
          added.push({ atMs: nowMs, index, amount })
          const oldest = (Math.floor(nowMs / 100) - 9) * 100
          const expected = added
            .filter((one) => one.index === index && one.atMs >= oldest)
            .reduce((sum, one) => sum + one.amount, 0)
          assert.equal(window.sum(index, nowMs), expected)
        }
      },
    ),
    { numRuns: 500 },
  )
})
