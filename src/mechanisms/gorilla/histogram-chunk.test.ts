import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FloatHistogram } from '../native-histogram/float-histogram.ts'
import { ChunkCorruptError } from './bits.ts'
import {
  decodeHistogramChunk,
  hasSameLayout,
  HISTOGRAM_SAMPLES_MAX,
  HistogramChunk,
} from './histogram-chunk.ts'

const plain = { noNullPrototype: true }
const spans = fc.array(
  fc.record(
    { offset: fc.integer({ min: -20, max: 20 }), length: fc.integer({ min: 0, max: 6 }) },
    plain,
  ),
  { maxLength: 3 },
)
const layouts = fc.record(
  {
    schema: fc.integer({ min: -53, max: 8 }),
    zeroThreshold: fc.double({ min: 0, noNaN: true }),
    positiveSpans: spans,
    negativeSpans: spans,
    customBounds: fc.array(fc.double({ noNaN: true }), { maxLength: 4 }),
  },
  plain,
)

type Layout = Pick<
  FloatHistogram,
  'schema' | 'zeroThreshold' | 'positiveSpans' | 'negativeSpans' | 'customBounds'
>

function histograms(layout: Layout): fc.Arbitrary<FloatHistogram> {
  const counts = (length: number) =>
    fc.array(fc.oneof(fc.nat(1000), fc.double()), { minLength: length, maxLength: length })
  const length = (all: Layout['positiveSpans']) => all.reduce((sum, one) => sum + one.length, 0)
  return fc
    .record(
      {
        resetHint: fc.constantFrom('unknown', 'reset', 'not-reset', 'gauge'),
        zeroCount: fc.double(),
        count: fc.double(),
        sum: fc.double(),
        positiveCounts: counts(length(layout.positiveSpans)),
        negativeCounts: counts(length(layout.negativeSpans)),
      },
      plain,
    )
    .map((rest) => ({ ...layout, ...rest }))
}

const series = layouts.chain((layout) =>
  fc.array(
    fc.tuple(
      fc.integer({ min: 0, max: 100_000 }),
      fc.oneof({ weight: 5, arbitrary: histograms(layout) }, fc.constant(undefined)),
    ),
    { minLength: 1, maxLength: 20 },
  ),
)

test('what goes into a chunk of histograms comes out', () => {
  fc.assert(
    fc.property(series, (given) => {
      const first = given.find(([, histogram]) => histogram !== undefined)?.[1]
      if (first === undefined) return
      const chunk = new HistogramChunk(first)
      let time = -5
      const expected = given.map(([step, histogram]) => ({ time: (time += step), histogram }))
      for (const sample of expected) assert.ok(chunk.append(sample.time, sample.histogram))
      assert.deepEqual(decodeHistogramChunk(chunk.chunk()), expected)
      assert.equal(chunk.firstTime, expected[0]!.time)
      assert.equal(chunk.lastTime, expected.at(-1)!.time)
    }),
  )
})

const one: FloatHistogram = {
  resetHint: 'unknown',
  schema: 0,
  zeroThreshold: 0.001,
  zeroCount: 1,
  count: 4,
  sum: 7,
  positiveSpans: [{ offset: 0, length: 2 }],
  positiveCounts: [1, 2],
  negativeSpans: [],
  negativeCounts: [],
  customBounds: [],
}

test('other buckets belong to another chunk', () => {
  const chunk = new HistogramChunk(one)
  assert.ok(chunk.append(1, one))
  for (const other of [
    { ...one, schema: 1 },
    { ...one, zeroThreshold: 0.01 },
    { ...one, positiveSpans: [{ offset: 1, length: 2 }] },
    { ...one, negativeSpans: [{ offset: 1, length: 1 }], negativeCounts: [1] },
    { ...one, customBounds: [1] },
  ]) {
    assert.equal(hasSameLayout(one, other), false)
    assert.equal(chunk.append(2, other), false)
  }
  assert.equal(chunk.count, 1)
})

test('a full chunk says so', () => {
  const chunk = new HistogramChunk(one)
  for (let index = 0; index < HISTOGRAM_SAMPLES_MAX; index++) assert.ok(chunk.append(index, one))
  assert.equal(chunk.append(HISTOGRAM_SAMPLES_MAX, one), false)
  assert.equal(decodeHistogramChunk(chunk.chunk()).length, HISTOGRAM_SAMPLES_MAX)
})

test('bytes that are no chunk are refused', () => {
  const chunk = new HistogramChunk(one)
  for (let index = 0; index < 20; index++) chunk.append(index * 997, { ...one, count: index })
  const bytes = chunk.chunk()
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeHistogramChunk(bytes.slice(0, length)), ChunkCorruptError)
  }
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 2, maxLength: 200 }), (some) => {
      try {
        decodeHistogramChunk(some)
      } catch (error) {
        assert.ok(error instanceof ChunkCorruptError)
      }
    }),
  )
})
