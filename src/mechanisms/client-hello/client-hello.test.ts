import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { connect, type ConnectionOptions } from 'node:tls'
import { test } from 'node:test'
import fc from 'fast-check'
import { HELLO_BYTES_MAX, parseClientHello } from './client-hello.ts'

/** What OpenSSL sends first. */
async function helloOf(options: ConnectionOptions): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const client = connect({ host: '127.0.0.1', port, ...options })
  client.on('error', () => {})
  const [socket] = await accepted
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  client.destroy()
  socket.destroy()
  server.close()
  return bytes
}

/** The same message in records of `size` bytes. */
function inRecords(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5)
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size)
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part)
  }
  return Buffer.concat(records)
}

test('host and protocols of real hellos, whole or in parts', async () => {
  const options = { servername: 'shop.example', ALPNProtocols: ['acme-tls/1', 'h2'] }
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const hello = await helloOf({ ...options, maxVersion })
    const wanted = { kind: 'hello', serverName: 'shop.example', protocols: options.ALPNProtocols }
    assert.deepEqual(parseClientHello(hello), wanted)
    for (let end = 0; end < hello.length; end++) {
      assert.equal(parseClientHello(hello.subarray(0, end)).kind, 'more', `${end} bytes`)
    }
    for (const size of [1, 7, 100]) {
      const records = inRecords(hello, size)
      assert.deepEqual(parseClientHello(records), wanted)
      assert.equal(parseClientHello(records.subarray(0, records.length - 1)).kind, 'more')
    }
  }
  const bare = { kind: 'hello', serverName: '', protocols: [] }
  assert.deepEqual(parseClientHello(await helloOf({})), bare)
})

test('what is no hello is none, and nothing waits for ever', async () => {
  for (const text of [
    'GET / HTTP/1.1\r\n',
    '\x16\x03\x01\x00\x00',
    '\x16\x02',
    '\x16\x03\x01\x00\x01\x02',
  ]) {
    assert.equal(parseClientHello(Buffer.from(text, 'latin1')).kind, 'other', JSON.stringify(text))
  }
  const hello = await helloOf({ servername: 'a.example' })
  fc.assert(
    fc.property(fc.nat(hello.length - 1), fc.nat(255), (at, byte) => {
      const bent = Buffer.from(hello)
      bent[at] = byte
      parseClientHello(bent)
      const endless = Buffer.concat([bent, Buffer.alloc(2 * HELLO_BYTES_MAX, byte)])
      assert.notEqual(parseClientHello(endless).kind, 'more')
    }),
  )
})
