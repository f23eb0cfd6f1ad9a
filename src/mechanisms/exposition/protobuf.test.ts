import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ProtobufError } from '../protobuf/protobuf.ts'
import {
  bytesField,
  doubleField,
  encodeMessage,
  textField,
  varintField,
} from '../protobuf/testing/encode.ts'
import { floatText, readProtobufExposition } from './protobuf.ts'

const pair = (name: string, value: string) => encodeMessage(textField(1, name), textField(2, value))

function family(name: string, type: number, ...metrics: readonly Uint8Array[]): Uint8Array {
  const message = encodeMessage(
    textField(1, name),
    textField(2, `help of ${name}`),
    varintField(3, type),
    ...metrics.map((metric) => bytesField(4, metric)),
    textField(5, 'seconds'),
  )
  return Buffer.concat([encodeMessage(varintField(0, message.length)).subarray(1), message])
}

const read = (bytes: Uint8Array) =>
  [...readProtobufExposition(bytes)].map((one) => ({
    ...one,
    samples: one.samples.map(({ labels, ...rest }) => ({
      ...rest,
      labels: labels.names.map((name, at) => `${name}=${labels.values[at]}`).join(' '),
    })),
  }))

/** A counter, a gauge, a summary and a classic histogram. */
function fourFamilies(): Uint8Array {
  const exemplar = encodeMessage(
    bytesField(1, pair('trace_id', 'abc')),
    doubleField(2, 0.5),
    bytesField(3, encodeMessage(varintField(1, 12), varintField(2, 345_000_000))),
  )
  return Buffer.concat([
    family(
      'requests_total',
      0,
      encodeMessage(
        bytesField(1, pair('code', '200')),
        bytesField(3, encodeMessage(doubleField(1, 7), bytesField(2, exemplar))),
        varintField(6, 1_500),
      ),
    ),
    family('temperature', 1, encodeMessage(bytesField(2, encodeMessage(doubleField(1, -3.5))))),
    family(
      'size',
      2,
      encodeMessage(
        bytesField(
          4,
          encodeMessage(
            varintField(1, 10),
            doubleField(2, 99),
            bytesField(3, encodeMessage(doubleField(1, 0.5), doubleField(2, 4))),
          ),
        ),
      ),
    ),
    family(
      'seconds',
      4,
      encodeMessage(
        bytesField(
          7,
          encodeMessage(
            varintField(1, 3),
            doubleField(2, 1.5),
            bytesField(
              3,
              encodeMessage(varintField(1, 2), doubleField(2, 1), bytesField(3, exemplar)),
            ),
          ),
        ),
      ),
    ),
  ])
}

test('counters, gauges, summaries and classic histograms', () => {
  const points = [{ labels: [['trace_id', 'abc']], value: 0.5, timeMs: 12_345 }]
  const sample = (labels: string, value: number, exemplars: unknown[] = []) => ({
    value,
    histogram: undefined,
    timeMs: undefined,
    exemplars,
    labels,
  })
  const rest = (name: string) => ({ help: `help of ${name}`, unit: 'seconds' })
  assert.deepEqual(read(fourFamilies()), [
    {
      name: 'requests_total',
      type: 'counter',
      ...rest('requests_total'),
      samples: [{ ...sample('__name__=requests_total code=200', 7, points), timeMs: 1_500 }],
    },
    {
      name: 'temperature',
      type: 'gauge',
      ...rest('temperature'),
      samples: [sample('__name__=temperature', -3.5)],
    },
    {
      name: 'size',
      type: 'summary',
      ...rest('size'),
      samples: [
        sample('__name__=size quantile=0.5', 4),
        sample('__name__=size_sum', 99),
        sample('__name__=size_count', 10),
      ],
    },
    {
      name: 'seconds',
      type: 'histogram',
      ...rest('seconds'),
      samples: [
        sample('__name__=seconds_bucket le=1.0', 2, points),
        sample('__name__=seconds_bucket le=+Inf', 3),
        sample('__name__=seconds_sum', 1.5),
        sample('__name__=seconds_count', 3),
      ],
    },
  ])
})

test('a native histogram is one sample', () => {
  const span = (offset: number, length: number) =>
    encodeMessage(varintField(1, offset * 2), varintField(2, length))
  const bytes = family(
    'seconds',
    4,
    encodeMessage(
      bytesField(
        7,
        encodeMessage(
          varintField(1, 6),
          doubleField(2, 1.5),
          varintField(5, 6),
          doubleField(6, 0.001),
          varintField(7, 1),
          bytesField(12, span(0, 2)),
          bytesField(12, span(1, 1)),
          bytesField(13, Uint8Array.of(4, 1, 4)),
        ),
      ),
    ),
  )
  const [one] = read(bytes)
  assert.equal(one?.samples.length, 1)
  assert.deepEqual(one?.samples[0]?.histogram, {
    resetHint: 'unknown',
    schema: 3,
    zeroThreshold: 0.001,
    zeroCount: 1,
    count: 6,
    sum: 1.5,
    positiveSpans: [
      { offset: 0, length: 2 },
      { offset: 1, length: 1 },
    ],
    positiveCounts: [2, 1, 3],
    negativeSpans: [],
    negativeCounts: [],
    customBounds: [],
  })
})

test('bounds are written as Prometheus 3 writes them', () => {
  const given = [1, 0.1, 2.5, -3, Infinity, -Infinity, 1e-7, 1e21, 1e23, 100_000]
  const written = [
    '1.0',
    '0.1',
    '2.5',
    '-3.0',
    '+Inf',
    '-Inf',
    '1e-07',
    '1e+21',
    '1e+23',
    '100000.0',
  ]
  assert.deepEqual(given.map(floatText), written)
})

test('whatever bytes come, they are read or refused', () => {
  const whole = family('a', 4, encodeMessage(bytesField(7, encodeMessage(varintField(1, 3)))))
  for (let length = 1; length < whole.length; length++) {
    assert.throws(() => read(whole.subarray(0, length)), ProtobufError, `cut at ${length}`)
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        read(bytes)
      } catch (error) {
        assert.ok(error instanceof ProtobufError, String(error))
      }
    }),
  )
})
