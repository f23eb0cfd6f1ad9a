import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { test } from 'node:test'
import { GRPC_STATUS } from '../../mechanisms/grpc/grpc.ts'
import type { ServiceSpec } from '../../contracts/snapshot.ts'
import { ask, connectHttp2 } from '../testing/http2-peer.ts'
import { startHttp2Upstream } from '../testing/http2-upstream.ts'
import { startGateway } from '../testing/setup.ts'
import { gatewaySpec, routeSpec, serviceSpec, testLimits } from '../testing/specs.ts'

const call: OutgoingHttpHeaders = {
  ':method': 'POST',
  ':path': '/shop.Stock/Get',
  'content-type': 'application/grpc',
  te: 'trailers',
}
const message = Buffer.from([0, 0, 0, 0, 1, 42])
const h2c: Partial<ServiceSpec> = { protocol: 'h2c' }

/** Ends a call with a status and nothing else. */
const endWith =
  (status: number) =>
  (stream: ServerHttp2Stream): void =>
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(status) },
      { endStream: true },
    )

/** A message, and the status behind it. */
function serve(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  stream.end(message)
}

test('a call goes through with its message and its status', async (t) => {
  const instance = await startHttp2Upstream(t, serve)
  const gateway = await startGateway(t, [instance.port], { service: h2c })
  const client = await connectHttp2(t, gateway)
  const reply = await ask(client, call, message)
  assert.equal(reply.trailers['grpc-status'], '0')
  assert.equal(reply.body, message.toString('latin1'))
  assert.equal(instance.heads[0]?.['te'], 'trailers')
  assert.equal(instance.heads[0]?.['content-type'], 'application/grpc')
})

test('a call that ends with nothing but a status does so, whatever ended before it', async (t) => {
  const instance = await startHttp2Upstream(t, (stream, headers) => {
    if (headers[':path'] === '/served') serve(stream)
    else endWith(GRPC_STATUS.unimplemented)(stream)
  })
  const gateway = await startGateway(t, [instance.port], { service: h2c })
  const client = await connectHttp2(t, gateway)
  for (let round = 0; round < 2; round++) {
    const served = await ask(client, { ...call, ':path': '/served' }, message)
    assert.equal(served.trailers['grpc-status'], '0')
    const stream = client.request(call)
    stream.end(message)
    const [headers, flags] = (await once(stream, 'response')) as [IncomingHttpHeaders, number]
    assert.equal(headers['grpc-status'], String(GRPC_STATUS.unimplemented))
    assert.equal(flags & 1, 1, 'the head does not end the stream')
    stream.resume()
    await once(stream, 'close')
  }
})

test('answers of our own are a head with the status of the call', async (t) => {
  const gateway = await startGateway(t, [], {
    service: h2c,
    gateway: {
      routes: [
        routeSpec({ path: '/shop.Stock/*' }),
        routeSpec({ id: 'gone', path: '/gone', to: [{ service: 'none', weight: 1 }] }),
      ],
    },
  })
  const client = await connectHttp2(t, gateway)
  for (const [path, status, reason] of [
    ['/other.Service/Call', GRPC_STATUS.unimplemented, 'ERR_GATEWAY_ROUTE_NOT_FOUND'],
    ['/shop.Stock/Get', GRPC_STATUS.unavailable, 'ERR_GATEWAY_NO_INSTANCE'],
    ['/gone', GRPC_STATUS.unavailable, 'ERR_GATEWAY_SERVICE_UNKNOWN'],
  ] as const) {
    const reply = await ask(client, { ...call, ':path': path }, message)
    assert.equal(reply.status, 200)
    assert.equal(reply.headers['content-type'], 'application/grpc')
    assert.equal(reply.headers['grpc-status'], String(status))
    assert.match(String(reply.headers['grpc-message']), new RegExp(`^${reason}: `))
    assert.equal(reply.headers['backplane-reason'], reason)
    assert.equal(reply.body, '')
  }
  assert.deepEqual(
    gateway.recent(3).map(({ status }) => status),
    [503, 503, 404],
  )
})

