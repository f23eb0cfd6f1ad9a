import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addCounts, bucketOf, quantile, totalOf } from './histogram.ts'

const BOUNDS = [0.25, 0.5, 1, 2, 5, 10, 100]

test('a value on a bound is in the bucket of that bound', () => {
  assert.deepEqual(
    [0, 0.25, 0.26, 1, 100, 101, Infinity].map((value) => bucketOf(BOUNDS, value)),
    [0, 0, 1, 2, 6, 7, 7],
  )
  assert.equal(bucketOf([], 3), 0)
})

test('the bucket is the first bound that is not below', () => {
  const bounds = fc
    .uniqueArray(fc.integer({ min: -100, max: 100 }))
    .map((all) => all.toSorted((a, b) => a - b))
  fc.assert(
    fc.property(bounds, fc.integer({ min: -110, max: 110 }), (all, value) => {
      const found = all.findIndex((bound) => bound >= value)
      assert.equal(bucketOf(all, value), found < 0 ? all.length : found)
    }),
  )
})

test('quantiles are interpolated within their bucket', () => {
  const counts = [0, 0, 10, 10, 0, 0, 0, 0]
  assert.equal(quantile(BOUNDS, counts, 0.25), 0.75)
  assert.equal(quantile(BOUNDS, counts, 0.5), 1)
  assert.equal(quantile(BOUNDS, counts, 0.75), 1.5)
  assert.equal(quantile(BOUNDS, counts, 1), 2)
  assert.equal(quantile(BOUNDS, counts, 0), 0.5)
  assert.equal(quantile(BOUNDS, [4, 0, 0, 0, 0, 0, 0, 0], 0.5), 0.125)
  assert.equal(quantile(BOUNDS, [0, 0, 0, 0, 0, 0, 0, 5], 0.5), 100)
  assert.ok(Number.isNaN(quantile(BOUNDS, new Float64Array(8), 0.5)))
})

test('a quantile lies in the bucket of the true value, and rises with q', () => {
  const values = fc.array(fc.double({ min: 0.001, max: 100, noNaN: true }), {
    minLength: 1,
    maxLength: 50,
  })
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(values, share, share, (all, q, other) => {
      const counts = new Float64Array(BOUNDS.length + 1)
      for (const value of all) counts[bucketOf(BOUNDS, value)]!++
      const told = quantile(BOUNDS, counts, q)
      const rank = Math.max(1, Math.ceil(q * all.length))
      const bucket = bucketOf(BOUNDS, all.toSorted((a, b) => a - b)[rank - 1]!)
      assert.ok(told >= (BOUNDS[bucket - 1] ?? 0) - 1e-9 && told <= BOUNDS[bucket]! + 1e-9)
      const otherTold = quantile(BOUNDS, counts, other)
      assert.ok(q <= other ? told <= otherTold + 1e-9 : told >= otherTold - 1e-9)
    }),
  )
})

test('counts are added in place', () => {
  const counts = new Uint32Array([1, 2, 3])
  addCounts(counts, [1, 1, 1])
  assert.deepEqual([...counts], [2, 3, 4])
  assert.equal(totalOf(counts), 9)
})
