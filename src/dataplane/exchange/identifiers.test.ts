import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createRequestHead, parseRequestHead } from '../../mechanisms/http1/request-head.ts'
import { createRecord, type ExchangeRecord, requestIdOf } from '../records/record.ts'
import { Identifiers } from './identifiers.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'
const limits = { requestLineBytesMax: 8_192, headBytesMax: 65_536 }

/** The record and the lines of a request with these fields. */
function name(identifiers: Identifiers, fields: string): { record: ExchangeRecord; lines: string } {
  const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`, 'latin1')
  const head = createRequestHead(20)
  assert.equal(parseRequestHead(bytes, 0, bytes.length, limits, head), bytes.length)
  const record = createRecord()
  identifiers.nameRequest(record, head, bytes)
  return { record, lines: identifiers.lines.toString('latin1', 0, identifiers.requestEnd) }
}

test('request ids do not repeat and are told to the instance', () => {
  const identifiers = new Identifiers()
  const ids = new Set<string>()
  for (let i = 0; i < 10_000; i++) {
    const { record, lines } = name(identifiers, '')
    ids.add(requestIdOf(record))
    assert.match(
      lines,
      /^x-request-id: [0-9a-f]{26}\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-01\r\n$/,
    )
    assert.ok(lines.includes(requestIdOf(record)))
    assert.ok(
      lines.includes(`-${record.traceId.toString('hex')}-${record.spanId.toString('hex')}-`),
    )
  }
  assert.equal(ids.size, 10_000)
  assert.equal(new Set([...ids].map((id) => id.slice(0, 10))).size, 1)
  assert.notEqual(
    requestIdOf(name(new Identifiers(), '').record).slice(0, 10),
    [...ids][0]!.slice(0, 10),
  )
})

test('a trace that begins here is recorded, at the configured share', () => {
  const identifiers = new Identifiers()
  assert.ok(name(identifiers, '').lines.endsWith('-01\r\n'))
  identifiers.sampleRate = 0
  assert.ok(name(identifiers, '').lines.endsWith('-00\r\n'))
  identifiers.sampleRate = 0.25
  let count = 0
  for (let i = 0; i < 8_000; i++) count += Number(name(identifiers, '').record.isSampled)
  assert.ok(count > 1_700 && count < 2_300, `${count} of 8000`)
})

test('a trace is continued exactly when it is valid (W3C Trace Context)', () => {
  const identifiers = new Identifiers()
  for (const flags of ['00', '01', '03']) {
    const { record, lines } = name(identifiers, `Traceparent: 00-${TRACE}-${SPAN}-${flags}\r\n`)
    assert.equal(record.traceId.toString('hex'), TRACE)
    assert.equal(record.parentSpanId.toString('hex'), SPAN)
    assert.notEqual(record.spanId.toString('hex'), SPAN)
    assert.equal(record.isSampled, flags !== '00')
    assert.match(
      lines,
      new RegExp(`traceparent: 00-${TRACE}-[0-9a-f]{16}-${flags === '00' ? '00' : '01'}\r\n$`),
    )
  }
  const future = name(identifiers, `traceparent: cc-${TRACE}-${SPAN}-01-what-the-future-brings\r\n`)
  assert.equal(future.record.traceId.toString('hex'), TRACE)
  for (const bad of [
    '',
    `00-${TRACE}-${SPAN}-01-more`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-1`,
  ]) {
    const { record } = name(identifiers, `traceparent: ${bad}\r\n`)
    assert.notEqual(record.traceId.toString('hex'), TRACE, bad)
    assert.equal(record.parentSpanId.toString('hex'), '0'.repeat(16))
    assert.ok(record.isSampled)
  }
  const twice = name(
    identifiers,
    `traceparent: 00-${TRACE}-${SPAN}-01\r\ntraceparent: 00-${TRACE}-${SPAN}-01\r\n`,
  )
  assert.notEqual(twice.record.traceId.toString('hex'), TRACE)
})

test('a kept request id is printable and can stand in a header and in JSON as it is', () => {
  const identifiers = new Identifiers()
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 140 }), (text) => {
      fc.pre(/^[\x20-\x7e\x80-\xff\t]*$/.test(text) && text === text.trim())
      const isSafe = /^[\x21-\x7e]{1,128}$/.test(text) && JSON.stringify(text) === `"${text}"`
      const { record } = name(identifiers, `X-Request-Id: ${text}\r\n`)
      assert.equal(requestIdOf(record) === text, isSafe)
    }),
  )
  assert.match(
    requestIdOf(name(identifiers, 'x-request-id: a\r\nx-request-id: b\r\n').record),
    /^[0-9a-f]{26}$/,
  )
})
