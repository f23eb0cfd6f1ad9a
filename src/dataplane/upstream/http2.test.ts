import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import { type TestContext, test } from 'node:test'
import { FRAME } from '../../mechanisms/http2/frames.ts'
import { framesIn, wireFrame } from '../../mechanisms/http2/testing/wire.ts'
import { ask, connectHttp2 } from '../testing/http2-peer.ts'
import { startHttp2Upstream } from '../testing/http2-upstream.ts'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { startRawUpstream } from '../testing/sockets.ts'

const h2c = { protocol: 'h2c' } as const
const MEGABYTE = 1024 * 1024

const echo = (stream: ServerHttp2Stream): void => {
  stream.respond({ ':status': 200 })
  stream.pipe(stream)
}

test('requests of many clients share one connection', async (t) => {
  const upstream = await startHttp2Upstream(t, (stream, headers) => {
    stream.respond({ ':status': 200, 'content-length': 2, 'x-path': headers[':path'] })
    stream.end('ok')
  })
  const gateway = await startGateway(t, [upstream.port], { service: h2c })
  const clients = Array.from({ length: 40 }, (_, at) => say(t, gateway, get(`/${at}`)))
  await Promise.all(
    clients.map(async ({ reader }, at) => {
      const answer = await reader.until(/\r\n\r\nok$/)
      assert.match(answer, new RegExp(`^HTTP/1\\.1 200 OK\\r\\n[^]*x-path: /${at}\\r\\n`))
    }),
  )
  assert.equal(upstream.sessions.length, 1)
  assert.equal(upstream.heads[0]?.[':authority'], 'shop.example')
  assert.equal(upstream.heads[0]?.['x-forwarded-host'], 'shop.example')
  assert.equal(upstream.heads[0]?.connection, undefined)
})