test('the timeout of the caller is ours, and goes on to the instance', async (t) => {
  const instance = await startHttp2Upstream(t, () => {})
  const gateway = await startGateway(t, [instance.port], { service: h2c })
  const client = await connectHttp2(t, gateway)
  const startedMs = performance.now()
  const reply = await ask(client, { ...call, 'grpc-timeout': '300m' }, message)
  assert.ok(performance.now() - startedMs < 2_000)
  assert.equal(reply.headers['grpc-status'], String(GRPC_STATUS.deadlineExceeded))
  assert.match(String(instance.heads[0]?.['grpc-timeout']), /^(?:2\d{5}|300000)u$/)
  const late = await ask(client, { ...call, 'grpc-timeout': '0m' }, message)
  assert.equal(late.headers['grpc-status'], String(GRPC_STATUS.deadlineExceeded))
  assert.equal(instance.heads.length, 1)
})

test('a timeout that is none is not passed on', async (t) => {
  const instance = await startHttp2Upstream(t, serve)
  const gateway = await startGateway(t, [instance.port], { service: h2c })
  const client = await connectHttp2(t, gateway)
  for (const value of ['soon', '1', '-1S']) {
    assert.equal((await ask(client, { ...call, 'grpc-timeout': value }, message)).status, 200)
  }
  assert.deepEqual(
    instance.heads.map((head) => head['grpc-timeout']),
    [undefined, undefined, undefined],
  )
})

test('a status that the file names is tried elsewhere, though a call is a POST', async (t) => {
  const bad = await startHttp2Upstream(t, endWith(GRPC_STATUS.unavailable))
  const good = await startHttp2Upstream(t, serve)
  const { retry } = serviceSpec()
  const named = await startGateway(t, [bad.port, good.port], {
    service: {
      ...h2c,
      balance: { algorithm: 'round-robin', slowStartMs: 0, cookie: 'c' },
      retry: { ...retry, on: ['grpc-unavailable'] },
    },
  })
  const client = await connectHttp2(t, named)
  for (let round = 0; round < 4; round++) {
    const reply = await ask(client, call, message)
    assert.equal(reply.trailers['grpc-status'], '0')
  }
  assert.ok(bad.heads.length > 0)
  const retried = named.recent(10).find(({ attempts }) => attempts.length === 2)
  assert.equal(retried?.attempts[0]?.status, 503)
})

test('a status that nobody names is the answer', async (t) => {
  const bad = await startHttp2Upstream(t, endWith(GRPC_STATUS.unavailable))
  const good = await startHttp2Upstream(t, serve)
  const gateway = await startGateway(t, [bad.port, good.port], {
    service: { ...h2c, balance: { algorithm: 'round-robin', slowStartMs: 0, cookie: 'c' } },
  })
  const client = await connectHttp2(t, gateway)
  const statuses = new Set<unknown>()
  for (let round = 0; round < 4; round++) {
    const { headers, trailers } = await ask(client, call, message)
    statuses.add(headers['grpc-status'] ?? trailers['grpc-status'])
  }
  assert.deepEqual(statuses, new Set(['0', '14']))
})

test('messages go both ways as they come, and a stream may be silent', async (t) => {
  const instance = await startHttp2Upstream(t, (stream) => {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    )
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.on('data', (part: Buffer) => stream.write(part))
    stream.on('end', () => stream.end())
  })
  const gateway = await startGateway(t, [instance.port], {
    service: h2c,
    gateway: gatewaySpec({ limits: { ...testLimits, bodyTimeoutMs: 100 } }),
  })
  const client = await connectHttp2(t, gateway)
  const stream = client.request(call)
  await once(stream, 'response')
  for (let round = 0; round < 3; round++) {
    const echoed = once(stream, 'data')
    stream.write(message)
    assert.deepEqual((await echoed)[0], message)
    // Longer than anything else may be silent: the tick of the worker looks several times.
    await once(AbortSignal.timeout(200), 'abort')
  }
  const trailers = once(stream, 'trailers')
  stream.end()
  assert.equal((await trailers)[0]['grpc-status'], '0')
})
