import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatLine, isFieldValue, reasonOf, statusLineAndHead } from './answer.ts'
import { createRequestDrops, createResponseDrops } from './drops.ts'
import { createRequestHead, parseRequestHead } from './request-head.ts'
import { FRAMING, createResponseHead, parseResponseHead } from './response-head.ts'
import {
  type RequestRewrite,
  type ResponseRewrite,
  createRequestRewrite,
  createResponseRewrite,
  outgoingFraming,
  writeRequestHead,
  writeResponseHead,
} from './write-head.ts'

const LIMITS = { requestLineBytesMax: 4096, headBytesMax: 8192 }

function request(
  lines: readonly string[],
  rewrite: Partial<RequestRewrite> = {},
  room = 8192,
): string[] {
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  const head = createRequestHead(32)
  assert.equal(parseRequestHead(bytes, 0, bytes.length, LIMITS, head), bytes.length)
  const out = Buffer.alloc(room)
  const end = writeRequestHead(head, bytes, out, 3, { ...createRequestRewrite(), ...rewrite })
  if (end < 0) return []
  const written = out.toString('latin1', 3, end)
  assert.ok(written.endsWith('\r\n\r\n'))
  return written.slice(0, -4).split('\r\n')
}

function response(
  lines: readonly string[],
  rewrite: Partial<ResponseRewrite> = {},
  method = 'GET',
): string[] {
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  const head = createResponseHead(32)
  assert.equal(parseResponseHead(bytes, 0, bytes.length, LIMITS, head, method), bytes.length)
  const out = Buffer.alloc(8192)
  const end = writeResponseHead(head, bytes, out, 3, { ...createResponseRewrite(), ...rewrite })
  return out.toString('latin1', 3, end).slice(0, -4).split('\r\n')
}

const GET = ['GET /a HTTP/1.1', 'Host: a.example']

test('what is of this hop goes, what is of the message stays byte for byte, framing is anew', () => {
  const lines = request([
    'POST /a HTTP/1.1',
    'Connection: keep-alive, X-Private',
    'Host:  a.example ',
    'X-Private: 1',
    'Content-Length: 005',
    'X-Forwarded-For: 10.0.0.1',
    'Accept:*/*',
    'Keep-Alive: timeout=1',
    'x-last: \t z',
  ])
  assert.deepEqual(lines, [
    'POST /a HTTP/1.1',
    'Host:  a.example ',
    'Accept:*/*',
    'x-last: \t z',
    'content-length: 5',
  ])
})

test('the lines of the rewrite stand behind, target and host are replaced', () => {
  const rewrite = {
    target: '/b?c',
    host: 'b.example:1',
    fixedLines: Buffer.from('x-forwarded-for: 192.0.2.1\r\n'),
    lines: 'x-request-id: 7\r\n',
  }
  assert.deepEqual(request([...GET, 'X-A: 1'], rewrite), [
    'GET /b?c HTTP/1.1',
    'X-A: 1',
    'host: b.example:1',
    'x-forwarded-for: 192.0.2.1',
    'x-request-id: 7',
  ])
})

test('an absolute target becomes the origin form, its authority the host', () => {
  assert.deepEqual(request(['GET http://A.Example/x HTTP/1.1', 'X-A: 1', 'Host: a.example']), [
    'GET /x HTTP/1.1',
    'X-A: 1',
    'host: A.Example',
  ])
})

test('HTTP/1.0 goes on as HTTP/1.1, with a host if it has none', () => {
  assert.deepEqual(request(['GET / HTTP/1.0'], { hostFallback: '10.0.0.1:80' }), [
    'GET / HTTP/1.1',
    'host: 10.0.0.1:80',
  ])
})

test('methods that anticipate a body say that there is none', () => {
  assert.deepEqual(request(['PUT / HTTP/1.1', 'Host: a']).at(-1), 'content-length: 0')
  assert.deepEqual(request(['DELETE / HTTP/1.1', 'Host: a']).at(-1), 'Host: a')
})

