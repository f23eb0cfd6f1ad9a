import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { FRAME } from '../../mechanisms/http2/frames.ts'
import { clientStart, framesIn, getBlock, wireFrame } from '../../mechanisms/http2/testing/wire.ts'
import { ask, connectHttp2, replyOf } from '../testing/http2-peer.ts'
import { say, startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'
import { gatewaySpec, routeSpec, testLimits } from '../testing/specs.ts'

const MEGABYTE = 1024 * 1024
const post = { ':method': 'POST', ':path': '/upload' }

test('requests of one connection are answered, and recorded as HTTP/2', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const client = await connectHttp2(t, gateway)
  const replies = await Promise.all(
    Array.from({ length: 50 }, (_, at) => ask(client, { ':path': `/${at}`, cookie: 'a=1; b=2' })),
  )
  for (const { status, body } of replies) assert.deepEqual([status, body], [200, 'ok'])
  assert.equal(new Set(upstream.heads.map((head) => head.split(' ')[1])).size, 50)
  assert.match(upstream.heads[0]!, /\r\ncookie: a=1; b=2\r\n/)
  assert.match(upstream.heads[0]!, /\r\nvia: 2\.0 backplane\r\n/)
  const [record] = gateway.recent(1)
  assert.equal(record?.protocol, 'http/2')
  assert.equal(record?.status, 200)
})

test('a body without a length goes on in chunks, one with a length as it is', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const client = await connectHttp2(t, gateway)
  const chunked = ask(client, post, 'hello')
  const first = await upstream.accept()
  await first.reader.until('0\r\n\r\n')
  assert.match(
    first.reader.text,
    /\r\ntransfer-encoding: chunked\r\n[^]*\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/,
  )
  first.socket.write(OK)
  assert.equal((await chunked).status, 200)
  const sized = ask(client, { ...post, 'content-length': '5' }, 'hello')
  await first.reader.until(/content-length: 5\r\n[^]*\r\n\r\nhello$/)
  first.socket.write(OK)
  assert.equal((await sized).status, 200)
})

test('interim answers and trailers arrive, hop-by-hop fields do not', async (t) => {
  const upstream = await startAnsweringUpstream(
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n' +
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nX-Kept: 2\r\n\r\n' +
      '3\r\nabc\r\n0\r\ngrpc-status: 0\r\nContent-Length: 9\r\n\r\n',
  )
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const client = await connectHttp2(t, gateway)
  const stream = client.request({ ':path': '/' })
  const hints = once(stream, 'headers')
  const reply = await replyOf(stream)
  assert.equal((await hints)[0].link, '</a>')
  assert.equal(reply.body, 'abc')
  assert.equal(reply.headers['x-kept'], '2')
  for (const name of ['x-hop', 'connection', 'transfer-encoding']) {
    assert.equal(reply.headers[name], undefined)
  }
  assert.equal(reply.trailers['grpc-status'], '0')
  assert.equal(reply.trailers['content-length'], undefined)
})

test('answers of our own leave the connection open', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: {
      routes: [routeSpec({ path: '/only' })],
      limits: { ...testLimits, bodyBytesMax: 10 },
    },
  })
  const client = await connectHttp2(t, gateway)
  const missing = await ask(client, { ':path': '/other' })
  assert.equal(missing.status, 404)
  assert.equal(missing.headers['backplane-reason'], 'ERR_GATEWAY_ROUTE_NOT_FOUND')
  assert.match(missing.body, /ERR_GATEWAY_ROUTE_NOT_FOUND/)
  const head = await ask(client, { ':method': 'HEAD', ':path': '/other' })
  assert.deepEqual([head.status, head.body], [404, ''])
  const large = client.request({ ...post, ':path': '/only', 'content-length': '11' })
  const [answer] = await once(large, 'response')
  assert.equal(answer[':status'], 413)
  large.resume()
  await once(large, 'close')
  const growing = client.request({ ...post, ':path': '/only' })
  growing.write('0123456789')
  growing.write('0')
  const [late] = await once(growing, 'response')
  assert.equal(late[':status'], 413)
  growing.resume()
  await once(growing, 'close')
  assert.equal((await ask(client, { ':path': '/only' })).status, 200)
})

