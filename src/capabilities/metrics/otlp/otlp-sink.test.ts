import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  bytesField,
  doubleField,
  encodeMessage,
  textField,
  varintField,
} from '../../../mechanisms/protobuf/testing/encode.ts'
import { OtlpError } from '../../../mechanisms/otlp-metrics/model.ts'
import { metricNameOf } from '../../../mechanisms/otlp-metrics/names.ts'
import { readOtlpJson } from '../../../mechanisms/otlp-metrics/read-json.ts'
import { readOtlpProtobuf } from '../../../mechanisms/otlp-metrics/read-protobuf.ts'
import { serveMetrics, type Served } from '../testing/served.ts'
import { createOtlpSink } from './otlp-sink.ts'
import { systemClock } from '../../../platform/clock.ts'

const NOW = Math.floor(Date.now() / 1_000) * 1_000
const nano = (ms: number) => `${BigInt(ms) * 1_000_000n}`
const until = new AbortController().signal

function request(...metrics: readonly object[]): object {
  const value = (text: string) => ({ stringValue: text })
  return {
    resourceMetrics: [
      {
        resource: {
          attributes: [
            { key: 'service.name', value: value('shop') },
            { key: 'service.namespace', value: value('eu') },
            { key: 'service.instance.id', value: value('shop-1') },
            { key: 'host.name', value: value('h') },
          ],
        },
        scopeMetrics: [{ scope: { name: 's' }, metrics }],
      },
    ],
  }
}

const json = (value: object) => new TextEncoder().encode(JSON.stringify(value))

async function ask(served: Served, query: string): Promise<readonly [string, string][]> {
  const url = `${served.url}/api/v1/query?query=${encodeURIComponent(query)}&time=${NOW / 1_000}`
  const { data } = (await (await fetch(url)).json()) as {
    data: { result: { metric: Record<string, string>; value: [number, string] }[] }
  }
  return data.result
    .map(({ metric, value }): [string, string] => [
      Object.entries(metric)
        .map(([name, text]) => `${name}=${text}`)
        .join(),
      value[1],
    ])
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
}

test('names are those of Prometheus', () => {
  for (const [name, unit, kind, expected] of [
    ['http.server.request.duration', 's', 'other', 'http_server_request_duration_seconds'],
    ['http.server.requests', '{request}', 'counter', 'http_server_requests_total'],
    ['process.memory.usage', 'By', 'gauge', 'process_memory_usage_bytes'],
    ['system.cpu.utilization', '1', 'gauge', 'system_cpu_utilization_ratio'],
    ['disk.io', 'By/s', 'gauge', 'disk_io_bytes_per_second'],
    ['requests_total', '1', 'counter', 'requests_total'],
    ['9lives', '', 'gauge', '_9lives'],
  ] as const) {
    assert.equal(metricNameOf({ name, unit, kind }), expected)
  }
})

test('cumulative and delta sums, gauges, histograms and summaries are stored, with what their sender is', async () => {
  await using served = await serveMetrics()
  const sink = createOtlpSink(served.house.store, systemClock)
  const point = (more: object, atMs = NOW) => ({
    attributes: [{ key: 'http.method', value: { stringValue: 'GET' } }],
    timeUnixNano: nano(atMs),
    ...more,
  })
  const sum = (value: string, aggregationTemporality: number, atMs: number) =>
    request({
      name: 'requests',
      sum: {
        aggregationTemporality,
        isMonotonic: true,
        dataPoints: [point({ asInt: value }, atMs)],
      },
    })
  const delta = (value: number, atMs: number) =>
    request({
      name: 'work',
      unit: 's',
      sum: {
        aggregationTemporality: 1,
        isMonotonic: true,
        dataPoints: [point({ asDouble: value }, atMs)],
      },
    })
  await sink.write(json(sum('7', 2, NOW)), 'json', until)
  await sink.write(json(delta(1.5, NOW - 2_000)), 'json', until)
  await sink.write(json(delta(2, NOW - 1_000)), 'json', until)
  // Sent again, as after a lost answer: it counts once.
  await sink.write(json(delta(2, NOW - 1_000)), 'json', until)
  const answer = await sink.write(
    json(
      request(
        { name: 'memory', unit: 'By', gauge: { dataPoints: [point({ asDouble: 5 })] } },
        {
          name: 'duration',
          unit: 's',
          histogram: {
            aggregationTemporality: 2,
            dataPoints: [
              point({
                count: '6',
                sum: 9.5,
                bucketCounts: ['1', '2', '3'],
                explicitBounds: [1, 2.5],
              }),
            ],
          },
        },
        {
          name: 'size',
          summary: {
            dataPoints: [
              point({ count: '3', sum: 6, quantileValues: [{ quantile: 0.5, value: 2 }] }),
            ],
          },
        },
        { name: 'bad', sum: { isMonotonic: true, dataPoints: [point({ asInt: 1 })] } },
      ),
    ),
    'json',
    until,
  )
  assert.deepEqual(answer, { rejected: 1, message: 'bad says neither delta nor cumulative' })
  const of = 'http_method=GET,instance=shop-1,job=eu/shop'
  assert.deepEqual(await ask(served, 'requests_total'), [[`__name__=requests_total,${of}`, '7']])
  assert.deepEqual(await ask(served, 'sum(work_seconds_total)'), [['', '3.5']])
  assert.deepEqual(await ask(served, 'sum(memory_bytes)'), [['', '5']])
  assert.deepEqual(await ask(served, 'sum by (le) (duration_seconds_bucket)'), [
    ['le=+Inf', '6'],
    ['le=1.0', '1'],
    ['le=2.5', '3'],
  ])
  assert.deepEqual(await ask(served, 'sum(duration_seconds_sum) / sum(duration_seconds_count)'), [
    ['', String(9.5 / 6)],
  ])
  assert.deepEqual(await ask(served, 'sum by (quantile) (size)'), [['quantile=0.5', '2']])
  assert.deepEqual(await ask(served, 'target_info'), [
    ['__name__=target_info,host_name=h,instance=shop-1,job=eu/shop', '1'],
  ])
})

