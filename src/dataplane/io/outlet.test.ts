import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { writeNow } from './write-now.ts'

async function pair(t: TestContext): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const { port } = server.address() as { port: number }
  const near = connect({ host: '127.0.0.1', port })
  await once(near, 'connect')
  const [far] = await accepted
  near.on('error', () => {})
  far.on('error', () => {})
  t.after(() => {
    near.destroy()
    far.destroy()
    server.close()
  })
  return { near, far }
}

/** Bytes that tell a piece that is missing, doubled or out of order. */
function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE((at * 31 + seed) >>> 0, at)
  return bytes
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

test('what the kernel takes at once leaves nothing in the queue', async (t) => {
  const { near, far } = await pair(t)
  writeNow(near, Buffer.from('hello '))
  writeNow(near, Buffer.from('again'))
  assert.equal(near.writableLength, 0)
  near.end()
  assert.equal((await readAll(far)).toString(), 'hello again')
  assert.equal(near.bytesWritten, 11)
})

test('what the kernel takes in part is queued, announced, and arrives whole and in order', async (t) => {
  const { near, far } = await pair(t)
  const parts = [pattern(16 << 20, 1), pattern(64, 2), pattern(1 << 20, 3)]
  writeNow(near, parts[0]!)
  assert.ok(near.writableLength > 0 && near.writableNeedDrain)
  writeNow(near, parts[1]!)
  near.write(parts[2]!)
  const drained = once(near, 'drain')
  const read = readAll(far)
  await drained
  assert.equal(near.writableLength, 0)
  writeNow(near, Buffer.from('the end'))
  near.end()
  assert.ok((await read).equals(Buffer.concat([...parts, Buffer.from('the end')])))
})

test('a connection that goes while bytes wait ends in one close', async (t) => {
  const { near, far } = await pair(t)
  writeNow(near, pattern(16 << 20, 1))
  assert.ok(near.writableLength > 0)
  const closed = new Promise((resolve) => near.on('close', resolve))
  far.resetAndDestroy()
  await closed
  assert.ok(near.destroyed)
  writeNow(near, Buffer.from('too late'))
})

test('before the connection is there, the stream waits for it', async (t) => {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const near = connect({ host: '127.0.0.1', port: (server.address() as { port: number }).port })
  t.after(() => near.destroy())
  writeNow(near, Buffer.from('early'))
  near.end()
  const [far] = await accepted
  assert.equal((await readAll(far)).toString(), 'early')
  far.destroy()
})