test('a client that resets a stream ends its request at the instance, and no other', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const client = await connectHttp2(t, gateway)
  const given = client.request({ ':path': '/given-up' })
  given.on('error', () => {})
  const first = await upstream.accept()
  await first.reader.until('\r\n\r\n')
  const other = ask(client, { ':path': '/other' })
  const second = await upstream.accept()
  given.close(8)
  await first.reader.closed()
  second.socket.write(OK)
  assert.equal((await other).status, 200)
  const reasons = gateway.recent(2).map(({ reason }) => reason)
  assert.deepEqual(reasons.toSorted(), ['', 'ERR_GATEWAY_CLIENT_ABORTED'])
})

test('an answer that breaks off is a reset stream, not a whole answer', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const client = await connectHttp2(t, gateway)
  const reply = ask(client, { ':path': '/' })
  const { socket, reader } = await upstream.accept()
  await reader.until('\r\n\r\n')
  socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
  await assert.rejects(reply, { code: 'ERR_HTTP2_STREAM_ERROR' })
  assert.equal(gateway.recent(1)[0]?.reason, 'ERR_GATEWAY_UPSTREAM_BROKE_OFF')
  assert.equal(client.closed, false)
})

test('an answer without any length ends with the stream', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const client = await connectHttp2(t, gateway)
  const reply = ask(client, { ':path': '/' })
  const { socket, reader } = await upstream.accept()
  await reader.until('\r\n\r\n')
  socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end')
  assert.equal((await reply).body, 'until the end')
})