test('a tunnel, an expectation, trailers and close are written only when asked for', () => {
  const upgrade = [...GET, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: x']
  assert.deepEqual(request(upgrade).slice(2), ['Sec-WebSocket-Key: x'])
  assert.deepEqual(request(upgrade, { isTunnel: true }).slice(3), [
    'connection: upgrade',
    'upgrade: websocket',
  ])
  const expecting = ['PUT / HTTP/1.1', 'Host: a', 'Expect: 100-continue', 'Content-Length: 1']
  assert.deepEqual(request(expecting).slice(2), ['content-length: 1'])
  assert.deepEqual(request(expecting, { forwardsExpect: true }).slice(3), ['expect: 100-continue'])
  assert.deepEqual(request([...GET, 'TE: gzip, trailers'], { closes: true }).slice(2), [
    'connection: close, te',
    'te: trailers',
  ])
  assert.deepEqual(request(GET, { closes: true }).slice(2), ['connection: close'])
})

test('drops: by number, by name, by imitation; a trusted peer keeps what it said, but not the lists', () => {
  const names = ['x-request-id', 'x-user-id', 'user-agent']
  const lines = [
    ...GET,
    'X-Request-Id: 1',
    'X-User-ID: root',
    'x_user_id: root',
    'User-Agent: a',
    'X-User: b',
    'X-Forwarded-Proto: https',
    'Forwarded: for=a',
  ]
  assert.deepEqual(
    request(lines, { drops: createRequestDrops({ isPeerTrusted: false, names }) }).slice(2),
    ['X-User: b'],
  )
  assert.deepEqual(
    request(lines, { drops: createRequestDrops({ isPeerTrusted: true, names }) }).slice(2),
    ['X-User: b', 'X-Forwarded-Proto: https'],
  )
  const drops = createRequestDrops({ isPeerTrusted: false, names: ['x-forwarded-port'] })
  assert.deepEqual(request([...GET, 'X-Forwarded-Port: 1'], { drops }).length, 2)
})

test('-1 if the head may not fit, and nothing behind the end of what is written', () => {
  assert.deepEqual(request(GET, {}, 100), [])
  assert.deepEqual(request(GET, { lines: `x: ${'a'.repeat(8000)}\r\n` }), [])
})

test('a response keeps its line and fields; framing and connection are anew', () => {
  const lines = response(
    [
      'HTTP/1.1 200 Very OK',
      'Server: a',
      'Transfer-Encoding: chunked',
      'Connection: close',
      'backplane-reason: faked',
    ],
    { lines: 'x-request-id: 1\r\n' },
  )
  assert.deepEqual(lines, [
    'HTTP/1.1 200 Very OK',
    'Server: a',
    'transfer-encoding: chunked',
    'x-request-id: 1',
  ])
  assert.deepEqual(response(['HTTP/1.0 200', 'Content-Length: 3']), [
    'HTTP/1.1 200 ',
    'content-length: 3',
  ])
  const drops = createResponseDrops(['server', 'x-powered-by'])
  assert.deepEqual(
    response(['HTTP/1.1 200 OK', 'Server: a', 'X-Powered-By: b', 'Content-Length: 0'], { drops })
      .length,
    2,
  )
})

test('HEAD and 304 keep their length, 204 and 1xx have none', () => {
  assert.deepEqual(
    response(['HTTP/1.1 200 OK', 'Content-Length: 9'], {}, 'HEAD').at(-1),
    'content-length: 9',
  )
  assert.deepEqual(
    response(['HTTP/1.1 304 Not Modified', 'Content-Length: 9']).at(-1),
    'content-length: 9',
  )
  assert.deepEqual(
    response(['HTTP/1.1 204 No Content', 'Content-Length: 9', 'A: b']).at(-1),
    'A: b',
  )
  assert.deepEqual(
    response(['HTTP/1.1 100 Continue', 'A: b'], { keepsAlive: false }).at(-1),
    'A: b',
  )
})

test('old clients get no chunks and are told what happens to the connection', () => {
  const chunked = ['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked']
  assert.deepEqual(response(chunked, { clientMinorVersion: 0, keepsAlive: false }), [
    'HTTP/1.1 200 OK',
    'connection: close',
  ])
  assert.deepEqual(
    response(['HTTP/1.1 200 OK', 'Content-Length: 1'], { clientMinorVersion: 0 }).slice(1),
    ['content-length: 1', 'connection: keep-alive'],
  )
  const head = createResponseHead(4)
  head.framing = FRAMING.untilClose
  assert.deepEqual(
    [outgoingFraming(head, 1), outgoingFraming(head, 0)],
    [FRAMING.chunked, FRAMING.untilClose],
  )
})

test('a 101 opens a tunnel only when asked to', () => {
  const switching = [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: upgrade',
    'Upgrade: websocket',
  ]
  assert.deepEqual(response(switching, { isTunnel: true }).slice(1), [
    'connection: upgrade',
    'upgrade: websocket',
  ])
  assert.deepEqual(response(switching).slice(1), [])
})

test('own answers', () => {
  const answer = {
    status: 503,
    lines: formatLine('backplane-reason', 'a'),
    contentLength: 2,
    keepsAlive: false,
    clientMinorVersion: 1,
  } as const
  assert.equal(
    statusLineAndHead(answer),
    'HTTP/1.1 503 Service Unavailable\r\nbackplane-reason: a\r\ncontent-length: 2\r\nconnection: close\r\n\r\n',
  )
  assert.equal(
    statusLineAndHead({
      ...answer,
      status: 299,
      lines: '',
      contentLength: -1,
      keepsAlive: true,
      clientMinorVersion: 0,
    }),
    'HTTP/1.1 299 \r\nconnection: keep-alive\r\n\r\n',
  )
  assert.deepEqual([reasonOf(404), reasonOf(299)], ['Not Found', ''])
})

test('a line that would split a head cannot be made', () => {
  for (const [name, value] of [
    ['a b', ''],
    ['', ''],
    ['a:', ''],
    ['\u0161', ''],
    ['a', 'b\r\nc'],
    ['a', '\0'],
    ['a', '\u2028'],
  ] as const) {
    assert.throws(() => formatLine(name, value), RangeError)
  }
  assert.deepEqual([isFieldValue('a\tb\xff'), isFieldValue('\n')], [true, false])
})
