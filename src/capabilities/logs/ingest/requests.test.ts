import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecordWriter, type RecordSource } from '../../../contracts/records.ts'
import type { SpanRecord } from '../../../contracts/signals.ts'
import { createChoice } from '../../../mechanisms/balancing/choice.ts'
import type { Ingest } from './ingest.ts'
import { IngestHealth } from './health.ts'
import { RequestSpans } from './requests.ts'

function source(status: number): RecordSource {
  const id = Buffer.from('r1')
  return {
    requestId: id,
    requestIdLength: id.length,
    traceId: Buffer.alloc(16, 0xab),
    spanId: Buffer.alloc(8, 0xcd),
    parentSpanId: Buffer.alloc(8, 0xef),
    isSampled: true,
    text: Buffer.from('shop/orders'),
    hostLength: 4,
    isHostCut: false,
    pathLength: 7,
    isPathCut: false,
    detailLength: 0,
    startedAtMs: 1_795_900_000_000.5,
    startedMs: 10,
    listener: 'gateway',
    caller: '',
    client: '::1',
    protocol: 'http/1.1',
    tls: '',
    method: 'GET',
    route: '/orders',
    routeSource: '',
    service: 'orders',
    serviceSource: '',
    algorithm: '',
    status,
    reason: '',
    version: 1,
    queueMs: 0,
    durationMs: 2.5,
    requestBytes: 3,
    responseBytes: 4,
    hasDefect: false,
    attemptCount: 1,
    attempts: [
      {
        instance: 'orders-1',
        address: '127.0.0.1:1',
        candidates: 1,
        excluded: 0,
        choice: createChoice(),
        startedMs: 11,
        connectedMs: 0,
        answeredMs: 12,
        outcome: 'answered',
        status,
      },
    ],
    policyCount: 0,
    policies: [],
  }
}

function batchOf(statuses: readonly number[]): Buffer {
  const into = Buffer.alloc(1024 * 1024)
  const writer = new RecordWriter()
  let end = writer.begin(into, 0)
  for (const status of statuses) end = writer.write(source(status), into, end)
  return Buffer.from(into.subarray(0, end))
}

function start() {
  let nowMs = 0
  const taken: SpanRecord[] = []
  const logged: string[] = []
  const health = new IngestHealth()
  const ingest = {
    health,
    takeSpans: async (spans: readonly SpanRecord[]) => void taken.push(...spans),
  }
  const clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    after: () => () => {},
    every: () => () => {},
    nextTurn: () => () => {},
  }
  const spans = new RequestSpans(
    ingest as unknown as Ingest,
    clock,
    (_level, text) => void logged.push(text),
  )
  return { spans, taken, logged, health, move: (ms: number) => (nowMs += ms) }
}

test('a request is a span: who asked whom, how it ended, each attempt', () => {
  const { spans, taken } = start()
  spans.setRate(10)
  spans.take(1, batchOf([200]))
  const [span] = taken
  assert.ok(span)
  assert.deepEqual(
    [span.service, span.name, span.kind, span.status, span.duration, span.time],
    ['gateway', 'GET /orders', 'server', 'unset', 2_500_000, 1_795_900_000_000_500],
  )
  assert.deepEqual(
    [span.trace, span.span, span.parent],
    ['ab'.repeat(16), 'cd'.repeat(8), 'ef'.repeat(8)],
  )
  const attributes = JSON.parse(span.attributes) as Record<string, unknown>
  assert.equal(attributes['http.response.status_code'], 200)
  assert.equal(attributes['peer.service'], 'orders')
  assert.equal((JSON.parse(span.events) as { name: string }[])[0]?.name, 'attempt')
})

test('what goes well is kept up to a rate, failures in addition; the rest is counted', () => {
  const { spans, taken, health, move } = start()
  spans.take(1, batchOf([200]))
  assert.equal(taken.length, 0, 'none where the rate is 0')
  spans.setRate(3)
  spans.take(1, batchOf([200, 200, 503, 200, 200, 200, 500, 502, 503]))
  assert.deepEqual([taken.filter(({ status }) => status === 'error').length, taken.length], [3, 6])
  assert.equal(health.of('gateway', '').shed, 3)
  move(1_000)
  spans.take(1, batchOf([200]))
  assert.equal(taken.length, 7)
})

test('beyond what is read in a second batches are thrown away unread, and counted as about so many', () => {
  const { spans, taken, health, move } = start()
  spans.setRate(1)
  const batch = batchOf(Array.from({ length: 5_000 }, () => 200))
  spans.take(1, batch)
  spans.take(1, batch)
  assert.equal(taken.length, 1)
  assert.equal(health.of('gateway', '').shed, 9_999)
  move(1_000)
  spans.take(1, batchOf([200]))
  assert.equal(taken.length, 2)
})

test('a batch that cannot be read costs itself', () => {
  const { spans, taken, logged } = start()
  spans.setRate(3)
  spans.take(1, Buffer.from([1, 2, 3]))
  assert.deepEqual([taken.length, logged.length], [0, 1])
})
