import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { editDistance, nearestWord } from './nearest-word.ts'

test('finds what was meant', () => {
  const known = ['services', 'gateway', 'listen', 'timeout', 'attemptTimeout', 'run', 'to']
  assert.equal(nearestWord('servcies', known), 'services')
  assert.equal(nearestWord('gatway', known), 'gateway')
  assert.equal(nearestWord('TIMEOUT', known), 'timeout')
  assert.equal(nearestWord('attemptTimout', known), 'attemptTimeout')
  assert.equal(nearestWord('rnu', known), 'run')
  assert.equal(nearestWord('database', known), undefined)
  assert.equal(nearestWord('', known), undefined)
  assert.equal(nearestWord('x'.repeat(65), ['x'.repeat(64)]), undefined)
})

test('the nearer one wins, then the first one', () => {
  assert.equal(nearestWord('abcdef', ['abcxyf', 'abcdex', 'abcdey']), 'abcdex')
})

/** The definition, by recursion. */
function slowDistance(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length
  const isEqual = a[0] === b[0]
  const swapped = a[0] === b[1] && a[1] === b[0] && a.length > 1 && b.length > 1
  return Math.min(
    slowDistance(a.slice(1), b) + 1,
    slowDistance(a, b.slice(1)) + 1,
    slowDistance(a.slice(1), b.slice(1)) + (isEqual ? 0 : 1),
    swapped ? slowDistance(a.slice(2), b.slice(2)) + 1 : Infinity,
  )
}

test('the distance is the one of the definition, up to the limit', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 5 })
  fc.assert(
    fc.property(word, word, fc.integer({ min: 1, max: 6 }), (a, b, limit) => {
      assert.equal(editDistance(a, b, limit), Math.min(limit, slowDistance(a, b)))
    }),
    { numRuns: 500 },
  )
})
