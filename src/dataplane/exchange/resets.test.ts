import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { get, say, startGateway } from '../testing/setup.ts'
import { startRawUpstream } from '../testing/sockets.ts'

// A side that is not being read, because the other one is slow, cannot tell that it is gone: the next write to it does.

const HUGE = 16 * 1024 * 1024
const put = (length: number): string =>
  `PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`

test('a client that was reset while its upload is held back is noticed by the first write to it', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { socket: client } = say(t, gateway, put(HUGE))
  const { socket, reader } = await upstream.accept()
  await reader.until('\r\n\r\n')
  socket.pause()
  client.write(Buffer.alloc(HUGE / 2, 'x'))
  const [exchange] = gateway.worker.context.exchanges
  while (!exchange!.first.stream!.isClogged) await turnOfLoop()
  client.resetAndDestroy()
  const closed = new Promise((resolve) => socket.on('close', resolve))
  // Interim answers go through at once; the second write finds out what the first one was answered with.
  while (gateway.worker.context.exchanges.length > 0) {
    if (socket.writable) socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n')
    await turnOfLoop()
  }
  socket.resume()
  await closed
  const [record] = gateway.recent(1)
  assert.equal(record!.reason, 'ERR_GATEWAY_CLIENT_ABORTED')
})

test('an instance that was reset while its answer is held back ends the answer, and nobody hangs', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { socket: client, reader } = say(t, gateway, put(HUGE))
  client.pause()
  const { socket, reader: request } = await upstream.accept()
  await request.until('\r\n\r\n')
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${HUGE}\r\n\r\n`)
  socket.write(Buffer.alloc(HUGE / 2, 'y'))
  const [exchange] = gateway.worker.context.exchanges
  while (!exchange!.client.outlet.isClogged) await turnOfLoop()
  socket.resetAndDestroy()
  client.write(Buffer.alloc(64 * 1024, 'x'))
  await turnOfLoop()
  client.write(Buffer.alloc(64 * 1024, 'x'))
  client.resume()
  const answer = await reader.closed()
  assert.match(answer, /^HTTP\/1\.1 200 OK/)
  assert.ok(answer.length < HUGE / 2 + 1_000)
  const [record] = gateway.recent(1)
  assert.equal(record!.reason, 'ERR_GATEWAY_UPSTREAM_BROKE_OFF')
})

const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'

/** A WebSocket that is open, with nothing on its way. */
async function startUpgraded(t: Parameters<typeof startGateway>[0]) {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const client = say(t, gateway, get('/ws', UPGRADE))
  const instance = await upstream.accept()
  await instance.reader.until('\r\n\r\n')
  instance.socket.write(`HTTP/1.1 101 Switching Protocols\r\n${UPGRADE}\r\nhello`)
  await client.reader.until('hello')
  return { gateway, client, instance }
}

for (const order of ['before', 'after'] as const) {
  test(`the last bytes of a tunnel reach a slow instance that closed its own side ${order} them`, async (t) => {
    const { client, instance } = await startUpgraded(t)
    const had = instance.reader.text.length
    instance.socket.pause()
    if (order === 'before') instance.socket.end()
    client.socket.end(Buffer.alloc(HUGE / 2, 'x'))
    if (order === 'after') await turnOfLoop().then(() => instance.socket.end())
    await client.reader.closed()
    instance.socket.resume()
    assert.equal((await instance.reader.closed()).length - had, HUGE / 2)
  })
}

test('the last bytes of a tunnel reach a slow client whose instance has gone', async (t) => {
  const { client, instance } = await startUpgraded(t)
  const had = client.reader.text.length
  client.socket.pause()
  instance.socket.write(Buffer.alloc(1024 * 1024, 'y'))
  instance.socket.end()
  await once(instance.socket, 'finish')
  instance.socket.destroySoon()
  client.socket.resume()
  assert.equal((await client.reader.closed()).length - had, 1024 * 1024)
})
