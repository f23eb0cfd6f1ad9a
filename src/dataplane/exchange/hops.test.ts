import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'
import { gatewaySpec } from '../testing/specs.ts'

// What a hop owes to those before and behind it: RFC 9110 sections 6.6.1, 7.6.2, 7.6.3, 9.3.7 and 9.3.8.

test('Via is written, and appended to what came; a date is added only where there is none', async (t) => {
  const dated = 'Date: Tue, 15 Nov 1994 08:12:31 GMT'
  const upstream = await startAnsweringUpstream((head) =>
    head.includes('/dated') ? OK.replace('OK\r\n', `OK\r\n${dated}\r\n`) : OK,
  )
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { socket, reader } = say(t, gateway, get('/plain'))
  const plain = await reader.until('ok')
  assert.equal(
    plain.match(/^date: \w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT\r$/gim)!.length,
    1,
  )
  socket.write(get('/dated', 'Via: 1.0 fred, 1.1 p.example.net\r\n'))
  const both = await reader.until(/ok[^]*ok/)
  assert.deepEqual(both.slice(plain.length).match(/^date:.*GMT/gim), [dated])
  const [first, second] = upstream.heads
  assert.match(first!, /\r\nvia: 1\.1 \S+\r\n/i)
  const vias = [...second!.matchAll(/\r\nvia: ([^\r]+)/gi)].map(([, value]) => value).join(', ')
  assert.match(vias, /^1\.0 fred, 1\.1 p\.example\.net, 1\.1 \S+$/)
})

test('TRACE is refused, OPTIONS * is answered here, Max-Forwards goes down', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { socket, reader } = say(t, gateway, 'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal(reasonIn(await reader.until('"requestId"')), 'ERR_GATEWAY_METHOD_NOT_ALLOWED')
  socket.write('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.match(await reader.until(/204 No Content[^]*\r\n\r\n/), /allow: [^\r]*GET/)
  assert.equal(upstream.heads.length, 0)
  socket.write('OPTIONS /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 5\r\n\r\n')
  await reader.until('ok')
  assert.match(upstream.heads[0]!, /\r\nmax-forwards: 4\r\n/)
})

test('HTTP/1.0 without Host gets one that its instance can use, and a trace is sampled', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  await say(t, gateway, 'GET / HTTP/1.0\r\n\r\n').reader.until('ok')
  assert.match(upstream.heads[0]!, /\r\nhost: \S+\r\n/i)
  assert.match(upstream.heads[0]!, /\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-01\r\n/)
})

test('a client that pipelines and leaves is noticed while its first request is at the instance', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { socket } = say(t, gateway, get('/1') + get('/2') + get('/3'))
  const { reader } = await upstream.accept()
  await reader.until('/1')
  socket.end()
  await reader.closed()
  assert.ok(!reader.text.includes('/2'))
  const [record] = gateway.recent(1)
  assert.equal(record!.reason, 'ERR_GATEWAY_CLIENT_ABORTED')
})

test('a connection that was kept is judged anew after the trusted proxies have changed', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { trustedProxies: ['127.0.0.1'] },
  })
  const request = get('/', 'X-Forwarded-For: 192.0.2.7\r\n')
  const { socket, reader } = say(t, gateway, request)
  await reader.until('ok')
  await gateway.update([{ op: 'gateway', gateway: gatewaySpec({ trustedProxies: [] }) }])
  socket.write(request)
  await reader.until(/ok[^]*ok/)
  assert.match(upstream.heads[0]!, /x-forwarded-for: 192\.0\.2\.7, 127\.0\.0\.1\r\n/)
  assert.match(upstream.heads[1]!, /x-forwarded-for: 127\.0\.0\.1\r\n/)
  while (gateway.worker.context.exchanges.length > 0) await turnOfLoop()
})
