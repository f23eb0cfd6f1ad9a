import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicySpec } from '../../contracts/policies.ts'
import { get, say, startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'
import { instanceSpec, routeSpec, serviceSpec } from '../testing/specs.ts'

const source = 'backplane.yaml:9'
const mirror: PolicySpec = { kind: 'mirror', source, spec: { service: 'next', share: 1 } }
const rewrite: PolicySpec = {
  kind: 'rewrite',
  source,
  spec: {
    pattern: '/**',
    path: '/v2/{rest}',
    query: { set: [['by', '{method}']], remove: ['debug'] },
    headers: [['x-path', '{path}']],
  },
}

test('a copy goes to another service behind the answer, with its body; what that answers is not seen', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  const next = await startRawUpstream()
  t.after(() => {
    upstream.close()
    next.close()
  })
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { routes: [routeSpec({ policies: [mirror] })] },
  })
  await gateway.update([
    { op: 'service', service: serviceSpec({ name: 'next' }) },
    { op: 'instance', instance: instanceSpec(next.port, { service: 'next', id: 'next-1' }) },
  ])
  const { socket, reader } = say(
    t,
    gateway,
    'POST /orders HTTP/1.1\r\nHost: shop.example\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello',
  )
  assert.match(await reader.until('ok'), /^HTTP\/1\.1 200 /)
  const copy = await next.accept()
  const text = await copy.reader.until('hello')
  assert.match(text, /^POST \/orders HTTP\/1\.1\r\n[^]*\r\nx-a: b\r\n/i)
  for (const name of ['via', 'x-request-id', 'x-forwarded-for', 'forwarded', 'traceparent'])
    assert.equal(text.match(new RegExp(`^${name}: `, 'gim'))?.length, 1, name)
  // The copy's answer hangs, and the client goes on.
  socket.write(get('/again'))
  await reader.until(/ok[^]*ok/)
  copy.socket.write('HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops')
  assert.doesNotMatch(reader.text, /oops/)
  const second = await next.accept()
  await second.reader.until('/again')
  second.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  while (gateway.worker.context.mirrors.count > 0)
    await new Promise((resolve) => void setImmediate(resolve))
  socket.destroy()
})

test('a copy that nobody takes costs nothing but a record', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { routes: [routeSpec({ policies: [mirror] })] },
  })
  const { reader } = say(t, gateway, get('/1', 'Connection: close\r\n'))
  assert.match(await reader.closed(), /^HTTP\/1\.1 200 /)
  while (gateway.worker.context.mirrors.count > 0)
    await new Promise((resolve) => void setImmediate(resolve))
  const reasons = gateway.recent(5).map(({ reason }) => reason)
  assert.ok(reasons.includes('ERR_GATEWAY_SERVICE_UNKNOWN'))
})

test('what is rewritten is what the service gets', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { routes: [routeSpec({ policies: [rewrite] })] },
  })
  const { reader } = say(
    t,
    gateway,
    get('/a/b?debug=1&x=2', 'X-Path: forged\r\nConnection: close\r\n'),
  )
  await reader.closed()
  assert.match(upstream.heads[0]!, /^GET \/v2\/a\/b\?x=2&by=GET HTTP\/1\.1\r\n/)
  assert.match(upstream.heads[0]!, /\r\nx-path: \/a\/b\r\n/)
  assert.doesNotMatch(upstream.heads[0]!, /forged/)
})
