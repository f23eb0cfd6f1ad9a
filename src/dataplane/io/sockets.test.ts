import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { resetSocket } from './sockets.ts'

test('a reset ends a connection at every moment, also in the middle of its own end', async (t) => {
  const server = createServer({ allowHalfOpen: true })
  t.after(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  for (const before of [() => {}, (socket: Socket) => socket.end()]) {
    const accepted = once(server, 'connection') as Promise<[Socket]>
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    t.after(() => client.destroy())
    client.on('error', () => {})
    client.resume()
    const [socket] = await accepted
    before(socket)
    resetSocket(socket)
    await once(socket, 'close')
    assert.ok(socket.destroyed)
  }
})
