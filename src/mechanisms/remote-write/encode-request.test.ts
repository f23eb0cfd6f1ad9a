import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { labelsOf } from '../labels/labels.ts'
import { encodeLabels } from './encode-labels.ts'
import { RequestBuilder } from './encode-request.ts'
import { parseLabels, WriteRequestReader } from './write-request.ts'

const sample = fc.record({
  name: fc.string({ minLength: 1, maxLength: 300 }),
  time: fc.integer({ min: -(2 ** 51), max: 2 ** 51 }),
  high: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  low: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
})

test('what is written is read back to the bit, and two requests behind each other are one', () => {
  fc.assert(
    fc.property(fc.array(sample), fc.array(sample), (first, second) => {
      const builder = new RequestBuilder()
      const parts = [first, second].map((some) => {
        for (const { name, time, high, low } of some) {
          builder.add(encodeLabels(labelsOf([['a', name]])), time, high, low)
        }
        assert.equal(builder.sampleCount, some.length)
        return builder.take()
      })
      const bytes = Buffer.concat(parts)
      const reader = new WriteRequestReader(bytes)
      for (const { name, time, high, low } of [...first, ...second]) {
        assert.equal(reader.next(), 'series')
        assert.equal(parseLabels(bytes, reader.labelsStart, reader.labelsEnd).get('a'), name)
        const { samples } = reader
        assert.deepEqual([samples.count, samples.times[0]], [1, time])
        assert.deepEqual([samples.high[0], samples.low[0]], [high, low])
      }
      assert.equal(reader.next(), 'end')
    }),
  )
})
