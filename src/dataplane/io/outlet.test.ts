import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Outlet, OUTLET_BYTES_MAX } from './outlet.ts'

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

/** An outlet and what it has told. */
function outletOf(socket: Socket): {
  outlet: Outlet
  failed: string[]
  flushed: () => Promise<void>
} {
  const failed: string[] = []
  let wake = Promise.withResolvers<void>()
  const outlet = new Outlet(socket, {
    flushed() {
      wake.resolve()
      wake = Promise.withResolvers<void>()
    },
    failed: (code) => {
      failed.push(code)
      wake.resolve()
    },
  })
  socket.on('close', () => outlet.close())
  return { outlet, failed, flushed: () => wake.promise }
}

test('what the kernel takes at once does not wait', async (t) => {
  const { near, far } = await pair(t)
  const { outlet } = outletOf(near)
  assert.ok(outlet.write(Buffer.from('hello ')))
  assert.ok(outlet.write(Buffer.from('again')))
  assert.ok(outlet.isFlushed && outlet.waitingBytes === 0 && outlet.unsentBytes === 0)
  outlet.end()
  assert.equal((await readAll(far)).toString(), 'hello again')
})

test('what the kernel takes in part waits, is announced, and arrives whole and in order', async (t) => {
  const { near, far } = await pair(t)
  const { outlet, flushed } = outletOf(near)
  const parts = [pattern(16 << 20, 1), pattern(64, 2), pattern(1 << 20, 3)]
  assert.equal(outlet.write(parts[0]!), false)
  assert.ok(outlet.isClogged && !outlet.isFlushed && outlet.waitingBytes > OUTLET_BYTES_MAX)
  assert.equal(outlet.write(parts[1]!), false)
  assert.equal(outlet.write(parts[2]!), false)
  const before = outlet.unsentBytes
  const announced = flushed()
  const read = readAll(far)
  await announced
  assert.ok(before > outlet.unsentBytes && outlet.isFlushed)
  outlet.write(Buffer.from('the end'))
  outlet.end()
  assert.ok((await read).equals(Buffer.concat([...parts, Buffer.from('the end')])))
})

test('end goes out behind what waits', async (t) => {
  const { near, far } = await pair(t)
  const { outlet } = outletOf(near)
  const bytes = pattern(8 << 20, 7)
  outlet.write(bytes)
  outlet.end()
  assert.ok((await readAll(far)).equals(bytes))
})

test('a peer that takes nothing more is told once, and what it had sent can still be read', async (t) => {
  const { near, far } = await pair(t)
  const { outlet, failed } = outletOf(near)
  const read = readAll(near)
  far.write('why not')
  await once(far.end(), 'finish')
  far.destroy()
  while (failed.length === 0) {
    outlet.write(pattern(1024, 1))
    await new Promise((resolve) => setImmediate(resolve))
  }
  outlet.write(Buffer.from('too late'))
  assert.equal(failed.length, 1)
  assert.match(failed[0]!, /^(EPIPE|ECONNRESET)$/)
  assert.equal((await read).toString(), 'why not')
})

test('a connection that goes while bytes wait forgets them', async (t) => {
  const { near, far } = await pair(t)
  const { outlet } = outletOf(near)
  outlet.write(pattern(16 << 20, 1))
  const closed = new Promise((resolve) => near.on('close', resolve))
  near.resume()
  far.resetAndDestroy()
  await closed
  assert.equal(outlet.waitingBytes, 0)
  assert.ok(outlet.write(Buffer.from('too late')))
})
