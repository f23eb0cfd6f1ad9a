import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'
import { routeSpec, testLimits } from '../testing/specs.ts'

const put = (length: number, lines = ''): string =>
  `PUT / HTTP/1.1\r\nHost: a\r\n${lines}Content-Length: ${length}\r\n\r\n`

for (const status of ['413 Content Too Large', '401 Unauthorized', '200 OK']) {
  for (const ending of ['stays', 'end', 'reset'] as const) {
    test(`an instance says ${status} before it has the upload, and its connection ${ending}: that is the answer`, async (t) => {
      const upstream = await startRawUpstream()
      t.after(() => upstream.close())
      const gateway = await startGateway(t, [upstream.port])
      const total = 4 * 1024 * 1024
      const { socket: client, reader } = say(t, gateway, put(total))
      const { socket, reader: request } = await upstream.accept()
      client.write(Buffer.alloc(100_000, 'x'))
      await request.until('xxx')
      socket.removeAllListeners('data')
      socket.pause()
      socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 5\r\n\r\nearly`, () => {
        if (ending === 'end') socket.end()
        if (ending === 'reset') socket.resetAndDestroy()
      })
      client.write(Buffer.alloc(100_000, 'x'))
      const answer = await reader.until('early')
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status}\\r\\n[^]*connection: close\\r\\n`))
      const [record] = gateway.recent(1)
      assert.equal(record!.reason, '')
      // What the client sends nevertheless destroys nothing, and is no request.
      client.write(get('/smuggled'))
      assert.equal((await reader.closed()).match(/HTTP\/1\.1/g)!.length, 1)
      assert.equal(upstream.sockets.length, 1)
    })
  }
}

test('behind a refusal of ours a small rest of the body is read and thrown away, and the connection goes on', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { routes: [routeSpec({ path: '/here' })] },
  })
  const body = get('/here').repeat(20)
  const { socket: client, reader } = say(t, gateway, put(body.length) + body.slice(0, 50))
  const refused = await reader.until('"requestId"')
  assert.equal(reasonIn(refused), 'ERR_GATEWAY_ROUTE_NOT_FOUND')
  assert.doesNotMatch(refused, /connection: close/)
  client.write(body.slice(50, 300))
  await turnOfLoop()
  client.write(body.slice(300) + get('/here'))
  await reader.until('ok')
  assert.equal(upstream.heads.length, 1)
})

test('behind a refusal of ours a large rest is not waited for: the connection closes in order', async (t) => {
  const gateway = await startGateway(t, [], {
    gateway: { routes: [routeSpec({ path: '/here' })] },
  })
  const { socket: client, reader } = say(t, gateway, put(10_000_000))
  client.write(Buffer.alloc(300_000, 'x'))
  const answer = await reader.closed()
  assert.match(answer, /^HTTP\/1\.1 404 [^]*connection: close\r\n[^]*\}\n$/)
})

test('an expectation that is refused leaves nobody guessing whether a body follows', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { limits: { ...testLimits, bodyBytesMax: 1_000 } },
  })
  const ours = say(t, gateway, put(2_000, 'Expect: 100-continue\r\n'))
  const refused = await ours.reader.closed()
  assert.match(refused, /^HTTP\/1\.1 413 [^]*connection: close\r\n/)
  const theirs = say(t, gateway, put(20, 'Expect: 100-continue\r\n'))
  const { socket, reader: request } = await upstream.accept()
  assert.match(await request.until('\r\n\r\n'), /expect: 100-continue\r\n/i)
  socket.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno')
  theirs.socket.write(get('/not-a-body'))
  assert.match(await theirs.reader.closed(), /^HTTP\/1\.1 401 [^]*connection: close\r\n[^]*no$/)
  assert.equal(upstream.sockets.length, 1)
})
