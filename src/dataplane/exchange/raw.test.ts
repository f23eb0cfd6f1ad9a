import assert from 'node:assert/strict'
import { test } from 'node:test'
import { probePort } from '../listeners/probe.ts'
import { say, startGateway } from '../testing/setup.ts'
import { startRawUpstream } from '../testing/sockets.ts'
import { testLimits } from '../testing/specs.ts'

const listener = (proxyProtocol = false) =>
  ({
    kind: 'tcp',
    id: 'db',
    host: '127.0.0.1',
    port: 0,
    route: 'db',
    service: 'echo',
    proxyProtocol,
  }) as const

test('bytes go both ways, and each direction is closed by itself', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], { gateway: { listeners: [listener()] } })
  const { socket: client, reader } = say(t, gateway, 'question', 'db')
  const { socket, reader: request } = await upstream.accept()
  await request.until('question')
  client.end()
  await request.closed()
  socket.end('answer')
  assert.equal(await reader.closed(), 'answer')
  while (gateway.recent(1).length === 0) await new Promise((resolve) => setImmediate(resolve))
  const [record] = gateway.recent(1)
  assert.deepEqual([record!.method, record!.requestBytes, record!.responseBytes], ['TCP', 8, 6])
})

test('a refused connection is tried elsewhere; when nobody takes it, it is closed', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const dead = (await probePort('127.0.0.1', 0)).port
  const gateway = await startGateway(t, [dead, upstream.port], {
    gateway: { listeners: [listener()] },
  })
  for (let i = 0; i < 6; i++) {
    const { socket: client } = say(t, gateway, 'x', 'db')
    const { reader } = await upstream.accept()
    await reader.until('x')
    client.destroy()
  }
  await gateway.update([{ op: 'instance-gone', service: 'echo', id: `echo-${upstream.port}` }])
  await say(t, gateway, 'x', 'db').reader.closed()
})

test('a silent connection is closed after its time, and the PROXY protocol header does not reach the instance', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    gateway: {
      listeners: [listener(true)],
      trustedProxies: ['127.0.0.1'],
      limits: { ...testLimits, tunnelIdleTimeoutMs: 80 },
    },
  })
  const { socket: client, reader } = say(t, gateway, 'PROXY TCP4 192.0.2.1 192', 'db')
  client.write('.0.2.2 1 2\r\npayload')
  const { reader: request } = await upstream.accept()
  assert.equal(await request.until('payload'), 'payload')
  await reader.closed()
  await request.closed()
})