test('a stream that is not read holds back its instance, and no other stream', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const client = await connectHttp2(t, gateway)
  const slow = client.request({ ':path': '/slow' })
  const { socket, reader } = await upstream.accept()
  await reader.until('\r\n\r\n')
  const total = 32 * MEGABYTE
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`)
  await once(slow, 'response')
  let sent = 0
  const block = Buffer.alloc(MEGABYTE, 'x')
  for (let stuck = false; !stuck && sent < total;) {
    sent += block.length
    if (socket.write(block)) continue
    const late = AbortSignal.timeout(250)
    stuck = (await once(socket, 'drain', { signal: late }).catch(() => null)) === null
  }
  assert.ok(sent < total, 'the instance was not held back')
  const [exchange] = gateway.worker.context.exchanges
  assert.ok(exchange!.client.outlet.unsentBytes <= 256 * 1024)
  const other = ask(client, { ':path': '/other' })
  const second = await upstream.accept()
  await second.reader.until('\r\n\r\n')
  second.socket.write(OK)
  assert.equal((await other).body, 'ok')
  let got = 0
  slow.on('data', (part: Buffer) => (got += part.length))
  for (; sent < total; sent += block.length) {
    if (!socket.write(block)) await once(socket, 'drain')
  }
  await once(slow, 'end')
  assert.equal(got, total)
})

test('an instance that does not read holds the upload back, and no other stream', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const client = await connectHttp2(t, gateway)
  const total = 8 * MEGABYTE
  const upload = client.request({ ...post, 'content-length': String(total) })
  upload.end(Buffer.alloc(total, 'x'))
  const reply = replyOf(upload)
  const { socket } = await upstream.accept()
  socket.removeAllListeners('data')
  socket.pause()
  const other = ask(client, { ':path': '/other' })
  const second = await upstream.accept()
  await second.reader.until('\r\n\r\n')
  second.socket.write(OK)
  assert.equal((await other).body, 'ok')
  const [exchange] = gateway.worker.context.exchanges
  assert.ok(exchange!.client.body.received < total, 'the client was not held back')
  let got = 0
  socket.on('data', (chunk: Buffer) => {
    got += chunk.length
    if (got > total) socket.write(OK)
  })
  socket.resume()
  assert.equal((await reply).status, 200)
})

test('a WebSocket opens over CONNECT (RFC 8441); a plain success does not open one', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const client = await connectHttp2(t, gateway)
  await once(client, 'remoteSettings')
  assert.equal(client.remoteSettings.enableConnectProtocol, true)
  const connect = {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
    ':authority': 'shop.example',
    ':path': '/chat',
    'sec-websocket-version': '13',
  }
  const stream = client.request(connect, { endStream: false })
  const { socket, reader } = await upstream.accept()
  const head = await reader.until('\r\n\r\n')
  assert.match(head, /^GET \/chat HTTP\/1\.1\r\nhost: shop\.example\r\n/)
  assert.match(head, /\r\nsec-websocket-key: [A-Za-z0-9+/]{22}==\r\n/)
  assert.match(head, /\r\nconnection: upgrade\r\nupgrade: websocket\r\n/)
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nhello',
  )
  const [answer] = await once(stream, 'response')
  assert.equal(answer[':status'], 200)
  assert.equal(answer['sec-websocket-accept'], undefined)
  stream.setEncoding('latin1')
  assert.equal((await once(stream, 'data'))[0], 'hello')
  stream.write('from the client')
  await reader.until('from the client')
  const ended = once(stream, 'end')
  stream.end()
  await reader.closed()
  socket.end()
  stream.resume()
  await ended

  const plain = ask(client, connect)
  const second = await upstream.accept()
  await second.reader.until('\r\n\r\n')
  second.socket.write(OK)
  const refused = await plain
  assert.equal(refused.status, 502)
  assert.equal(refused.headers['backplane-reason'], 'ERR_GATEWAY_BAD_RESPONSE')
})

test('streams beyond the limit are refused, and may be sent again', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { limits: { ...testLimits, streamsMax: 1 } },
  })
  const socket = gateway.connect()
  t.after(() => socket.destroy())
  const parts: Buffer[] = []
  socket.on('data', (part: Buffer) => parts.push(part))
  socket.write(clientStart)
  for (const id of [1, 3]) socket.write(wireFrame(FRAME.headers, 5, id, getBlock))
  await upstream.accept()
  const isRefused = (): boolean =>
    framesIn(Buffer.concat(parts)).some(
      ({ type, streamId, payload }) =>
        type === FRAME.resetStream && streamId === 3 && payload.readUInt32BE(0) === 7,
    )
  while (!isRefused()) await once(socket, 'data')
})

test('an answer that comes before the request is whole is no reset; a small rest is waited for, a large one is not', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { routes: [routeSpec({ path: '/only' })] },
  })
  for (const [size, isReset] of [
    [1_000, false],
    [100_000, true],
  ] as const) {
    const { socket, reader } = say(t, gateway, '')
    socket.write(Buffer.concat([clientStart, wireFrame(FRAME.headers, 4, 1, getBlock)]))
    await reader.until('ERR_GATEWAY_ROUTE_NOT_FOUND')
    for (let sent = 0; sent < size; sent += 10_000) {
      const isLast = sent + 10_000 >= size
      socket.write(wireFrame(FRAME.data, isLast ? 1 : 0, 1, Buffer.alloc(Math.min(size, 10_000))))
    }
    socket.write(wireFrame(FRAME.ping, 0, 0, Buffer.alloc(8, 'p')))
    await reader.until('pppppppp')
    const frames = framesIn(Buffer.from(reader.text, 'latin1'))
    assert.equal(
      frames.some(({ type }) => type === FRAME.resetStream),
      isReset,
    )
    const [connection] = gateway.worker.context.clients
    assert.equal(connection!.isIdle, true)
    socket.destroy()
    while (gateway.worker.context.clients.size > 0) await new Promise(setImmediate)
  }
})

test('draining says goodbye, finishes what there is, and closes', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const client = await connectHttp2(t, gateway)
  const reply = ask(client, { ':path': '/' })
  const { socket, reader } = await upstream.accept()
  await reader.until('\r\n\r\n')
  const goodbye = once(client, 'goaway')
  gateway.worker.receive({ type: 'drain' })
  await goodbye
  socket.write(OK)
  assert.equal((await reply).status, 200)
  await once(client, 'close')
})

test('many settings are read while a request is answered', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], { gateway: gatewaySpec() })
  const client = await connectHttp2(t, gateway, { settings: { initialWindowSize: 1 } })
  assert.equal((await ask(client, { ':path': '/' })).body, 'ok')
})
