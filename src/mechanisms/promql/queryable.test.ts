import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bitsOf, isStaleAt, markStaleAt } from './queryable.ts'

test('a mark of staleness is told from other NaN, in a view too', () => {
  const values = new Float64Array([1, NaN, 3, 4]).subarray(1)
  markStaleAt(bitsOf(values), 1)
  const bits = bitsOf(values.slice())
  assert.deepEqual(
    [0, 1, 2].map((index) => isStaleAt(bits, index)),
    [false, true, false],
  )
  assert.deepEqual([...values], [NaN, NaN, 4])
  assert.equal(new DataView(values.buffer).getBigUint64(16, true), 0x7ff0_0000_0000_0002n)
})
