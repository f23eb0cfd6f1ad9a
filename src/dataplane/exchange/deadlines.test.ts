import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import type { ServiceSpec } from '../../contracts/snapshot.ts'
import type { LocalWorker } from '../testing/local-worker.ts'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { OK, startRawUpstream } from '../testing/sockets.ts'
import { testLimits } from '../testing/specs.ts'

async function start(t: TestContext, change: Partial<ServiceSpec> = {}, bodyTimeoutMs = 150) {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    service: change,
    gateway: { limits: { ...testLimits, bodyTimeoutMs } },
  })
  return { upstream, gateway }
}

function blames(gateway: LocalWorker): number {
  const { instances } = gateway.worker.context.services.get('echo')!
  return [...instances.values()].reduce((sum, { failuresInRow }) => sum + failuresInRow, 0)
}

function lastRecord(gateway: LocalWorker) {
  return gateway.recent(1)[0]!
}

test('what cannot be tried again is not cut by the deadline of an attempt', async (t) => {
  const second = await startRawUpstream()
  t.after(() => second.close())
  const first = await startRawUpstream()
  t.after(() => first.close())
  const gateway = await startGateway(t, [first.port, second.port], {
    service: { attemptTimeoutMs: 40 },
  })
  const { reader } = say(t, gateway, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi')
  const { socket } = await Promise.race([first.accept(), second.accept()])
  await once(AbortSignal.timeout(200), 'abort')
  socket.write(OK)
  await reader.until('ok')
  assert.equal(blames(gateway), 0)
})

test('an instance that stops in the middle of its answer is broken off, and blamed once, a 503 before it or not', async (t) => {
  for (const status of ['200 OK', '503 Service Unavailable']) {
    const { upstream, gateway } = await start(t)
    const { reader } = say(t, gateway, get())
    const { socket, reader: request } = await upstream.accept()
    await request.until('\r\n\r\n')
    socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 100\r\n\r\nhalf`)
    assert.match(await reader.closed(), /half$/)
    assert.equal(blames(gateway), 1)
    const { reason, responseBytes } = lastRecord(gateway)
    assert.deepEqual([reason, responseBytes], ['ERR_GATEWAY_UPSTREAM_STALLED', 4])
  }
})

test('an instance that stops reading an upload is 504, and blamed', async (t) => {
  const { upstream, gateway } = await start(t)
  const total = 64 * 1024 * 1024
  const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${total}\r\n\r\n`
  const { socket: client, reader } = say(t, gateway, head)
  const { socket } = await upstream.accept()
  socket.removeAllListeners('data')
  socket.pause()
  for (let sent = 0; sent < total / 4; sent += 1_000_000) client.write(Buffer.alloc(1_000_000, 'x'))
  const answer = await reader.until('"requestId"')
  assert.match(answer, /^HTTP\/1\.1 504 /)
  assert.equal(reasonIn(answer), 'ERR_GATEWAY_UPSTREAM_STALLED')
  assert.equal(blames(gateway), 1)
})

test('an instance that reads an upload slowly is not stalled as long as it moves on', async (t) => {
  const { upstream, gateway } = await start(t)
  const { reader } = say(t, gateway, 'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf')
  const { reader: request } = await upstream.accept()
  await request.until('half')
  // The kernel's buffers are too large for a test to fill them slowly: as if each look found a little less in ours.
  const looks = [400, 300, 200, 100, 100]
  const [exchange] = gateway.worker.context.exchanges
  exchange!.first.unsentBefore = 500
  Object.defineProperty(exchange!.first.stream, 'isClogged', { value: true })
  Object.defineProperty(exchange!.first.stream, 'unsentBytes', { get: () => looks.shift() })
  assert.equal(reasonIn(await reader.until('"requestId"')), 'ERR_GATEWAY_UPSTREAM_STALLED')
  assert.deepEqual(looks, [])
  assert.equal(blames(gateway), 1)
})

test('a client that stops sending is 408, and nobody is blamed', async (t) => {
  const { upstream, gateway } = await start(t)
  const { reader } = say(t, gateway, 'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf')
  const { reader: request } = await upstream.accept()
  const answer = await reader.until('"requestId"')
  assert.match(answer, /^HTTP\/1\.1 408 /)
  assert.equal(reasonIn(answer), 'ERR_GATEWAY_BODY_TIMEOUT')
  await request.closed()
  assert.equal(blames(gateway), 0)
})

test('a client that stops sending behind an early answer is not the fault of the instance', async (t) => {
  const { upstream, gateway } = await start(t)
  const { reader } = say(t, gateway, 'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf')
  const { socket, reader: request } = await upstream.accept()
  await request.until('half')
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')
  assert.match(await reader.closed(), /half$/)
  assert.equal(lastRecord(gateway).reason, 'ERR_GATEWAY_BODY_TIMEOUT')
  assert.equal(blames(gateway), 0)
})

test('an instance that was held back for a slow reader has its whole time again', async (t) => {
  const { upstream, gateway } = await start(t, {}, 2_000)
  const client = gateway.connect()
  t.after(() => client.destroy())
  client.pause()
  client.write(get())
  const { socket, reader: request } = await upstream.accept()
  await request.until('\r\n\r\n')
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n')
  const [connection] = gateway.worker.context.clients
  // All of it is with the gateway, and some of that waits for the client, also when the kernel has made more room.
  do {
    socket.write(Buffer.alloc(16 * 1024, 'x'))
    await turnOfLoop()
    if (connection!.outlet.isClogged) await once(AbortSignal.timeout(100), 'abort')
  } while (!connection!.outlet.isClogged)
  await once(AbortSignal.timeout(1_400), 'abort')
  let text = ''
  client.on('data', (chunk: Buffer) => (text = (text + chunk.toString('latin1')).slice(-4)))
  client.resume()
  // Together they are more than its time.
  await once(AbortSignal.timeout(1_000), 'abort')
  socket.write('rest')
  while (text !== 'rest') await once(client, 'data')
  assert.equal(blames(gateway), 0)
})

test('a removed instance is not judged any more, and never among the ejected', async (t) => {
  const { upstream, gateway } = await start(t, {
    ejection: { failures: 1, baseMs: 60_000, maxMs: 60_000, shareMax: 1 },
  })
  const { reader } = say(t, gateway, get())
  const { socket, reader: request } = await upstream.accept()
  await request.until('\r\n\r\n')
  const service = gateway.worker.context.services.get('echo')!
  await gateway.update([{ op: 'instance-gone', service: 'echo', id: `echo-${upstream.port}` }])
  socket.resetAndDestroy()
  await reader.until('"requestId"')
  assert.equal(service.ejection.count(performance.now()), 0)
})

test('a thread that did not run reads what came meanwhile before it calls anybody late', async (t) => {
  const { upstream, gateway } = await start(t, { timeoutMs: 100 })
  const { reader } = say(t, gateway, get())
  const { socket, reader: request } = await upstream.accept()
  await request.until('\r\n\r\n')
  socket.write(OK)
  const untilMs = performance.now() + 300
  while (performance.now() < untilMs);
  assert.equal(reasonIn(await reader.until(/ok|"requestId"/)), '')
  assert.equal(blames(gateway), 0)
})
