import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HEAD_ERROR } from './errors.ts'
import {
  FRAMING,
  type ResponseHead,
  createResponseHead,
  moveResponseHead,
  parseResponseHead,
} from './response-head.ts'
import { arrivals, cuts, damage, damages, plainFields } from './testing/arbitraries.ts'
import { readFields, valuesOf } from './testing/reference.ts'
import { createResponseRewrite, writeResponseHead } from './write-head.ts'

const LIMITS = { headBytesMax: 4096 }

function parse(
  text: string,
  method = 'GET',
  head = createResponseHead(32),
): { result: number; head: ResponseHead } {
  const bytes = Buffer.from(text, 'latin1')
  head.stage = 0
  return { result: parseResponseHead(bytes, 0, bytes.length, LIMITS, head, method), head }
}

test('framing is decided in the order of RFC 9112 section 6.3', () => {
  const table: [string, string, number][] = [
    ['GET', '200 OK\r\n', FRAMING.untilClose],
    ['GET', '200 OK\r\nContent-Length: 0\r\n', FRAMING.length],
    ['GET', '200 OK\r\nTransfer-Encoding: chunked\r\n', FRAMING.chunked],
    ['HEAD', '200 OK\r\nTransfer-Encoding: chunked\r\n', FRAMING.none],
    ['HEAD', '200 OK\r\nContent-Length: 5\r\n', FRAMING.none],
    ['GET', '204 No Content\r\n', FRAMING.none],
    ['GET', '304 Not Modified\r\nContent-Length: 5\r\n', FRAMING.none],
    ['GET', '103 Early Hints\r\n', FRAMING.none],
  ]
  for (const [method, rest, framing] of table)
    assert.equal(parse(`HTTP/1.1 ${rest}\r\n`, method).head.framing, framing, method + rest)
})

test('a connection that was read until close, switched or old does not persist', () => {
  const persists = (text: string): boolean => parse(text).head.keepAlive
  assert.ok(persists('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  assert.ok(!persists('HTTP/1.1 200 OK\r\n\r\n'))
  assert.ok(!persists('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'))
  assert.ok(!persists('HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n'))
  assert.ok(persists('HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n'))
  assert.ok(
    !persists(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    ),
  )
})

test('a status line is strict but for its missing last space', () => {
  assert.ok(parse('HTTP/1.1 200\r\n\r\n').result > 0)
  assert.ok(parse('HTTP/1.1 200 \r\n\r\n').result > 0)
  const bytes = Buffer.from('HTTP/1.1 200 Not \xe9\tbad\r\n\r\n', 'latin1')
  const head = createResponseHead(1)
  parseResponseHead(bytes, 0, bytes.length, LIMITS, head, 'GET')
  assert.equal(bytes.toString('latin1', head.reasonStart, head.reasonEnd), 'Not \xe9\tbad')
  const refused: [string, number][] = [
    ['HTTP/2.0 200 OK\r\n\r\n', HEAD_ERROR.versionUnsupported],
    ['HTTP/1.2 200 OK\r\n\r\n', HEAD_ERROR.versionUnsupported],
    ['http/1.1 200 OK\r\n\r\n', HEAD_ERROR.statusLine],
    ['HTTP/1.1  200 OK\r\n\r\n', HEAD_ERROR.statusLine],
    ['HTTP/1.1 2000 OK\r\n\r\n', HEAD_ERROR.statusLine],
    ['HTTP/1.1 99 OK\r\n\r\n\r\n', HEAD_ERROR.statusLine],
    ['HTTP/1.1 600 OK\r\n\r\n', HEAD_ERROR.statusLine],
    ['HTTP/1.1 200 a\0b\r\n\r\n', HEAD_ERROR.controlByte],
    ['HTTP/1.1 200 OK\n\r\n', HEAD_ERROR.lineEnding],
    ['HTTP/1.1 200\n\n\n\n', HEAD_ERROR.lineEnding],
    ['HTTP/1.1 200 OK\rX\r\n', HEAD_ERROR.lineEnding],
    ['hello\r\n', HEAD_ERROR.statusLine],
    ['HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n', HEAD_ERROR.lineFolding],
    [
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n',
      HEAD_ERROR.contentLengthRepeated,
    ],
    [
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      HEAD_ERROR.ambiguousFraming,
    ],
    ['HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', HEAD_ERROR.transferEncoding],
    [`HTTP/1.1 200 OK\r\nA: ${'b'.repeat(5000)}\r\n\r\n`, HEAD_ERROR.headTooLarge],
  ]
  for (const [text, error] of refused)
    assert.equal(parse(text).result, error, JSON.stringify(text.slice(0, 60)))
})

const responses = fc
  .record({
    status: fc.constantFrom('200 OK', '404', '500 ', '204 No Content', '304 Not Modified'),
    fields: plainFields,
    framing: fc.constantFrom('', 'Content-Length: 5\r\n', 'Transfer-Encoding: Chunked\r\n'),
    connection: fc.constantFrom(
      '',
      'Connection: close\r\n',
      'Connection: Keep-Alive, x-private\r\n',
    ),
  })
  .map(({ status, fields, framing, connection }) => {
    const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`)
    return `HTTP/1.1 ${status}\r\n${connection}${lines.join('')}${framing}\r\n`
  })

function summary(head: ResponseHead): unknown {
  const { status, framing, contentLength, keepAlive, end, reasonStart, reasonEnd, fields } = head
  const offsets = [...fields.offsets.subarray(0, fields.count * 4)]
  return { status, framing, contentLength, keepAlive, end, reasonStart, reasonEnd, offsets }
}

test('a response in pieces at other places is the response in one piece', () => {
  const head = createResponseHead(32)
  fc.assert(
    fc.property(responses, cuts, (text, shares) => {
      const whole = parse(text).head
      let result = 0
      let start = 0
      for (const length of arrivals(text.length, shares)) {
        start = (start + 11) % 40
        const bytes = Buffer.from('#'.repeat(start) + text.slice(0, length), 'latin1')
        result = parseResponseHead(bytes, start, bytes.length, LIMITS, head, 'GET')
        if (result !== 0) break
      }
      assert.equal(result, start + text.length)
      moveResponseHead(head, 0)
      assert.deepEqual(summary(head), summary(whole))
    }),
    { numRuns: 300 },
  )
})

test('a damaged response is refused, or written as one that means the same', () => {
  fc.assert(
    fc.property(responses, damages, (text, all) => {
      const damaged = damage(text, all)
      const { result, head } = parse(damaged)
      if (result <= 0) return
      const out = Buffer.alloc(8192)
      const end = writeResponseHead(
        head,
        Buffer.from(damaged, 'latin1'),
        out,
        0,
        createResponseRewrite(),
      )
      const written = out.toString('latin1', 0, end)
      const again = parse(written)
      assert.equal(again.result, written.length)
      const [line, ...lines] = written.slice(0, -4).split('\r\n')
      assert.match(line!, /^HTTP\/1\.1 \d{3} /)
      const fields = readFields(lines)
      assert.ok(fields !== null)
      assert.equal(valuesOf(fields, 'connection').length, head.status === 101 ? 1 : 0)
      const framing = head.framing === FRAMING.untilClose ? FRAMING.chunked : head.framing
      assert.deepEqual([again.head.status, again.head.framing], [head.status, framing])
      if (framing === FRAMING.length) assert.equal(again.head.contentLength, head.contentLength)
    }),
    { numRuns: 1500 },
  )
})
