import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HEAD_ERROR } from './errors.ts'
import { FIELD, identifyName, fieldId, FIELD_NAMES } from './names.ts'
import {
  type RequestHead,
  createRequestHead,
  headerValue,
  moveRequestHead,
  parseRequestHead,
} from './request-head.ts'

const LIMITS = { requestLineBytesMax: 64, headBytesMax: 256 }

function parse(
  text: string,
  limits = LIMITS,
  head = createRequestHead(8),
): { result: number; head: RequestHead; bytes: Buffer } {
  const bytes = Buffer.from(text, 'latin1')
  return { result: parseRequestHead(bytes, 0, bytes.length, limits, head), head, bytes }
}

function get(lines: string): string {
  return `GET /a?b HTTP/1.1\r\nHost: a.example\r\n${lines}\r\n`
}

test('a request gives what routing and forwarding need', () => {
  const { result, head, bytes } = parse(
    'POST /a/b?c=d HTTP/1.1\r\nHost: A.Example:8080\r\nContent-Length: 5\r\nCookie: a=b\r\ncookie: c=d\r\n\r\nabcde',
  )
  assert.equal(bytes.toString('latin1', result), 'abcde')
  assert.deepEqual(
    [head.method, head.target, head.pathEnd, head.form],
    ['POST', '/a/b?c=d', 4, 'origin'],
  )
  assert.deepEqual([head.host, head.hostname], ['A.Example:8080', 'a.example'])
  assert.deepEqual(
    [head.contentLength, head.isChunked, head.keepAlive, head.minorVersion],
    [5, false, true, 1],
  )
  assert.equal(headerValue(bytes, head, 'cookie'), 'a=b; c=d')
  assert.equal(headerValue(bytes, head, 'x-none'), undefined)
})

