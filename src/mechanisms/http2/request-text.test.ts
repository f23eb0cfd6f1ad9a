import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HpackDecoder } from '../hpack/decoder.ts'
import { createRequestHead, parseRequestHead } from '../http1/request-head.ts'
import { H2_FIELDS } from './field-errors.ts'
import { RequestText } from './request-text.ts'
import { literalBlock } from './testing/wire.ts'

type Field = readonly [name: string, value: string]
const limits = { headBytesMax: 16_384, requestLineBytesMax: 8_192, headersMax: 100 }
const text = new RequestText()

/** The head that the fields become, or the error. */
function read(fields: readonly Field[], isEnd = true, change: Partial<typeof limits> = {}) {
  const block = literalBlock(fields)
  const decoder = new HpackDecoder(4096)
  decoder.begin(block, 0, block.length)
  const error = text.read(decoder, { ...limits, ...change }, isEnd, () => 'KEY')
  return error === 0 ? text.bytes.toString('latin1', 0, text.end) : error
}

const pseudo: readonly Field[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/a?b=c'],
  [':authority', 'shop.example'],
]
const without = (name: string): Field[] => pseudo.filter(([other]) => other !== name)
const replace = (name: string, value: string): Field[] =>
  pseudo.map(([other, old]) => [other, other === name ? value : old])

test('a request becomes the same request in HTTP/1.1', () => {
  const fields: Field[] = [...pseudo, ['accept', '*/*'], ['x-empty', ''], ['te', 'trailers']]
  assert.equal(
    read(fields),
    'GET /a?b=c HTTP/1.1\r\nhost: shop.example\r\naccept: */*\r\nx-empty: \r\nte: trailers\r\n\r\n',
  )
})

test('cookies become one line, and a body without a length is chunked', () => {
  const fields: Field[] = [...pseudo, ['cookie', 'a=1'], ['x', 'y'], ['cookie', 'b=2']]
  assert.equal(
    read(fields, false),
    'GET /a?b=c HTTP/1.1\r\nhost: shop.example\r\nx: y\r\ncookie: a=1; b=2\r\ntransfer-encoding: chunked\r\n\r\n',
  )
  assert.equal(
    read([...pseudo, ['content-length', '3']], false),
    'GET /a?b=c HTTP/1.1\r\nhost: shop.example\r\ncontent-length: 3\r\n\r\n',
  )
})

test('a Host that says the same is not said twice; alone it is the authority', () => {
  assert.equal(
    read([...pseudo, ['host', 'SHOP.example']]),
    'GET /a?b=c HTTP/1.1\r\nhost: shop.example\r\n\r\n',
  )
  assert.equal(
    read([...without(':authority'), ['host', 'a.example']]),
    'GET /a?b=c HTTP/1.1\r\nhost: a.example\r\n\r\n',
  )
})

test('a WebSocket is a GET that asks for an upgrade (RFC 8441)', () => {
  const fields: Field[] = [
    ...replace(':method', 'CONNECT'),
    [':protocol', 'websocket'],
    ['sec-websocket-version', '13'],
    ['sec-websocket-key', 'forged'],
  ]
  assert.equal(
    read(fields, false),
    'GET /a?b=c HTTP/1.1\r\nhost: shop.example\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: KEY\r\nsec-websocket-version: 13\r\n\r\n',
  )
})

