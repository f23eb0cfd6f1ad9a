import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createRequestHead, parseRequestHead } from '../../mechanisms/http1/request-head.ts'
import {
  addAttempt,
  ATTEMPTS_MAX,
  clearRecord,
  createRecord,
  DETAIL_BYTES_MAX,
  type ExchangeRecord,
  HOST_BYTES_MAX,
  notePolicy,
  noteReason,
  noteRequestId,
  noteRequestLine,
  noteTrace,
  PATH_BYTES_MAX,
  POLICY_NOTES_MAX,
  REQUEST_ID_BYTES_MAX,
  tellRecord,
  TEXT_BYTES_MAX,
} from './record.ts'

const LIMITS = { requestLineBytesMax: 65_536, headBytesMax: 131_072 }

/** Notes a request as it comes over the wire, somewhere in a buffer that is used again afterwards. */
function note(record: ExchangeRecord, head: string): void {
  const bytes = Buffer.from(`....${head}`, 'latin1')
  const parsed = createRequestHead(16)
  assert.ok(parseRequestHead(bytes, 4, bytes.length, LIMITS, parsed) > 0, head)
  noteRequestLine(record, parsed, bytes)
  bytes.fill('X')
}

test('host and path are copied out of the head, without query, whatever form the target has', () => {
  const record = createRecord()
  for (const [target, host, path] of [
    ['/a/b', 'shop.example:80', '/a/b'],
    ['/a/b?token=secret', 'shop.example:80', '/a/b'],
    ['/?', 'shop.example:80', '/'],
    ['http://other.example/c?d=1', 'other.example', '/c'],
    ['http://other.example?d=1', 'other.example', '/'],
  ] as const) {
    clearRecord(record)
    note(record, `GET ${target} HTTP/1.1\r\nhost: ${host}\r\n\r\n`)
    const told = tellRecord(record, 1)
    assert.deepEqual([told.method, told.host, told.target], ['GET', host, path])
    assert.equal(told.protocol, 'http/1.1')
  }
  note(record, 'OPTIONS * HTTP/1.0\r\n\r\n')
  const told = tellRecord(record, 1)
  assert.deepEqual([told.host, told.target, told.protocol], ['', '*', 'http/1.0'])
})

test('what a client makes long is cut, and a record takes no more than it says', () => {
  const record = createRecord()
  const path = `/${'p'.repeat(60_000)}`
  note(record, `GET ${path} HTTP/1.1\r\nhost: ${'h'.repeat(2_000)}\r\n\r\n`)
  noteRequestId(record, 'i'.repeat(500))
  noteReason(record, 'ERR_X', `no route for ${path}`)
  for (let i = 0; i < 50; i++) {
    addAttempt(record, 1).instance = `echo-${i}`
    notePolicy(record, 'limit', 'allowed', i)
  }
  const told = tellRecord(record, 1)
  assert.equal(told.host, `${'h'.repeat(HOST_BYTES_MAX)}...`)
  assert.equal(told.target, `${path.slice(0, PATH_BYTES_MAX)}...`)
  assert.equal(told.requestId, 'i'.repeat(REQUEST_ID_BYTES_MAX))
  assert.equal(told.detail, `no route for ${path}`.slice(0, DETAIL_BYTES_MAX))
  assert.deepEqual([told.attempts.length, told.policies.length], [ATTEMPTS_MAX, POLICY_NOTES_MAX])
  assert.deepEqual(told.policies.at(-1), { policy: 'limit', decision: 'allowed', value: 49 })
  assert.ok(record.text.length <= TEXT_BYTES_MAX)
})

test('a record that is used again tells nothing of the request before', () => {
  const used = createRecord()
  note(used, 'GET /long HTTP/1.1\r\nhost: a\r\n\r\n')
  noteReason(used, 'ERR_X', 'because')
  noteTrace(
    used,
    `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`,
    `00-${'ab'.repeat(16)}-${'ef'.repeat(8)}-01`,
  )
  notePolicy(used, 'limit', 'refused', 0)
  addAttempt(used, 1)
  Object.assign(used, { queueMs: 1, durationMs: 1, requestBytes: 1, status: 1, hasDefect: true })
  clearRecord(used)
  const fresh = createRecord()
  for (const record of [used, fresh]) {
    noteRequestId(record, 'x')
    noteTrace(record, `00-${'12'.repeat(16)}-${'34'.repeat(8)}-01`, null)
  }
  assert.deepEqual(tellRecord(used, 0), tellRecord(fresh, 0))
})

test('trace, span and parent are told as they stand in traceparent', () => {
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  const record = createRecord()
  noteTrace(record, `00-${trace}-00f067aa0ba902b7-01`, `00-${trace}-b7ad6b7169203331-00`)
  const told = tellRecord(record, 0)
  assert.deepEqual(
    [told.traceId, told.spanId, told.parentSpanId, told.isSampled],
    [trace, '00f067aa0ba902b7', 'b7ad6b7169203331', true],
  )
  clearRecord(record)
  noteTrace(record, `00-${trace}-00f067aa0ba902b7-00`, null)
  assert.deepEqual([tellRecord(record, 0).parentSpanId, record.isSampled], ['', false])
})

test('a detail is kept in whole characters, however it is cut', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), (detail) => {
      const record = createRecord()
      noteReason(record, 'ERR_X', detail)
      const told = tellRecord(record, 0).detail
      assert.ok(detail.toWellFormed().startsWith(told))
      assert.ok(Buffer.byteLength(detail) > DETAIL_BYTES_MAX - 4 || told === detail.toWellFormed())
    }),
  )
})
