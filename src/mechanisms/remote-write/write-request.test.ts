import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { labelsOf } from '../labels/labels.ts'
import { ProtobufError } from '../protobuf/protobuf.ts'
import {
  bytesField,
  doubleField,
  encodeMessage,
  seriesField,
  textField,
  varintField,
} from '../protobuf/testing/encode.ts'
import { encodeLabels } from './encode-labels.ts'
import { WriteRequest2Reader } from './write-request-2.ts'
import { parseLabelPairs, SampleColumns, WriteRequestReader } from './write-request.ts'

function samplesOf({
  count,
  times,
  high,
  low,
}: SampleColumns): readonly (readonly [number, number])[] {
  return Array.from({ length: count }, (_, at) => {
    const value = new Float64Array(Int32Array.of(low[at]!, high[at]!).buffer)
    return [times[at]!, value[0]!] as const
  })
}

const texts = fc.string({ minLength: 1, maxLength: 8, unit: 'binary' })
const labels = fc.array(fc.tuple(texts, texts), { maxLength: 4 })
const samples = fc.array(fc.tuple(fc.integer({ min: -(2 ** 51), max: 2 ** 51 }), fc.double()), {
  maxLength: 40,
})

test('series, samples and metadata of remote write 1.0', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(labels, samples), { maxLength: 5 }), (given) => {
      const bytes = encodeMessage(
        ...given.map(([pairs, points]) => seriesField(pairs, points)),
        bytesField(3, encodeMessage(varintField(1, 1), textField(2, 'm'), textField(4, 'h'))),
        textField(99, 'a field of tomorrow'),
      )
      const reader = new WriteRequestReader(bytes)
      for (const [pairs, points] of given) {
        assert.equal(reader.next(), 'series')
        assert.deepEqual(parseLabelPairs(bytes, reader.labelsStart, reader.labelsEnd), pairs)
        assert.deepEqual(samplesOf(reader.samples), points)
      }
      assert.equal(reader.next(), 'metadata')
      assert.deepEqual(reader.metadata, { name: 'm', type: 'counter', help: 'h', unit: '' })
      assert.equal(reader.next(), 'end')
    }),
  )
})

const histogram = encodeMessage(
  varintField(1, 5),
  doubleField(3, 2.5),
  varintField(4, 2),
  bytesField(11, encodeMessage(varintField(1, 1), varintField(2, 2))),
  bytesField(12, Uint8Array.of(4, 2)),
  varintField(14, 2),
  varintField(15, 1_000),
)
const expectedHistogram = {
  timeMs: 1_000,
  histogram: {
    resetHint: 'not-reset',
    schema: 1,
    zeroThreshold: 0,
    zeroCount: 0,
    count: 5,
    sum: 2.5,
    positiveSpans: [{ offset: -1, length: 2 }],
    positiveCounts: [2, 3],
    negativeSpans: [],
    negativeCounts: [],
    customBounds: [],
  },
}

test('exemplars and histograms of remote write 1.0', () => {
  const exemplar = encodeMessage(
    bytesField(1, encodeMessage(textField(1, 'trace_id'), textField(2, 'abc'))),
    doubleField(2, 0.5),
    varintField(3, 77),
  )
  const bytes = seriesField(
    [['__name__', 'x']],
    [],
    bytesField(3, exemplar),
    bytesField(4, histogram),
  )
  const reader = new WriteRequestReader(bytes)
  assert.equal(reader.next(), 'series')
  assert.deepEqual(reader.samples.histograms, [expectedHistogram])
  assert.deepEqual(reader.samples.exemplars, [
    { labels: [['trace_id', 'abc']], value: 0.5, timeMs: 77 },
  ])
})

test('the same series has the same key in both versions', () => {
  const symbols = ['', '__name__', 'up', 'job', 'a'.repeat(300), 'the help', 's']
  const series = encodeMessage(
    bytesField(1, Uint8Array.of(1, 2, 3, 4)),
    bytesField(2, encodeMessage(doubleField(1, 1), varintField(2, -5))),
    bytesField(3, histogram),
    bytesField(4, encodeMessage(bytesField(1, Uint8Array.of(3, 2)), doubleField(2, 9))),
    bytesField(5, encodeMessage(varintField(1, 2), varintField(3, 5), varintField(4, 6))),
  )
  const bytes = encodeMessage(...symbols.map((text) => textField(4, text)), bytesField(5, series))
  const reader = new WriteRequest2Reader(bytes)
  assert.ok(reader.next())
  const expected = labelsOf([
    ['job', 'a'.repeat(300)],
    ['__name__', 'up'],
  ])
  assert.deepEqual(
    reader.labels.slice(0, reader.labelsEnd),
    Uint8Array.from(encodeLabels(expected)),
  )
  assert.deepEqual(samplesOf(reader.samples), [[-5, 1]])
  assert.deepEqual(reader.samples.histograms, [expectedHistogram])
  assert.deepEqual(reader.samples.exemplars, [
    { labels: [['job', 'up']], value: 9, timeMs: undefined },
  ])
  assert.deepEqual(reader.metadata, { type: 'gauge', help: 'the help', unit: 's' })
  assert.equal(reader.next(), false)
  const one = new WriteRequestReader(
    seriesField(
      [
        ['__name__', 'up'],
        ['job', 'a'.repeat(300)],
      ],
      [],
    ),
  )
  one.next()
  assert.equal(one.labelsEnd - one.labelsStart, reader.labelsEnd)
})

test('half a request, symbols that do not exist and other lies are refused', () => {
  const whole = seriesField([['__name__', 'x']], [[1, 2]], bytesField(4, histogram))
  for (let length = 1; length < whole.length; length++) {
    const reader = new WriteRequestReader(whole.subarray(0, length))
    assert.throws(() => reader.next(), ProtobufError)
  }
  const refs = (...given: number[]) =>
    encodeMessage(textField(4, ''), bytesField(5, bytesField(1, Uint8Array.from(given))))
  for (const bytes of [refs(0, 1), refs(0), encodeMessage(textField(4, 'x'))]) {
    assert.throws(() => new WriteRequest2Reader(bytes).next(), ProtobufError)
  }
  const apart = bytesField(
    1,
    encodeMessage(
      bytesField(1, textField(1, 'a')),
      bytesField(2, varintField(2, 1)),
      bytesField(1, textField(1, 'b')),
    ),
  )
  assert.throws(() => new WriteRequestReader(apart).next(), /labels in several places/)
  const mismatch = encodeMessage(
    bytesField(11, varintField(2, 3)),
    bytesField(12, Uint8Array.of(1)),
  )
  const bad = seriesField([], [], bytesField(4, mismatch))
  assert.throws(() => new WriteRequestReader(bad).next(), /spans of 3 buckets and 1 counts/)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      for (const read of [
        () => {
          const reader = new WriteRequestReader(bytes)
          while (reader.next() !== 'end');
        },
        () => {
          const reader = new WriteRequest2Reader(bytes)
          while (reader.next());
        },
      ]) {
        try {
          read()
        } catch (error) {
          assert.ok(error instanceof ProtobufError, String(error))
        }
      }
    }),
    { numRuns: 2_000 },
  )
})
