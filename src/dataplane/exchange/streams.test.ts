import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import type { Http1InstanceConnection } from '../upstream/http1-connection.ts'
import { get, say, startGateway } from '../testing/setup.ts'
import { startRawUpstream } from '../testing/sockets.ts'
import { gatewaySpec, routeSpec, testLimits } from '../testing/specs.ts'

const MEGABYTE = 1024 * 1024
const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
const switched =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'

/** Writes blocks until the peer takes no more for a while; returns the bytes written. */
async function fill(socket: Socket, block: Buffer, total: number): Promise<number> {
  let sent = 0
  while (sent < total) {
    sent += block.length
    if (socket.write(block)) continue
    const stuck = AbortSignal.timeout(250)
    const drained = await once(socket, 'drain', { signal: stuck }).catch(() => null)
    if (drained === null) return sent
  }
  return sent
}

test('a reader that stops makes the instance stop, with bounded memory, and gets everything in the end', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const client = gateway.connect()
  t.after(() => client.destroy())
  client.pause()
  client.write(get())
  const { socket, reader: request } = await upstream.accept()
  await request.until('\r\n\r\n')
  const total = 64 * MEGABYTE
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`)
  const block = Buffer.alloc(MEGABYTE, 'x')
  let sent = await fill(socket, block, total)
  const [connection] = gateway.worker.context.clients
  assert.ok(sent < total, 'the instance was not held back')
  assert.ok(connection!.outlet.unsentBytes <= 256 * 1024)
  let got = 0
  client.on('data', (chunk: Buffer) => (got += chunk.length))
  client.resume()
  if (socket.writableNeedDrain) await once(socket, 'drain')
  for (; sent < total; sent += block.length) {
    if (!socket.write(block)) await once(socket, 'drain')
  }
  while (got < total) await once(client, 'data')
})

test('an instance that does not read holds the upload back', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const client = gateway.connect()
  t.after(() => client.destroy())
  const total = 64 * MEGABYTE
  client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${total}\r\n\r\n`)
  const { socket } = await upstream.accept()
  socket.removeAllListeners('data')
  socket.pause()
  const block = Buffer.alloc(MEGABYTE, 'x')
  let sent = await fill(client, block, total)
  assert.ok(sent < total, 'the client was not held back')
  const [exchange] = gateway.worker.context.exchanges
  assert.ok((exchange!.first.stream as Http1InstanceConnection<unknown>).unsentBytes <= 256 * 1024)
  let got = 0
  socket.on('data', (chunk: Buffer) => (got += chunk.length))
  socket.resume()
  if (client.writableNeedDrain) await once(client, 'drain')
  for (; sent < total; sent += block.length) {
    if (!client.write(block)) await once(client, 'drain')
  }
  while (got < total) await once(socket, 'data')
})

test('an upgrade opens a tunnel that survives reloads and instance removal', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { socket: client, reader } = say(t, gateway, get('/ws', upgrade))
  const { socket, reader: request } = await upstream.accept()
  assert.match(await request.until('\r\n\r\n'), /connection: upgrade\r\nupgrade: websocket\r\n/)
  client.write('early')
  socket.write(`${switched}hello`)
  assert.match(
    await reader.until('hello'),
    /^HTTP\/1\.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n/,
  )
  await request.until('early')
  for (let i = 0; i < 50; i++) {
    const listeners = [
      {
        kind: 'gateway',
        id: `gateway-${i}`,
        host: '127.0.0.1',
        port: gateway.port('gateway'),
        proxyProtocol: false,
      },
    ] as const
    await gateway.update([
      { op: 'gateway', gateway: gatewaySpec({ listeners, routes: [routeSpec({ id: `r${i}` })] }) },
    ])
  }
  await gateway.update([{ op: 'instance-gone', service: 'echo', id: `echo-${upstream.port}` }])
  assert.equal(
    gateway.said.some(({ type }) => type === 'drained'),
    false,
  )
  client.write('ping')
  await request.until('ping')
  socket.write('pong')
  await reader.until('pong')
  socket.end()
  await reader.closed()
  while (!gateway.said.some(({ type }) => type === 'drained'))
    await new Promise((resolve) => setImmediate(resolve))
})

test('a silent tunnel is closed after its time', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { limits: { ...testLimits, tunnelIdleTimeoutMs: 80 } },
  })
  const { reader } = say(t, gateway, get('/ws', upgrade))
  const { socket, reader: request } = await upstream.accept()
  socket.write(switched)
  await reader.closed()
  await request.closed()
})

test('an unused connection is closed after its time, one in use is not', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { limits: { ...testLimits, idleTimeoutMs: 100 } },
  })
  const busy = say(t, gateway, get())
  const { socket, reader: request } = await upstream.accept()
  await request.until('\r\n\r\n')
  await say(t, gateway, '').reader.closed()
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  await busy.reader.until('ok')
  await busy.reader.closed()
})

test('a client that sends byte by byte is understood', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const client = connect({ port: gateway.port('gateway'), host: '127.0.0.1', noDelay: true })
  t.after(() => client.destroy())
  const bytes =
    'POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'
  for (const byte of bytes) {
    client.write(byte)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { reader } = await upstream.accept()
  const got = await reader.until('0\r\n\r\n')
  assert.equal(got.replaceAll(/[^]*\r\n\r\n(?=\d)/g, '').replaceAll(/\r\n|\d/g, ''), 'abc')
})
