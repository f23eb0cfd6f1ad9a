import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { say, startGateway } from '../testing/setup.ts'
import { startRawUpstream } from '../testing/sockets.ts'

// How raw connections end: in order, by a reset, and with bytes on their way.

const tcp = {
  kind: 'tcp',
  id: 'db',
  host: '127.0.0.1',
  port: 0,
  route: 'db',
  service: 'echo',
  proxyProtocol: false,
} as const

async function startTunnel(t: TestContext) {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], { gateway: { listeners: [tcp] } })
  const client = say(t, gateway, 'hello', 'db')
  const instance = await upstream.accept()
  await instance.reader.until('hello')
  return { gateway, client, instance }
}

/** How a connection ends: `end`, or the code of its error. */
function endOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.on('end', () => resolve('end'))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
  })
}

test('a reset of the client reaches the instance as a reset', async (t) => {
  const { client, instance } = await startTunnel(t)
  const ending = endOf(instance.socket)
  client.socket.resetAndDestroy()
  assert.equal(await ending, 'ECONNRESET')
})

test('a reset of the instance reaches the client as a reset', async (t) => {
  const { client, instance } = await startTunnel(t)
  const ending = endOf(client.socket)
  instance.socket.resetAndDestroy()
  assert.equal(await ending, 'ECONNRESET')
})

test('an instance that has closed and then goes away takes the other half along', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], { gateway: { listeners: [tcp] } })
  const client = connect({ port: gateway.port('db'), host: '127.0.0.1', allowHalfOpen: true })
  t.after(() => client.destroy())
  client.resume()
  const ended = once(client, 'end')
  const closed = new Promise((resolve) => client.on('close', resolve))
  client.on('error', () => {})
  const { socket } = await upstream.accept()
  socket.end()
  await ended
  socket.destroy()
  while (!client.destroyed) {
    client.write('into the void')
    await turnOfLoop()
  }
  await closed
})

test('what is queued for a slow instance is not dropped when the client ends', async (t) => {
  const { client, instance } = await startTunnel(t)
  instance.socket.pause()
  const total = 8 * 1024 * 1024
  client.socket.end(Buffer.alloc(total, 'x'))
  await once(AbortSignal.timeout(50), 'abort')
  let got = 0
  instance.socket.on('data', (chunk: Buffer) => (got += chunk.length))
  instance.socket.resume()
  await instance.reader.closed()
  assert.equal(got, total)
  instance.socket.end('thanks')
  assert.equal(await client.reader.closed(), 'thanks')
})

test('what is queued for a slow client is not dropped when the instance ends', async (t) => {
  const { client, instance } = await startTunnel(t)
  client.socket.pause()
  const total = 8 * 1024 * 1024
  instance.socket.end(Buffer.alloc(total, 'x'))
  await once(AbortSignal.timeout(50), 'abort')
  client.socket.resume()
  assert.equal((await client.reader.closed()).length, total)
  client.socket.end()
  await instance.reader.closed()
})

test('a client that has sent all and closed before there is an instance is heard whole', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], { gateway: { listeners: [tcp] } })
  const { socket, reader } = say(t, gateway, '', 'db')
  socket.end('x'.repeat(200_000))
  const instance = await upstream.accept()
  assert.equal((await instance.reader.closed()).length, 200_000)
  instance.socket.end('bye')
  assert.equal(await reader.closed(), 'bye')
})
