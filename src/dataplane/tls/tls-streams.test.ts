import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ConnectionOptions } from 'node:tls'
import { test } from 'node:test'
import { makeCertificate } from '../testing/certificates.ts'
import { dial, startSecure } from '../testing/secure.ts'
import { get } from '../testing/setup.ts'
import { OK, readFrom, startRawUpstream } from '../testing/sockets.ts'

const shop = makeCertificate(['shop.example'], { isDefault: true })

test('a slow reader stops the instance, and gets everything', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startSecure(t, [upstream.port], { certificates: [shop] })
  const client = dial(t, gateway)
  client.pause()
  client.write(get())
  const { socket, reader } = await upstream.accept()
  await reader.until('\r\n\r\n')
  const total = 64 << 20
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`)
  const piece = Buffer.alloc(1 << 20, 'x')
  let written = 0
  let isBlocked = false
  while (written < total && !isBlocked) {
    isBlocked = !socket.write(piece)
    written += piece.length
    if (isBlocked) {
      const drained = once(socket, 'drain').then(() => true)
      isBlocked = !(await Promise.race([
        drained,
        once(AbortSignal.timeout(300), 'abort').then(() => false),
      ]))
    }
  }
  assert.ok(isBlocked && written < total, `the gateway took ${written} bytes`)
  const [connection] = gateway.worker.context.clients
  assert.ok(connection!.outlet.waitingBytes < 1 << 20)
  let got = 0
  client.on('data', (chunk: Buffer) => (got += chunk.length))
  client.resume()
  while (written < total) {
    if (!socket.write(piece)) await once(socket, 'drain')
    written += piece.length
  }
  while (got < total) await once(client, 'data')
})

test('a slow instance stops the client', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startSecure(t, [upstream.port], { certificates: [shop] })
  const client = dial(t, gateway)
  const total = 64 << 20
  client.write(`POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: ${total}\r\n\r\n`)
  const { socket } = await upstream.accept()
  socket.pause()
  const piece = Buffer.alloc(1 << 20, 'y')
  let written = 0
  let isBlocked = false
  while (written < total && !isBlocked) {
    isBlocked = !client.write(piece)
    written += piece.length
    if (isBlocked) {
      const drained = once(client, 'drain').then(() => true)
      isBlocked = !(await Promise.race([
        drained,
        once(AbortSignal.timeout(300), 'abort').then(() => false),
      ]))
    }
  }
  assert.ok(isBlocked && written < total, `the gateway took ${written} bytes`)
  let got = 0
  socket.on('data', (chunk: Buffer) => (got += chunk.length))
  socket.resume()
  while (written < total) {
    if (!client.write(piece)) await once(client, 'drain')
    written += piece.length
  }
  while (got < total) await once(socket, 'data')
  const reader = readFrom(client)
  socket.write(OK)
  await reader.until('ok')
})

test('a client that closes its side still gets its answer; a cut answer is no whole one', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startSecure(t, [upstream.port], { certificates: [shop] })
  const half = dial(t, gateway, { allowHalfOpen: true } as ConnectionOptions)
  half.write(get('/half', 'Connection: close\r\n'))
  const first = await upstream.accept()
  await first.reader.until('\r\n\r\n')
  first.socket.write(OK)
  assert.match(await readFrom(half).closed(), /ok$/)
  const cut = dial(t, gateway)
  const reader = readFrom(cut)
  cut.write('GET /cut HTTP/1.0\r\nHost: shop.example\r\n\r\n')
  await first.reader.until('/cut')
  first.socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbegin')
  await reader.until('begin')
  const broken = once(cut, 'error')
  first.socket.resetAndDestroy()
  const [error] = (await broken) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNRESET')
})

test('an upgrade becomes a tunnel, both ways', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startSecure(t, [upstream.port], { certificates: [shop] })
  const client = dial(t, gateway)
  const reader = readFrom(client)
  client.write(get('/ws', 'Connection: Upgrade\r\nUpgrade: echo\r\n'))
  const { socket, reader: below } = await upstream.accept()
  await below.until('\r\n\r\n')
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhi')
  await reader.until('hi')
  client.write('there')
  await below.until('there')
  socket.end()
  await reader.closed()
})
