import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  beginBody,
  createBodyReader,
  forwardBody,
  forwardRoom,
  readBody,
  requestFraming,
  writeChunkSize,
} from './body.ts'
import { HEAD_ERROR } from './errors.ts'
import { FRAMING } from './response-head.ts'

function forward(
  framing: (typeof FRAMING)[keyof typeof FRAMING],
  text: string,
  isChunked: boolean,
  length = -1,
): { text: string; rest: string; isDone: boolean } {
  const reader = createBodyReader()
  assert.equal(beginBody(reader, framing, length, 0), 0)
  const bytes = Buffer.from(text, 'latin1')
  const out = Buffer.alloc(forwardRoom(reader, bytes.length))
  const end = forwardBody(reader, bytes, 0, bytes.length, out, 0, isChunked)
  return {
    text: out.toString('latin1', 0, end),
    rest: bytes.toString('latin1', reader.consumed),
    isDone: reader.isDone,
  }
}

test('a body of known length ends there', () => {
  assert.deepEqual(forward(FRAMING.length, 'abcdefg', false, 5), {
    text: 'abcde',
    rest: 'fg',
    isDone: true,
  })
  assert.deepEqual(forward(FRAMING.length, 'abc', false, 5), {
    text: 'abc',
    rest: '',
    isDone: false,
  })
})

test('no body takes no byte', () => {
  assert.deepEqual(forward(FRAMING.none, 'abc', false), { text: '', rest: 'abc', isDone: true })
  assert.deepEqual(forward(FRAMING.length, 'abc', false, 0), {
    text: '',
    rest: 'abc',
    isDone: true,
  })
})

test('one read becomes one chunk, whatever chunks it held', () => {
  assert.deepEqual(forward(FRAMING.chunked, '3;x=y\r\nabc\r\n2\r\nde\r\nff\r\nfg', true), {
    text: '7\r\nabcdefg\r\n',
    rest: '',
    isDone: false,
  })
  assert.deepEqual(forward(FRAMING.chunked, '1\r\na\r\n0\r\n\r\nGET', true), {
    text: '1\r\na\r\n0\r\n\r\n',
    rest: 'GET',
    isDone: true,
  })
})

test('a body until close becomes chunks for a client that must know the end', () => {
  const payload = 'x'.repeat(300)
  assert.deepEqual(forward(FRAMING.untilClose, payload, true), {
    text: `12c\r\n${payload}\r\n`,
    rest: '',
    isDone: false,
  })
  assert.equal(forward(FRAMING.untilClose, '', true).text, '')
})

test('trailers that may be forwarded are, to clients that get chunks', () => {
  const text =
    '0\r\nX-Sum:1 \r\nAuthorization: a\r\nContent-MD5: b\r\nx_forwarded_proto: c\r\nETag: d\r\n\r\n'
  assert.deepEqual(forward(FRAMING.chunked, text, true), {
    text: '0\r\nX-Sum: 1\r\n\r\n',
    rest: '',
    isDone: true,
  })
  assert.deepEqual(forward(FRAMING.chunked, text, false), { text: '', rest: '', isDone: true })
})

test('a configured drop holds for trailers too', () => {
  const reader = createBodyReader()
  reader.dropNames = ['x-user-id']
  beginBody(reader, FRAMING.chunked, -1, 0)
  const bytes = Buffer.from('0\r\nX-User-Id: root\r\nX_User_Id: root\r\nX-A: b\r\n\r\n')
  const out = Buffer.alloc(forwardRoom(reader, bytes.length))
  const end = forwardBody(reader, bytes, 0, bytes.length, out, 0, true)
  assert.equal(out.toString('latin1', 0, end), '0\r\nX-A: b\r\n\r\n')
})

test('the limit of a body holds for known and unknown lengths', () => {
  const reader = createBodyReader()
  assert.equal(beginBody(reader, FRAMING.length, 11, 10), HEAD_ERROR.bodyTooLarge)
  assert.equal(beginBody(reader, FRAMING.length, 10, 10), 0)
  beginBody(reader, FRAMING.chunked, -1, 10)
  const bytes = Buffer.from('6\r\nabcdef\r\n6\r\nabcdef\r\n')
  const out = Buffer.alloc(200)
  assert.equal(forwardBody(reader, bytes, 0, bytes.length, out, 0, true), HEAD_ERROR.bodyTooLarge)
})

test('payload is found without copying', () => {
  const reader = createBodyReader()
  beginBody(reader, FRAMING.chunked, -1, 0)
  const bytes = Buffer.from('3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n')
  const found: string[] = []
  let at = 0
  while (!reader.isDone) {
    at = readBody(reader, bytes, at, bytes.length)
    assert.ok(at > 0)
    found.push(bytes.toString('latin1', reader.payloadStart, reader.payloadEnd))
  }
  assert.deepEqual(found, ['abc', 'de', ''])
  assert.equal(reader.received, 5)
})

test('chunk sizes are written as short as they are', () => {
  const out = Buffer.alloc(32)
  for (const size of [0, 9, 10, 15, 16, 255, 65_536, 2 ** 40]) {
    assert.equal(
      out.toString('latin1', 2, writeChunkSize(out, 2, size)),
      `${size.toString(16)}\r\n`,
    )
  }
})

test('a request is never read until close', () => {
  assert.equal(requestFraming({ isChunked: false, contentLength: -1 }), FRAMING.none)
  assert.equal(requestFraming({ isChunked: false, contentLength: 0 }), FRAMING.none)
  assert.equal(requestFraming({ isChunked: false, contentLength: 1 }), FRAMING.length)
  assert.equal(requestFraming({ isChunked: true, contentLength: -1 }), FRAMING.chunked)
})
