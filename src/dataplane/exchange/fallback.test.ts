import assert from 'node:assert/strict'
import { test } from 'node:test'
import { probePort } from '../listeners/probe.ts'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'
import { instanceSpec, serviceSpec } from '../testing/specs.ts'

const answer = { status: 200, contentType: 'application/json', body: '{"rates":[]}' }
const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi'

async function closedPort(): Promise<number> {
  return (await probePort('127.0.0.1', 0)).port
}

test('a fixed answer stands in, and the reason is still told', async (t) => {
  const service = { fallback: { service: '', answer } }
  const gateway = await startGateway(t, [await closedPort()], { service })
  const got = await say(t, gateway, get()).reader.until('}')
  assert.match(got, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n\{"rates":\[\]\}$/)
  assert.equal(reasonIn(got), 'ERR_GATEWAY_CONNECT_FAILED')
  const [record] = gateway.recent(1)
  assert.deepEqual([record!.status, record!.reason], [200, 'ERR_GATEWAY_CONNECT_FAILED'])
  assert.ok(record!.policies.some(({ policy }) => policy === 'fallback'))
})

test('another service stands in; where that cannot either, the fixed answer', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const service = { fallback: { service: 'spare', answer } }
  const gateway = await startGateway(t, [await closedPort()], { service })
  const spare = instanceSpec(upstream.port, { service: 'spare', id: 'spare-1' })
  await gateway.update([
    { op: 'service', service: serviceSpec({ name: 'spare' }) },
    { op: 'instance', instance: spare },
  ])
  assert.match(await say(t, gateway, get('/x')).reader.until('ok'), /^HTTP\/1\.1 200/)
  assert.match(await say(t, gateway, get('/y')).reader.until('ok'), /^HTTP\/1\.1 200/)
  assert.match(upstream.heads[0]!, /^GET \/x /)
  await gateway.update([{ op: 'instance-gone', service: 'spare', id: 'spare-1' }])
  assert.match(await say(t, gateway, get()).reader.until('}'), /"rates"/)
})

test('what may have been begun goes elsewhere only where twice is once', async (t) => {
  const broken = await startRawUpstream()
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => (broken.close(), upstream.close()))
  const service = { fallback: { service: 'spare' } }
  const gateway = await startGateway(t, [broken.port], { service })
  const spare = instanceSpec(upstream.port, { service: 'spare', id: 'spare-1' })
  await gateway.update([
    { op: 'service', service: serviceSpec({ name: 'spare' }) },
    { op: 'instance', instance: spare },
  ])
  const reset = async (): Promise<void> => {
    const { socket, reader } = await broken.accept()
    await reader.until('\r\n\r\n')
    socket.resetAndDestroy()
  }
  const first = say(t, gateway, post)
  await reset()
  assert.equal(reasonIn(await first.reader.until('"requestId"')), 'ERR_GATEWAY_UPSTREAM_RESET')
  const second = say(t, gateway, get())
  await reset()
  assert.match(await second.reader.until('ok'), /^HTTP\/1\.1 200/)
})

test('two services that stand in for each other do not go round', async (t) => {
  const service = { fallback: { service: 'spare' } }
  const gateway = await startGateway(t, [await closedPort()], { service })
  const other = serviceSpec({ name: 'spare', fallback: { service: 'echo' } })
  await gateway.update([{ op: 'service', service: other }])
  const got = await say(t, gateway, get()).reader.until('"requestId"')
  assert.equal(reasonIn(got), 'ERR_GATEWAY_NO_INSTANCE')
})

test('what is wrong with the request, and what the service answers, is no failure', async (t) => {
  const upstream = await startAnsweringUpstream('HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno')
  t.after(() => upstream.close())
  const service = { fallback: { service: '', answer } }
  const gateway = await startGateway(t, [upstream.port], { service })
  assert.match(await say(t, gateway, get()).reader.until('no'), /^HTTP\/1\.1 503/)
})
