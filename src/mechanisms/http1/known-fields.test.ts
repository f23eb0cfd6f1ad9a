import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createRequestHead, parseRequestHead, type RequestHead } from './request-head.ts'

const LIMITS = { requestLineBytesMax: 1_024, headBytesMax: 4_096 }
const LINES = ['GET / HTTP/1.1\r\n', 'POST /orders?x=1 HTTP/1.1\r\n', 'GET /a HTTP/1.0\r\n']
const FIELDS = [
  'host: a\r\n',
  'Host: b\r\n',
  'host : c\r\n',
  'accept: */*\r\n',
  'content-length: 0\r\n',
  'content-length: 1\r\n',
  'cookie: a=\xff\xff\xff\xff\xff\xff\xff\xff\xf0\x7e\r\n',
  'cookie: a=\xff\xff\xff\xff\xff\xff\xff\xff\xf1\x7e\r\n',
  'connection: x-a, close\r\n',
  'x-a: 1\r\n',
  'x-a: 2\r\n',
  'x-b:\t2 \t\r\n',
  'bare\n',
]

const head = fc
  .tuple(
    fc.constantFrom(...LINES),
    fc.array(fc.constantFrom(...FIELDS), { maxLength: 4 }),
    fc.constantFrom('\r\n', '\r\nGET', '\r', '\n'),
  )
  .map(([line, fields, end]) => line + fields.join('') + end)

/** All that a parser says of a head. */
function tell(bytes: Buffer, start: number, end: number, into: RequestHead): unknown {
  const next = parseRequestHead(bytes, start, end, LIMITS, into)
  // What was not whole is forgotten, as with another connection.
  into.stage = 0
  const { fields, host, contentLength, keepAlive, connectionNames, minorVersion } = into
  if (next <= 0) return next
  const { count } = fields
  const places = [...fields.offsets.subarray(0, count * 4)]
  const ids = [...fields.ids.subarray(0, count)]
  return [next, places, ids, host, contentLength, keepAlive, [...connectionNames], minorVersion]
}

test('field lines that came before are read as if they had not', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(head, { minLength: 2, maxLength: 12 }),
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 9 })), { minLength: 1, maxLength: 200 }),
      (heads, picks) => {
        const buffer = Buffer.alloc(8_192)
        const known = createRequestHead(3)
        for (const [pick, start] of picks) {
          const text = heads[pick % heads.length]!
          // What was read before still stands behind the new bytes.
          buffer.write(text, start, 'latin1')
          const fresh = tell(Buffer.from(buffer), start, start + text.length, createRequestHead(3))
          assert.deepEqual(tell(buffer, start, start + text.length, known), fresh)
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('a head that comes again and again is not read again: its words are compared', () => {
  const text = 'GET / HTTP/1.1\r\nhost: a\r\nx-a: 1\r\n\r\n'
  const bytes = Buffer.from(text)
  const into = createRequestHead(8)
  for (let i = 0; i < 4; i++) tell(bytes, 0, bytes.length, into)
  const { fields } = into
  fields.count = 0
  assert.equal(fields.memory.recall(16, bytes.length, fields), bytes.length)
  assert.equal(fields.count, 2)
  bytes[bytes.length - 5] = 0x32
  assert.equal(fields.memory.recall(16, bytes.length, fields), 0)
})

test('where every head differs few are kept, and one that settles is known soon', () => {
  const buffer = Buffer.alloc(256)
  const into = createRequestHead(8)
  const read = (value: string): unknown => {
    const text = `GET / HTTP/1.1\r\nhost: a\r\nx-a: ${value}\r\n\r\n`
    buffer.write(text, 0, 'latin1')
    return tell(buffer, 0, text.length, into)
  }
  for (let i = 0; i < 1_000; i++) read(String(i % 1_000).padStart(3, '0'))
  for (let i = 0; i < 64; i++) read('777')
  const { fields } = into
  fields.count = 0
  const end = 'GET / HTTP/1.1\r\nhost: a\r\nx-a: 777\r\n\r\n'.length
  assert.equal(fields.memory.recall(16, end, fields), end)
})
