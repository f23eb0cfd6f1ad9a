import assert from 'node:assert/strict'
import { test } from 'node:test'
import { completionsOf, insertCompletion } from './completion.ts'
import { formatNumber, nameOfSeries } from './names.ts'
import { timesOf } from './ranges.ts'

test('an address says a range by its name or by its ends, and steps lie on multiples', () => {
  const hour = timesOf('1h', 10_007)
  assert.deepEqual(hour, { fromS: 6_405, toS: 9_995 + 10, stepS: 15 })
  assert.equal(timesOf('nonsense', 10_007).stepS, 15)
  assert.deepEqual(timesOf('1000-1240', 0), { fromS: 1_000, toS: 1_240, stepS: 1 })
})

test('the word before the cursor is completed, in place', () => {
  const names = ['queue_depth', 'up']
  assert.deepEqual(completionsOf('sum(queue_', 10, names), ['queue_depth'])
  assert.deepEqual(completionsOf('sum(q', 5, names), [])
  assert.deepEqual(completionsOf('irat', 4, []), ['irate'])
  assert.deepEqual(insertCompletion('sum(qu) > 1', 6, 'queue_depth'), {
    text: 'sum(queue_depth) > 1',
    cursor: 15,
  })
})

test('series and numbers are short and exact', () => {
  assert.equal(nameOfSeries({ metric: { __name__: 'up', job: 'a' } }), 'up{job="a"}')
  assert.equal(nameOfSeries({ metric: { __name__: 'up' } }), 'up')
  assert.equal(nameOfSeries({ metric: {} }), '{}')
  assert.equal(formatNumber(0.12345), '0.1235')
  assert.equal(formatNumber(1_234), '1234')
  assert.equal(formatNumber(12_345), '12.35k')
  assert.equal(formatNumber(2.5e9), '2.5G')
  assert.equal(formatNumber(1e-9), '1.00e-9')
})