test('the host name of a route has no port, no case and no dot of the root', () => {
  const names = ['a.Example.', '[::1]:80', '[2001:DB8::1]', 'localhost:1', '127.0.0.1'].map(
    (host) => parse(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`).head.hostname,
  )
  assert.deepEqual(names, ['a.example', '[::1]', '[2001:db8::1]', 'localhost', '127.0.0.1'])
})

test('a record that is used again keeps nothing of the request before', () => {
  const head = createRequestHead(8)
  parse(
    'PUT http://b.example/x HTTP/1.1\r\nHost: b.example\r\nTransfer-Encoding: chunked\r\nConnection: close, x-a\r\nExpect: 100-continue\r\nTE: trailers\r\n\r\n',
    { ...LIMITS, headBytesMax: 1000 },
    head,
  )
  assert.deepEqual(
    [head.expectsContinue, head.acceptsTrailers, head.connectionNames.length],
    [true, true, 1],
  )
  const { result } = parse('GET / HTTP/1.0\r\n\r\n', LIMITS, head)
  assert.equal(result, 18)
  const {
    host,
    hostname,
    isChunked,
    hasTransferEncoding,
    keepAlive,
    expectsContinue,
    acceptsTrailers,
    connectionNames,
    targetAuthority,
  } = head
  assert.deepEqual(
    [host, hostname, isChunked, hasTransferEncoding, keepAlive, expectsContinue, acceptsTrailers],
    ['', '', false, false, false, false, false],
  )
  assert.deepEqual([connectionNames, targetAuthority, head.fields.count], [[], '', 0])
})

test('the limits of line, head and fields are exact and have their own status', () => {
  const line = (length: number): string => `GET /${'a'.repeat(length - 14)} HTTP/1.1`
  assert.ok(parse(`${line(64)}\r\nHost: a\r\n\r\n`).result > 0)
  assert.equal(parse(`${line(65)}\r\nHost: a\r\n\r\n`).result, HEAD_ERROR.targetTooLong)
  assert.equal(parse(`GET /${'a'.repeat(500)}`).result, HEAD_ERROR.targetTooLong)
  const head = (length: number): string =>
    `${'GET / HTTP/1.1\r\nHost: a\r\nX: '.padEnd(length - 4, 'a')}\r\n\r\n`
  assert.equal(parse(head(256)).result, 256)
  assert.equal(parse(head(257)).result, HEAD_ERROR.headTooLarge)
  assert.equal(parse(head(400).slice(0, -4)).result, HEAD_ERROR.headTooLarge)
  assert.ok(parse(get('A: 1\r\n'.repeat(7))).result > 0)
  assert.equal(parse(get('A: 1\r\n'.repeat(8))).result, HEAD_ERROR.tooManyFields)
})

/** Counts how often the parser looks at a byte. */
function countedBytes(text: string): { bytes: Uint8Array; reads: () => number } {
  let reads = 0
  const source = Buffer.from(text, 'latin1')
  const bytes = new Proxy(source, {
    get(target, key) {
      if (typeof key === 'string' && /^\d+$/.test(key)) reads++
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function'
        ? (value as (...values: unknown[]) => unknown).bind(target)
        : value
    },
  })
  return { bytes, reads: () => reads }
}

test('a client that sends byte by byte costs a few looks at each byte, not one for each byte before', () => {
  const text = get(`X-Long: ${'a'.repeat(200)}\r\n`.repeat(15))
  const { bytes, reads } = countedBytes(text)
  const head = createRequestHead(20)
  const limits = { requestLineBytesMax: 64, headBytesMax: 8192 }
  const fieldsStart = text.indexOf('Host')
  assert.equal(parseRequestHead(Buffer.from(text), 0, fieldsStart, limits, head), 0)
  for (let end = fieldsStart + 1; end < text.length; end++) {
    assert.equal(parseRequestHead(bytes, 0, end, limits, head), 0)
  }
  assert.ok(reads() < 4 * text.length, `${reads()} reads of ${text.length} bytes`)
})

test('a head that was given up leaves no trace', () => {
  const head = createRequestHead(8)
  assert.equal(parse('GET /a HT', LIMITS, head).result, 0)
  head.stage = 0
  assert.ok(parse(get(''), LIMITS, head).result > 0)
})

test('after a move all positions are in the new bytes', () => {
  const { head } = parse(get('X-A: 1\r\n'))
  moveRequestHead(head, 100)
  const bytes = Buffer.from(`${'#'.repeat(100)}${get('X-A: 1\r\n')}`)
  assert.equal(headerValue(bytes, head, 'x-a'), '1')
  assert.equal(bytes.toString('latin1', head.targetStart, head.targetEnd), '/a?b')
  assert.equal(head.end, bytes.length)
})

test('connections persist as RFC 9112 section 9.3 says', () => {
  const table: [string, string, boolean][] = [
    ['1.1', '', true],
    ['1.1', 'Connection: close\r\n', false],
    ['1.1', 'Connection: keep-alive, Close\r\n', false],
    ['1.1', 'Connection: keep-alive\r\nConnection: close\r\n', false],
    ['1.0', '', false],
    ['1.0', 'Connection: Keep-Alive\r\n', true],
    ['1.0', 'Connection: keep-alive, close\r\n', false],
  ]
  for (const [version, lines, expected] of table) {
    assert.equal(
      parse(`GET / HTTP/${version}\r\nHost: a\r\n${lines}\r\n`).head.keepAlive,
      expected,
      version + lines,
    )
  }
})

test('only a clean upgrade to something that is not HTTP is one', () => {
  const upgrade = (lines: string): string => parse(get(lines)).head.upgrade
  assert.equal(upgrade('Connection: Upgrade\r\nUpgrade: WebSocket\r\n'), 'websocket')
  assert.equal(upgrade('Connection: keep-alive, upgrade\r\nUpgrade: foo/2\r\n'), 'foo/2')
  for (const value of ['h2c', 'HTTP/2.0', 'TLS/1.2', 'websocket, h2c', '', 'a b']) {
    assert.equal(upgrade(`Connection: upgrade\r\nUpgrade: ${value}\r\n`), '', value)
  }
  assert.equal(upgrade('Upgrade: websocket\r\n'), '')
  assert.equal(upgrade('Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n'), '')
})

test('every known name is found in any case, its imitation is marked, others are not', () => {
  const identify = (name: string): number => identifyName(Buffer.from(name), 0, name.length)
  for (const [id, name] of FIELD_NAMES.entries()) {
    if (name === '') continue
    assert.equal(identify(name), id)
    assert.equal(identify(name.toUpperCase()), id)
    assert.equal(fieldId(name), id)
    if (name.includes('-')) assert.equal(identify(name.replaceAll('-', '_')), -id)
  }
  for (const name of ['a', 'hos', 'hosts', 'x-forwarded-', 'x-forwarded', 'content-lengthx', 'c'])
    assert.equal(identify(name), FIELD.other, name)
  assert.deepEqual(['X-Forwarded-Port', 'x_forwarded_port'].map(identify), [
    FIELD.xForwardedOther,
    -FIELD.xForwardedOther,
  ])
})