const refusals: Readonly<Record<string, readonly [fields: readonly Field[], error: number]>> = {
  'no method': [without(':method'), H2_FIELDS.pseudo],
  'no scheme': [without(':scheme'), H2_FIELDS.pseudo],
  'no path': [without(':path'), H2_FIELDS.pseudo],
  'an empty path': [replace(':path', ''), H2_FIELDS.pseudo],
  'two paths': [[...pseudo, [':path', '/']], H2_FIELDS.pseudo],
  'an unknown pseudo-header': [[...pseudo, [':foo', 'bar']], H2_FIELDS.pseudo],
  'a status': [[...pseudo, [':status', '200']], H2_FIELDS.pseudo],
  'a pseudo-header behind a field': [
    [...without(':path'), ['a', 'b'], [':path', '/']],
    H2_FIELDS.pseudo,
  ],
  'a pseudo-header behind all': [[...pseudo, ['a', 'b'], [':path', '/']], H2_FIELDS.pseudo],
  'a protocol without CONNECT': [[...pseudo, [':protocol', 'websocket']], H2_FIELDS.pseudo],
  CONNECT: [
    [
      [':method', 'CONNECT'],
      [':authority', 'evil.example:443'],
    ],
    H2_FIELDS.connect,
  ],
  'CONNECT with another protocol': [
    [...replace(':method', 'CONNECT'), [':protocol', 'connect-udp']],
    H2_FIELDS.connect,
  ],
  'an upper-case name': [[...pseudo, ['Accept', '*/*']], H2_FIELDS.name],
  'an empty name': [[...pseudo, ['', 'x']], H2_FIELDS.name],
  'a name with a space': [[...pseudo, ['a b', 'x']], H2_FIELDS.name],
  'a name with a colon': [[...pseudo, ['a:b', 'x']], H2_FIELDS.name],
  'a name with CR LF': [[...pseudo, ['a\r\nb', 'x']], H2_FIELDS.name],
  'a name with NUL': [[...pseudo, ['a\0', 'x']], H2_FIELDS.name],
  'a value with LF': [[...pseudo, ['a', 'x\ny: z']], H2_FIELDS.value],
  'a value with CR LF': [[...pseudo, ['a', 'x\r\ny: z']], H2_FIELDS.value],
  'a value with NUL': [[...pseudo, ['a', 'x\0']], H2_FIELDS.value],
  'a value that begins with a space': [[...pseudo, ['a', ' x']], H2_FIELDS.value],
  'a value that ends with a tab': [[...pseudo, ['a', 'x\t']], H2_FIELDS.value],
  'transfer-encoding': [
    [...pseudo, ['transfer-encoding', 'chunked']],
    H2_FIELDS.connectionSpecific,
  ],
  connection: [[...pseudo, ['connection', 'close']], H2_FIELDS.connectionSpecific],
  'keep-alive': [[...pseudo, ['keep-alive', 'timeout=5']], H2_FIELDS.connectionSpecific],
  'proxy-connection': [[...pseudo, ['proxy-connection', 'x']], H2_FIELDS.connectionSpecific],
  upgrade: [[...pseudo, ['upgrade', 'h2c']], H2_FIELDS.connectionSpecific],
  'te: gzip': [[...pseudo, ['te', 'trailers, gzip']], H2_FIELDS.connectionSpecific],
  'a path with a space': [replace(':path', '/ HTTP/1.1'), H2_FIELDS.path],
  'a path with CR LF': [replace(':path', '/ HTTP/1.1\r\nx: y'), H2_FIELDS.path],
  'a path with a fragment': [replace(':path', '/a#b'), H2_FIELDS.path],
  'a path with UTF-8': [replace(':path', '/Ã¼'), H2_FIELDS.path],
  'an absolute path': [replace(':path', 'http://evil.example/'), H2_FIELDS.path],
  'a star without OPTIONS': [replace(':path', '*'), H2_FIELDS.path],
  'a lower-case method': [replace(':method', 'get'), H2_FIELDS.method],
  'a method with a line end': [
    replace(':method', 'GET / HTTP/1.1\r\nx: y\r\n\r\nGET'),
    H2_FIELDS.method,
  ],
  'an empty method': [replace(':method', ''), H2_FIELDS.method],
  'another scheme': [replace(':scheme', 'ftp'), H2_FIELDS.scheme],
  'an authority with a user': [replace(':authority', 'a@b'), H2_FIELDS.authority],
  'an authority with CR LF': [replace(':authority', 'a\r\nb: c'), H2_FIELDS.authority],
  'an empty authority': [replace(':authority', ''), H2_FIELDS.authority],
  'a Host that differs': [[...pseudo, ['host', 'evil.example']], H2_FIELDS.authority],
  'two Hosts': [
    [...pseudo, ['host', 'shop.example'], ['host', 'shop.example']],
    H2_FIELDS.authority,
  ],
}

for (const [name, [fields, error]] of Object.entries(refusals)) {
  test(`${name} is refused`, () => assert.equal(read(fields), error))
}

test('limits are limits', () => {
  assert.equal(read([...pseudo, ['a', 'x'.repeat(17_000)]]), H2_FIELDS.tooLarge)
  assert.equal(read([...pseudo, ['cookie', 'x'.repeat(17_000)]]), H2_FIELDS.tooLarge)
  const cookies = Array.from({ length: 20 }, (): Field => ['cookie', 'x'.repeat(1_000)])
  assert.equal(read([...pseudo, ...cookies]), H2_FIELDS.tooLarge)
  assert.equal(read(replace(':path', `/${'x'.repeat(20_000)}`)), H2_FIELDS.targetTooLong)
  const many = Array.from({ length: 11 }, (_, at): Field => [`a${at}`, 'b'])
  assert.equal(read([...pseudo, ...many], true, { headersMax: 10 }), H2_FIELDS.tooLarge)
})

test('what comes out is one strict head for the parser of HTTP/1.1', () => {
  const made = read([...pseudo, ['a', 'b'], ['cookie', 'c=d']]) as string
  const bytes = Buffer.from(made, 'latin1')
  const head = createRequestHead(100)
  assert.equal(parseRequestHead(bytes, 0, bytes.length, limits, head), bytes.length)
  assert.equal(head.target, '/a?b=c')
})