test('bodies, trailers and fields pass from HTTP/2 to HTTP/2', async (t) => {
  const upstream = await startHttp2Upstream(t, (stream, headers) => {
    stream.respond(
      { ':status': 200, 'x-te': headers.te ?? '', 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    )
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-end': 'yes' }))
    stream.pipe(stream)
  })
  const gateway = await startGateway(t, [upstream.port], { service: h2c })
  const client = await connectHttp2(t, gateway)
  for (const size of [0, 5, 70_000, 3 * MEGABYTE]) {
    const reply = await ask(
      client,
      { ':method': 'POST', ':path': '/x', te: 'trailers' },
      Buffer.alloc(size, 'a'),
    )
    assert.equal(reply.status, 200)
    assert.equal(reply.body.length, size)
    assert.equal(reply.headers['x-te'], 'trailers')
    assert.equal(reply.trailers['grpc-status'], '0')
    assert.equal(reply.trailers['x-end'], 'yes')
  }
  assert.equal(upstream.sessions.length, 1)
})

test('a body in chunks, and one with a length, from HTTP/1.1', async (t) => {
  const upstream = await startHttp2Upstream(t, echo)
  const gateway = await startGateway(t, [upstream.port], { service: h2c })
  const chunked = say(
    t,
    gateway,
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
  )
  await chunked.reader.until(/\r\nabcde\r\n0\r\n\r\n$|abc\r\n2\r\nde\r\n0\r\n\r\n$/)
  const sized = say(t, gateway, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab')
  await once(sized.socket, 'connect')
  sized.socket.write('cde')
  await sized.reader.until(/0\r\n\r\n$/)
  assert.equal(upstream.heads[1]?.['content-length'], '5')
})

test('answers without a body end where HTTP/1.1 needs to be told', async (t) => {
  const upstream = await startHttp2Upstream(t, (stream, headers) => {
    const status = Number(headers[':path']?.slice(1))
    stream.respond({ ':status': status }, { endStream: true })
  })
  const gateway = await startGateway(t, [upstream.port], { service: h2c })
  for (const [status, end] of [
    [200, /content-length: 0\r\n[^]*\r\n\r\n$/],
    [204, /^HTTP\/1\.1 204 No Content\r\n[^]*\r\n\r\n$/],
    [304, /^HTTP\/1\.1 304 Not Modified\r\n[^]*\r\n\r\n$/],
  ] as const) {
    const { reader } = say(t, gateway, get(`/${status}`))
    await reader.until(end)
  }
  const { reader } = say(t, gateway, get('/200').replace('GET', 'HEAD'))
  await reader.until('\r\n\r\n')
})

/** Answers what `react` says with raw frames, so that an instance may refuse. */
async function startRawHttp2(
  t: TestContext,
  react: (streamId: number, count: number, headers: Buffer) => Buffer,
): Promise<{ readonly port: number; readonly connections: () => number }> {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  let count = 0
  const serve = async (): Promise<void> => {
    for (;;) {
      const { socket } = await upstream.accept()
      socket.write(wireFrame(FRAME.settings, 0, 0))
      let pending = Buffer.alloc(0)
      let skip = 24
      socket.on('data', (chunk: Buffer) => {
        pending = Buffer.concat([pending, chunk])
        if (pending.length < skip) return
        pending = pending.subarray(skip)
        skip = 0
        while (pending.length >= 9 && pending.length >= 9 + pending.readUIntBE(0, 3)) {
          const end = 9 + pending.readUIntBE(0, 3)
          const [frame] = framesIn(pending.subarray(0, end))
          pending = pending.subarray(end)
          if (frame?.type === FRAME.headers) {
            socket.write(react(frame.streamId, count++, frame.payload))
          }
        }
      })
    }
  }
  void serve()
  return { port: upstream.port, connections: () => upstream.sockets.length }
}

const okBlock = (streamId: number): Buffer => wireFrame(FRAME.headers, 5, streamId, '88')
const goAway = (lastId: number): Buffer => {
  const payload = Buffer.alloc(8)
  payload.writeUInt32BE(lastId)
  return wireFrame(FRAME.goAway, 0, 0, payload)
}
const resetBy = (streamId: number, code: number): Buffer => {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(code)
  return wireFrame(FRAME.resetStream, 0, streamId, payload)
}

test('what an instance did not look at is sent again, even if it must not be done twice', async (t) => {
  const refusals: Readonly<Record<string, (id: number) => Buffer>> = {
    REFUSED_STREAM: (id) => resetBy(id, 7),
    GOAWAY: () => goAway(0),
  }
  for (const refusal of Object.values(refusals)) {
    const upstream = await startRawHttp2(t, (id, count) =>
      count === 0 ? refusal(id) : okBlock(id),
    )
    const gateway = await startGateway(t, [upstream.port], { service: h2c })
    const { reader } = say(t, gateway, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi')
    await reader.until(/^HTTP\/1\.1 200 /)
    const outcomes = gateway.recent(1)[0]?.attempts.map(({ outcome }) => outcome)
    assert.deepEqual(outcomes, ['not-taken', 'answered'])
  }
})

test('what an instance has begun and reset is not done twice', async (t) => {
  const upstream = await startRawHttp2(t, (id) => resetBy(id, 2))
  const gateway = await startGateway(t, [upstream.port], { service: h2c })
  const { reader } = say(t, gateway, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi')
  const answer = await reader.until(/\r\n\r\n\{/)
  assert.match(answer, /^HTTP\/1\.1 502 /)
  assert.equal(reasonIn(answer), 'ERR_GATEWAY_UPSTREAM_RESET')
  assert.match(gateway.recent(1)[0]!.detail, /INTERNAL_ERROR/)
})

test('an answer that breaks the rules of HTTP/2 is a bad one', async (t) => {
  const bad = Buffer.from('880001410162', 'hex')
  const upstream = await startRawHttp2(t, (id) => wireFrame(FRAME.headers, 5, id, bad))
  const gateway = await startGateway(t, [upstream.port], { service: h2c })
  const { reader } = say(t, gateway, get())
  assert.equal(reasonIn(await reader.until(/\r\n\r\n\{/)), 'ERR_GATEWAY_BAD_RESPONSE')
  assert.match(gateway.recent(1)[0]!.detail, /ERR_HTTP2_FIELD_NAME/)
})

test('an instance that is gone is a refused connection', async (t) => {
  const upstream = await startRawUpstream()
  upstream.close()
  const gateway = await startGateway(t, [upstream.port], { service: h2c })
  const { reader } = say(t, gateway, get())
  assert.equal(reasonIn(await reader.until(/\r\n\r\n\{/)), 'ERR_GATEWAY_CONNECT_FAILED')
})

test('a client that goes away resets its stream only', async (t) => {
  const streams: ServerHttp2Stream[] = []
  const arrived = Promise.withResolvers<void>()
  const upstream = await startHttp2Upstream(t, (stream) => {
    streams.push(stream)
    if (streams.length === 2) arrived.resolve()
  })
  const gateway = await startGateway(t, [upstream.port], { service: h2c })
  const leaving = say(t, gateway, get('/leaving'))
  const staying = say(t, gateway, get('/staying'))
  await arrived.promise
  const [first, second] =
    upstream.heads[0]?.[':path'] === '/leaving' ? streams : streams.toReversed()
  leaving.socket.destroy()
  if (!first!.closed) await once(first!, 'close')
  assert.equal(first!.rstCode, 8)
  second!.respond({ ':status': 200, 'content-length': 2 })
  second!.end('ok')
  await staying.reader.until(/ok$/)
  assert.equal(upstream.sessions.length, 1)
})

test('a slow reader holds back its own stream, and no other', async (t) => {
  let sent = 0
  const upstream = await startHttp2Upstream(t, (stream, headers) => {
    stream.respond({ ':status': 200 })
    if (headers[':path'] !== '/slow') return void stream.end('ok')
    const block = Buffer.alloc(64 * 1024, 'x')
    const more = (): void => {
      while (sent < 64 * MEGABYTE) {
        sent += block.length
        if (!stream.write(block)) return void stream.once('drain', more)
      }
      stream.end()
    }
    more()
  })
  const gateway = await startGateway(t, [upstream.port], { service: h2c })
  const slow = gateway.connect()
  t.after(() => slow.destroy())
  slow.pause()
  slow.write(get('/slow'))
  for (let round = 0; round < 20; round++) {
    const { reader, socket } = say(t, gateway, get('/fast'))
    await reader.until(/0\r\n\r\n$/)
    socket.destroy()
  }
  const [exchange] = gateway.worker.context.exchanges
  assert.ok(exchange!.client.outlet.unsentBytes <= 512 * 1024)
  assert.ok(sent < 64 * MEGABYTE, 'the instance was not held back')
  let got = 0
  slow.on('data', (part: Buffer) => (got += part.length))
  slow.resume()
  while (got < 64 * MEGABYTE) await once(slow, 'data')
})

test('an upload goes as fast as the instance reads', async (t) => {
  const reading = Promise.withResolvers<ServerHttp2Stream>()
  const upstream = await startHttp2Upstream(t, (stream) => reading.resolve(stream))
  const gateway = await startGateway(t, [upstream.port], { service: h2c })
  const client = await connectHttp2(t, gateway)
  const total = 16 * MEGABYTE
  const reply = ask(client, { ':method': 'POST', ':path': '/' }, Buffer.alloc(total, 'x'))
  const stream = await reading.promise
  await once(AbortSignal.timeout(200), 'abort')
  const [exchange] = gateway.worker.context.exchanges
  assert.ok(exchange!.client.body.received < 2 * MEGABYTE, 'the client was not held back')
  let got = 0
  for await (const part of stream) got += (part as Buffer).length
  assert.equal(got, total)
  stream.respond({ ':status': 200 }, { endStream: true })
  assert.equal((await reply).status, 200)
})

test('an upgrade goes over HTTP/1.1', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], { service: h2c })
  const { reader } = say(t, gateway, get('/', 'Connection: upgrade\r\nUpgrade: websocket\r\n'))
  const { socket, reader: request } = await upstream.accept()
  assert.match(await request.until('\r\n\r\n'), /^GET \/ HTTP\/1\.1\r\n/)
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi',
  )
  await reader.until(/\r\n\r\nhi$/)
})
