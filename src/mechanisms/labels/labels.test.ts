import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareLabels, compareText, Labels, labelsOf, noLabels } from './labels.ts'

const text = fc.string({ unit: fc.constantFrom('a', 'b', '\0', '\u0001', '\u0002'), maxLength: 4 })
const anyText = fc.string({ unit: 'binary', maxLength: 6 })
const anyPairs = fc.array(fc.tuple(text, text), { maxLength: 4 })

test('pairs are sorted, the last of a name counts, empty values are no labels', () => {
  const labels = labelsOf([
    ['job', 'api'],
    ['__name__', 'up'],
    ['zone', ''],
    ['job', 'web'],
  ])
  assert.deepEqual(labels.names, ['__name__', 'job'])
  assert.deepEqual(labels.values, ['up', 'web'])
  assert.equal(labels.get('job'), 'web')
  assert.equal(labels.get('zone'), '')
  assert.equal(labels.has('zone'), false)
  assert.equal(labels.get('constructor'), '')
  assert.equal(noLabels.signature, '')
})

test('signatures are equal for equal labels only', () => {
  fc.assert(
    fc.property(anyPairs, anyPairs, (one, other) => {
      const [left, right] = [labelsOf(one), labelsOf(other)]
      const isEqual =
        JSON.stringify([left.names, left.values]) === JSON.stringify([right.names, right.values])
      assert.equal(left.signature === right.signature, isEqual)
      assert.equal(compareLabels(left, right) === 0, isEqual)
    }),
  )
})

test('the order of texts is that of their bytes', () => {
  fc.assert(
    fc.property(anyText, anyText, (one, other) => {
      const bytes = Buffer.compare(Buffer.from(one), Buffer.from(other))
      assert.equal(Math.sign(compareText(one, other)), bytes)
    }),
  )
})

test('labels are compared pair by pair', () => {
  const short = new Labels(['a'], ['1'])
  const long = new Labels(['a', 'b'], ['1', '2'])
  assert.ok(compareLabels(short, long) < 0)
  assert.ok(compareLabels(new Labels(['a'], ['2']), long) > 0)
  assert.ok(compareLabels(new Labels(['b'], ['1']), long) > 0)
})
