import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { endOfPeriod, periodAt } from './calendar-period.ts'

test('every moment lies in one period, which ends where the next one begins', () => {
  const kinds = fc.constantFrom('hour', 'day', 'month')
  fc.assert(
    fc.property(kinds, fc.integer({ min: 0, max: 4_000_000_000_000 }), (kind, nowMs) => {
      const period = periodAt(kind, nowMs)
      const endMs = endOfPeriod(kind, period)
      assert.ok(nowMs < endMs)
      assert.equal(periodAt(kind, endMs - 1), period)
      assert.equal(periodAt(kind, endMs), period + 1)
    }),
  )
  assert.equal(
    new Date(endOfPeriod('month', periodAt('month', Date.UTC(2028, 1, 29)))).toISOString(),
    '2028-03-01T00:00:00.000Z',
  )
})
