import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeLocal, encodeVersion1, encodeVersion2 } from './testing/encode.ts'
import { parseProxyHeader } from './proxy-protocol.ts'
import { VERSION_1_BYTES_MAX } from './version-1.ts'
import { PROXY_HEADER_BYTES_MAX } from './version-2.ts'

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0))
}

function parseText(text: string) {
  return parseProxyHeader(bytesOf(text))
}

function codeOf(bytes: Uint8Array): string {
  const parsed = parseProxyHeader(bytes)
  return parsed.kind === 'error' ? parsed.code : parsed.kind
}

test('version 1, with the bytes that follow left alone', () => {
  assert.deepEqual(parseText('PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nGET / HTTP/1.1\r\n'), {
    kind: 'header',
    version: 1,
    consumed: 42,
    source: { address: '192.0.2.1', port: 56324 },
    destination: { address: '192.0.2.2', port: 443 },
  })
  const six = parseText('PROXY TCP6 2001:DB8::1 ::ffff:192.0.2.2 1 65535\r\n')
  assert.ok(six.kind === 'header')
  assert.deepEqual(six.source, { address: '2001:db8::1', port: 1 })
  assert.deepEqual(six.destination, { address: '192.0.2.2', port: 65535 })
})

test('version 1 UNKNOWN tells nothing, whatever follows', () => {
  for (const text of ['PROXY UNKNOWN\r\n', 'PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n']) {
    const parsed = parseText(text)
    assert.ok(
      parsed.kind === 'header' && parsed.source === undefined && parsed.consumed === text.length,
    )
  }
})

test('version 1 is strict', () => {
  const bad = [
    'PROXY \r\n',
    'PROXY TCP4\r\n',
    'PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n',
    'PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n',
    'PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n',
    'PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n',
    'PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n',
    'PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n',
    'PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n',
    'PROXY TCP4 ::1 ::1 1 2\r\n',
    'PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n',
    'PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n',
    'PROXY UNKNOWN \xff\r\n',
  ]
  for (const text of bad) assert.equal(codeOf(bytesOf(text)), 'ERR_PROXY_PROTOCOL_INVALID', text)
})

test('version 1 ends within 107 bytes', () => {
  const longest = `PROXY UNKNOWN ${'x'.repeat(VERSION_1_BYTES_MAX - 16)}\r\n`
  assert.equal(longest.length, VERSION_1_BYTES_MAX)
  assert.equal(codeOf(bytesOf(longest)), 'header')
  assert.equal(codeOf(bytesOf(longest.slice(0, -2))), 'more')
  assert.equal(
    codeOf(bytesOf(`PROXY UNKNOWN ${'x'.repeat(VERSION_1_BYTES_MAX)}\r\n`)),
    'ERR_PROXY_PROTOCOL_TOO_LONG',
  )
})

test('what is no header is refused at its first wrong byte', () => {
  for (const text of [
    'GET / HTTP/1.1\r\n',
    'PROXX',
    '\r\n\r\n\0\r\nQUIX',
    '\x16\x03\x01',
    'proxy TCP4 ',
  ]) {
    assert.equal(codeOf(bytesOf(text)), 'ERR_PROXY_PROTOCOL_MISSING', text)
  }
  assert.equal(codeOf(new Uint8Array()), 'more')
})

test('version 2 LOCAL, unix sockets and UDP tell nothing', () => {
  const local = parseProxyHeader(encodeLocal())
  assert.ok(local.kind === 'header' && local.source === undefined && local.consumed === 16)
  for (const family of [0x00, 0x12, 0x22, 0x31]) {
    const bytes = encodeVersion2({ address: '1.1.1.1', port: 1 }, { address: '2.2.2.2', port: 2 })
    bytes[13] = family
    const parsed = parseProxyHeader(bytes)
    assert.ok(
      parsed.kind === 'header' && parsed.source === undefined && parsed.consumed === bytes.length,
    )
  }
})

test('version 2 is strict and bounded', () => {
  const good = encodeVersion2({ address: '1.1.1.1', port: 1 }, { address: '2.2.2.2', port: 2 })
  const change = (index: number, value: number) => {
    const bytes = good.slice()
    bytes[index] = value
    return codeOf(bytes)
  }
  assert.equal(change(12, 0x11), 'ERR_PROXY_PROTOCOL_INVALID')
  assert.equal(change(12, 0x22), 'ERR_PROXY_PROTOCOL_INVALID')
  assert.equal(change(15, 11), 'ERR_PROXY_PROTOCOL_INVALID')
  assert.equal(change(13, 0x21), 'ERR_PROXY_PROTOCOL_INVALID', 'too short for IPv6')
  assert.equal(change(14, 0x10), 'ERR_PROXY_PROTOCOL_TOO_LONG')
  const longest = encodeVersion2(
    { address: '::1', port: 1 },
    { address: '::2', port: 2 },
    PROXY_HEADER_BYTES_MAX - 52,
  )
  assert.equal(longest.length, PROXY_HEADER_BYTES_MAX)
  assert.equal(codeOf(longest), 'header')
})

const endpoint = (address: fc.Arbitrary<string>) =>
  fc.record({ address, port: fc.nat(65_535) }, { noNullPrototype: true })
const four = endpoint(fc.ipV4())
const six = endpoint(
  fc
    .ipV6()
    .map((text) => new URL(`http://[${text}]`).hostname.slice(1, -1))
    .filter((text) => !text.startsWith('::ffff:')),
)

test('what was encoded is read again, and every beginning of it asks for more', () => {
  const pair = fc.oneof(fc.tuple(four, four), fc.tuple(six, six))
  fc.assert(
    fc.property(pair, fc.nat(200), ([source, destination], tlvBytes) => {
      const encoded = [
        encodeVersion1(source, destination),
        encodeVersion2(source, destination, tlvBytes),
      ]
      for (const bytes of encoded) {
        const parsed = parseProxyHeader(new Uint8Array([...bytes, 0x47, 0x45]))
        assert.ok(parsed.kind === 'header')
        assert.deepEqual([parsed.source, parsed.destination], [source, destination])
        assert.equal(parsed.consumed, bytes.length)
        for (let end = 0; end < bytes.length; end++) {
          assert.equal(codeOf(bytes.subarray(0, end)), 'more')
        }
      }
    }),
    { numRuns: 100 },
  )
})

test('no bytes make it throw, and only a whole header is consumed', () => {
  const start = fc.constantFrom(
    '',
    'PROXY ',
    'PROXY TCP4 ',
    '\r\n\r\n\0\r\nQUIT\n',
    '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c',
  )
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 150 }), (text, rest) => {
      const bytes = new Uint8Array([...bytesOf(text), ...rest])
      const parsed = parseProxyHeader(bytes)
      if (parsed.kind === 'header') assert.ok(parsed.consumed <= bytes.length)
      if (parsed.kind === 'more') assert.ok(bytes.length < PROXY_HEADER_BYTES_MAX)
    }),
    { numRuns: 2000 },
  )
})
