import assert from 'node:assert/strict'
import { test } from 'node:test'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { gatewaySpec } from '../testing/specs.ts'
import { OK, startAnsweringUpstream } from '../testing/sockets.ts'

const lies =
  'X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nX-Real-IP: 6.6.6.6\r\n'

function lineOf(head: string | undefined, name: string): string {
  return new RegExp(`^${name}: (.*)\\r$`, 'im').exec(head ?? '')?.[1] ?? ''
}

test('what a stranger says of earlier hops is replaced', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  await say(t, gateway, get('/', lies)).reader.until('ok')
  const [head] = upstream.heads
  assert.equal(lineOf(head, 'x-forwarded-for'), '127.0.0.1')
  assert.equal(lineOf(head, 'forwarded'), 'for=127.0.0.1;host="shop.example";proto=http')
  assert.equal(lineOf(head, 'x-forwarded-proto'), 'http')
  assert.equal(lineOf(head, 'x-forwarded-host'), 'shop.example')
  assert.equal(lineOf(head, 'x-forwarded-port'), String(gateway.port('gateway')))
  assert.doesNotMatch(head!, /6\.6\.6\.6|evil/)
})

test('what a trusted proxy says is carried on', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { trustedProxies: ['127.0.0.0/8'] },
  })
  await say(t, gateway, get('/', lies)).reader.until('ok')
  const [head] = upstream.heads
  assert.equal(lineOf(head, 'x-forwarded-for'), '6.6.6.6, 127.0.0.1')
  assert.equal(
    lineOf(head, 'forwarded'),
    'for=6.6.6.6, for=127.0.0.1;host="shop.example";proto=http',
  )
  assert.equal(lineOf(head, 'x-forwarded-proto'), 'https')
  assert.equal(lineOf(head, 'x-forwarded-host'), 'evil')
})

test('the PROXY protocol names the client, and the client is no trusted proxy', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: {
      trustedProxies: ['127.0.0.1'],
      listeners: [
        { kind: 'gateway', id: 'gateway', host: '127.0.0.1', port: 0, proxyProtocol: true },
      ],
    },
  })
  const { socket, reader } = say(t, gateway, 'PROXY TCP4 192.0.2.1 192.0.2.2 5')
  socket.write(`6324 80\r\n${get('/', lies)}`)
  await reader.until('ok')
  assert.equal(lineOf(upstream.heads[0], 'x-forwarded-for'), '192.0.2.1')
  assert.doesNotMatch(upstream.heads[0]!, /6\.6\.6\.6/)
  const missing = await say(t, gateway, get()).reader.closed()
  assert.equal(reasonIn(missing), 'ERR_GATEWAY_PROXY_PROTOCOL')
})

test('a stranger cannot use the PROXY protocol', async (t) => {
  const gateway = await startGateway(t, [], {
    gateway: {
      listeners: [
        { kind: 'gateway', id: 'gateway', host: '127.0.0.1', port: 0, proxyProtocol: true },
      ],
    },
  })
  const answer = await say(
    t,
    gateway,
    `PROXY TCP4 192.0.2.1 192.0.2.2 56324 80\r\n${get()}`,
  ).reader.closed()
  assert.equal(reasonIn(answer), 'ERR_GATEWAY_PROXY_PROTOCOL')
})

test('a valid trace goes on with a new span, an invalid one is replaced; the same for request ids', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  const good = `traceparent: 00-${trace}-00f067aa0ba902b7-01\r\nX-Request-Id: mine-1\r\n`
  const { socket, reader } = say(t, gateway, get('/', good))
  assert.match(await reader.until('ok'), /x-request-id: mine-1\r\n/)
  const parent = lineOf(upstream.heads[0], 'traceparent')
  assert.match(parent, new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`))
  assert.doesNotMatch(parent, /00f067aa0ba902b7/)
  assert.equal(lineOf(upstream.heads[0], 'x-request-id'), 'mine-1')
  const bad = `traceparent: 00-${'0'.repeat(32)}-00f067aa0ba902b7-01\r\nX-Request-Id: a"b\r\n`
  socket.write(get('/', bad))
  await reader.until(/ok[^]*ok/)
  assert.doesNotMatch(lineOf(upstream.heads[1], 'traceparent'), /0{32}/)
  assert.match(lineOf(upstream.heads[1], 'x-request-id'), /^[0-9a-f]{26}$/)
})

test('the share of new traces that are sampled is a setting, and a reload changes it', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], { gateway: { traceSampleRate: 0 } })
  const { socket, reader } = say(t, gateway, get())
  await reader.until('ok')
  assert.match(lineOf(upstream.heads[0], 'traceparent'), /-00$/)
  await gateway.update([{ op: 'gateway', gateway: gatewaySpec() }])
  socket.write(get())
  await reader.until(/ok[^]*ok/)
  assert.match(lineOf(upstream.heads[1], 'traceparent'), /-01$/)
})

test('the outbound listener leads to its service, whatever the path, and is counted for its caller', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: {
      routes: [],
      listeners: [
        {
          kind: 'outbound',
          id: 'web>echo',
          host: '127.0.0.1',
          port: 0,
          caller: 'web',
          service: 'echo',
        },
      ],
    },
  })
  await say(
    t,
    gateway,
    get('/a/../b', lies).replace('shop.example', 'localhost'),
    'web>echo',
  ).reader.until('ok')
  assert.match(upstream.heads[0]!, /^GET \/a\/\.\.\/b HTTP/)
  assert.equal(lineOf(upstream.heads[0], 'x-forwarded-for'), '6.6.6.6, 127.0.0.1')
  const [record] = gateway.recent(1, false)
  assert.equal(record?.caller, 'web')
  assert.equal(record?.service, 'echo')
})

test('a sticky cookie leads back to the same instance', async (t) => {
  const upstreams = await Promise.all([1, 2, 3].map(() => startAnsweringUpstream(OK)))
  t.after(() => upstreams.forEach((upstream) => upstream.close()))
  const gateway = await startGateway(
    t,
    upstreams.map(({ port }) => port),
    { service: { balance: { algorithm: 'sticky-cookie', slowStartMs: 0, cookie: 'stick' } } },
  )
  const first = await say(t, gateway, get()).reader.until('ok')
  const cookie = /set-cookie: (stick=\w+); Path=\/; HttpOnly; SameSite=Lax\r\n/.exec(first)![1]!
  for (let i = 0; i < 10; i++) {
    const answer = await say(t, gateway, get('/', `Cookie: a=b; ${cookie}\r\n`)).reader.until('ok')
    assert.doesNotMatch(answer, /set-cookie/)
  }
  assert.deepEqual(
    upstreams.map(({ heads }) => heads.length).toSorted((a, b) => a - b),
    [0, 0, 11],
  )
})