test('exponential histograms become native ones, also as differences, and fine ones coarser', async () => {
  await using served = await serveMetrics()
  const sink = createOtlpSink(served.house.store, systemClock)
  const exponential = (atMs: number, scale: number, offset: number, counts: readonly string[]) =>
    request({
      name: 'latency',
      exponentialHistogram: {
        aggregationTemporality: 1,
        dataPoints: [
          {
            timeUnixNano: nano(atMs),
            count: String(counts.reduce((all, one) => all + Number(one), 1)),
            sum: 10,
            scale,
            zeroCount: '1',
            positive: { offset, bucketCounts: counts },
          },
        ],
      },
    })
  // Scale 0: bucket 0 is (1, 2], bucket 1 is (2, 4].
  await sink.write(json(exponential(NOW - 1_000, 0, 0, ['4', '4'])), 'json', until)
  await sink.write(json(exponential(NOW, 0, 0, ['2', '0'])), 'json', until)
  assert.deepEqual(await ask(served, 'histogram_count(latency)'), [
    ['instance=shop-1,job=eu/shop', '12'],
  ])
  assert.deepEqual(await ask(served, 'histogram_fraction(2, 4, latency)'), [
    ['instance=shop-1,job=eu/shop', String(4 / 12)],
  ])
  const fine = await sink.write(
    json(exponential(NOW + 1_000, 10, 0, ['1', '1', '1', '1', '1'])),
    'json',
    until,
  )
  assert.equal(fine.rejected, 0)
  const coarse = await sink.write(json(exponential(NOW + 2_000, -9, 0, ['1'])), 'json', until)
  assert.equal(coarse.rejected, 1)
})

/** A fixed64, which the encoder of tests writes as a double. */
function fixed(field: number, value: bigint): Uint8Array {
  const bits = new BigUint64Array([value])
  return doubleField(field, new Float64Array(bits.buffer)[0]!)
}

test('protobuf says the same as JSON', () => {
  const pair = (key: string, text: string) =>
    encodeMessage(textField(1, key), bytesField(2, encodeMessage(textField(1, text))))
  const point = encodeMessage(
    bytesField(7, pair('http.method', 'GET')),
    fixed(3, BigInt(NOW) * 1_000_000n),
    fixed(6, 7n),
  )
  const metric = encodeMessage(
    textField(1, 'requests'),
    bytesField(7, encodeMessage(bytesField(1, point), varintField(2, 2), varintField(3, 1))),
  )
  const bytes = encodeMessage(
    bytesField(
      1,
      encodeMessage(
        bytesField(1, encodeMessage(bytesField(1, pair('service.name', 'shop')))),
        bytesField(2, encodeMessage(bytesField(2, metric))),
      ),
    ),
  )
  const same = {
    resourceMetrics: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
        scopeMetrics: [
          {
            metrics: [
              {
                name: 'requests',
                sum: {
                  aggregationTemporality: 2,
                  isMonotonic: true,
                  dataPoints: [
                    {
                      attributes: [{ key: 'http.method', value: { stringValue: 'GET' } }],
                      timeUnixNano: nano(NOW),
                      asInt: '7',
                    },
                  ],
                },
              },
            ],
          },
        ],
      },
    ],
  }
  assert.deepEqual(readOtlpProtobuf(bytes), readOtlpJson(json(same)))
})

test('whatever is sent is read or refused with an error of its own', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const read of [readOtlpProtobuf, readOtlpJson]) {
        try {
          read(bytes)
        } catch (error) {
          assert.ok(error instanceof OtlpError, String(error))
        }
      }
    }),
    { numRuns: 2_000 },
  )
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        readOtlpJson(new TextEncoder().encode(text))
      } catch (error) {
        assert.ok(error instanceof OtlpError, String(error))
      }
    }),
  )
})
