import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PLACE } from '../shared/counts.ts'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'
import { routeSpec, testLimits } from '../testing/specs.ts'

const limit = (change: Partial<typeof testLimits>) => ({
  gateway: { limits: { ...testLimits, ...change } },
})

for (const [name, setup, bytes, status, code] of [
  [
    'a long target',
    limit({ requestLineBytesMax: 64 }),
    get(`/${'x'.repeat(100)}`),
    414,
    'ERR_HTTP1_TARGET_TOO_LONG',
  ],
  [
    'a large head',
    limit({ headBytesMax: 512 }),
    get('/', `X: ${'x'.repeat(600)}\r\n`),
    431,
    'ERR_HTTP1_HEAD_TOO_LARGE',
  ],
  [
    'many fields',
    limit({ headersMax: 3 }),
    get('/', 'A: 1\r\nB: 2\r\nC: 3\r\n'),
    431,
    'ERR_HTTP1_TOO_MANY_FIELDS',
  ],
  [
    'a large body',
    limit({ bodyBytesMax: 3 }),
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n',
    413,
    'ERR_GATEWAY_BODY_TOO_LARGE',
  ],
  [
    'a large chunked body',
    limit({ bodyBytesMax: 3 }),
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n',
    413,
    'ERR_GATEWAY_BODY_TOO_LARGE',
  ],
  [
    'half a head',
    limit({ headTimeoutMs: 100 }),
    'GET / HTTP/1.1\r\nHost:',
    408,
    'ERR_GATEWAY_HEAD_TIMEOUT',
  ],
  [
    'half a body',
    limit({ bodyTimeoutMs: 100 }),
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nx',
    408,
    'ERR_GATEWAY_BODY_TIMEOUT',
  ],
] as const) {
  test(`${name} is answered ${status} and the connection is closed`, async (t) => {
    const upstream = await startRawUpstream()
    t.after(() => upstream.close())
    const gateway = await startGateway(t, [upstream.port], setup)
    const answer = await say(t, gateway, bytes).reader.closed()
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `))
    assert.equal(reasonIn(answer), code)
    assert.match(answer, /\r\nconnection: close\r\n/)
  })
}

test('no route 404, another method 405 with Allow, an ambiguous path 400; the connection stays', async (t) => {
  const gateway = await startGateway(t, [], {
    gateway: { routes: [routeSpec({ path: '/a', methods: ['GET'] })] },
  })
  const { socket, reader } = say(t, gateway, get('/b'))
  const first = await reader.until('"requestId"')
  assert.match(first, /^HTTP\/1\.1 404 Not Found\r\n/)
  assert.equal(reasonIn(first), 'ERR_GATEWAY_ROUTE_NOT_FOUND')
  const body = JSON.parse(/\{.*\}/.exec(first)![0]) as Record<string, unknown>
  assert.equal(body['status'], 404)
  assert.equal(body['code'], 'ERR_GATEWAY_ROUTE_NOT_FOUND')
  assert.ok(first.includes(`x-request-id: ${String(body['requestId'])}`))
  socket.write('DELETE /a HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.match(await reader.until('405 '), /allow: GET, HEAD\r\n/)
  socket.write(get('/x/../a'))
  await reader.until('ERR_GATEWAY_PATH_AMBIGUOUS')
  socket.write(get('/a'))
  await reader.until('ERR_GATEWAY_NO_INSTANCE')
})

test('connections beyond the limit are told so and closed, and room is made by closing one', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], limit({ connectionsMax: 1 }))
  const first = say(t, gateway, get())
  await first.reader.until('ok')
  const refused = await say(t, gateway, '').reader.closed()
  assert.equal(reasonIn(refused), 'ERR_GATEWAY_CONNECTIONS_FULL')
  first.socket.destroy()
  for (;;) {
    const { reader } = say(t, gateway, get())
    if (/200 OK/.test(await reader.until(/200 OK|FULL/))) break
  }
  assert.equal(gateway.worker.context.counts.total(PLACE.connections) <= 1, true)
})

test('requests in flight beyond the limit get 503 and the connection stays', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], limit({ requestsInFlightMax: 1 }))
  const first = say(t, gateway, get('/1'))
  const { socket, reader: request } = await upstream.accept()
  await request.until('/1')
  const second = say(t, gateway, get('/2'))
  assert.equal(reasonIn(await second.reader.until('"requestId"')), 'ERR_GATEWAY_REQUESTS_FULL')
  socket.write(OK)
  await first.reader.until('ok')
  second.socket.write(get('/3'))
  await request.until('/3')
  socket.write(OK)
  await second.reader.until('ok')
  assert.equal(gateway.worker.context.counts.total(PLACE.requests), 0)
})

test('requests wait for a connection up to the limit, then 503; who waits is served when one is free', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const service = { connectionsPerInstanceMax: 1, pendingMax: 1 }
  const gateway = await startGateway(t, [upstream.port], { service })
  const first = say(t, gateway, get('/1'))
  const { socket, reader: request } = await upstream.accept()
  await request.until('/1')
  const second = say(t, gateway, get('/2'))
  while (gateway.worker.context.services.get('echo')!.waiting.size === 0) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  const third = await say(t, gateway, get('/3')).reader.until('"requestId"')
  assert.equal(reasonIn(third), 'ERR_GATEWAY_PENDING_FULL')
  socket.write(OK)
  await first.reader.until('ok')
  await request.until('/2')
  socket.write(OK)
  await second.reader.until('ok')
  assert.equal(upstream.sockets.length, 1)
})

test('a client that goes away takes its request along: the instance sees its connection close', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { socket: client } = say(t, gateway, get())
  const { reader: request } = await upstream.accept()
  await request.until('\r\n\r\n')
  client.destroy()
  await request.closed()
  const [record] = gateway.worker.context.ring.recent(1, true)
  assert.equal(record?.reason, 'ERR_GATEWAY_CLIENT_ABORTED')
  assert.equal(record?.status, 0)
})

test('an answer that breaks off is seen as broken by the client', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { reader } = say(t, gateway, get())
  const { socket, reader: request } = await upstream.accept()
  await request.until('\r\n\r\n')
  socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
  assert.match(await reader.closed(), /half$/)
  const [record] = gateway.worker.context.ring.recent(1, true)
  assert.equal(record?.reason, 'ERR_GATEWAY_UPSTREAM_BROKE_OFF')
  assert.equal(record?.status, 200)
})
