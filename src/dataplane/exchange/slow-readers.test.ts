import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { get, say, startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'
import { testLimits } from '../testing/specs.ts'
import { PHASE } from './exchange.ts'

const limits = { ...testLimits, bodyTimeoutMs: 300 }
const TOTAL = 6 * 1024 * 1024

/** Reads a piece every few milliseconds, to the end of the connection or of `length` bytes; resolves with what it got and how it ended. */
async function readSlowly(
  socket: Socket,
  length: number,
): Promise<{ got: number; ending: string }> {
  let got = 0
  let ending = ''
  socket.on('end', () => (ending ||= 'end'))
  socket.on('error', ({ message }) => (ending ||= message))
  socket.on('close', () => (ending ||= 'close'))
  socket.pause()
  while (ending === '' && got < length) {
    const chunk = socket.read() as Buffer | null
    if (chunk !== null) got += chunk.length
    await once(AbortSignal.timeout(2), 'abort')
  }
  return { got, ending }
}

const closing = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const old = 'GET / HTTP/1.0\r\nHost: a\r\n\r\n'
const length = `HTTP/1.1 200 OK\r\nContent-Length: ${TOTAL}\r\n\r\n`
const untilClose = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'
for (const [name, request, head, drains] of [
  ['Connection: close', closing, length, false],
  ['HTTP/1.0 until close', old, untilClose, false],
  ['keep-alive', get(), length, false],
  ['keep-alive while draining', get(), length, true],
] as const) {
  test(`a slow reader gets everything over ${name}`, async (t) => {
    const upstream = await startRawUpstream()
    t.after(() => upstream.close())
    const gateway = await startGateway(t, [upstream.port], { gateway: { limits } })
    const client = gateway.connect()
    t.after(() => client.destroy())
    client.write(request)
    const { socket, reader } = await upstream.accept()
    await reader.until('\r\n\r\n')
    socket.write(head)
    socket.write(Buffer.alloc(TOTAL, 'x'))
    if (head === untilClose) socket.end()
    const isIdle = (): boolean => gateway.said.some(({ type }) => type === 'idle')
    const reading = readSlowly(client, Infinity)
    if (drains) gateway.worker.receive({ type: 'drain' })
    while (gateway.recent(1).length === 0) {
      assert.equal(isIdle(), false)
      await once(AbortSignal.timeout(5), 'abort')
    }
    const [record] = gateway.recent(1)
    assert.deepEqual([record!.status, record!.reason, record!.responseBytes], [200, '', TOTAL])
    if (name === 'keep-alive') return
    const { got, ending } = await reading
    assert.equal(ending, 'end')
    assert.ok(got > TOTAL)
    while (drains && !isIdle()) await turnOfLoop()
  })
}

for (const [name, request, head] of [
  ['a length', get(), length],
  ['the end of the connection', old, untilClose],
] as const) {
  test(`a reader that stops is reset after its time, where ${name} tells the end; the record says so`, async (t) => {
    const upstream = await startRawUpstream()
    t.after(() => upstream.close())
    const gateway = await startGateway(t, [upstream.port], { gateway: { limits } })
    const client = gateway.connect()
    t.after(() => client.destroy())
    client.pause()
    client.write(request)
    const { socket, reader } = await upstream.accept()
    await reader.until('\r\n\r\n')
    const large = 4 * TOTAL
    socket.write(head.replace(String(TOTAL), String(large)))
    socket.write(Buffer.alloc(large, 'x'))
    await reader.closed()
    const [record] = gateway.recent(1)
    assert.equal(record!.reason, 'ERR_GATEWAY_CLIENT_STALLED')
    assert.ok(record!.responseBytes > 0 && record!.responseBytes < large)
    const { ending } = await readSlowly(client, Infinity)
    assert.match(ending, /ECONNRESET/)
    const service = gateway.worker.context.services.get('echo')!
    for (const { failuresInRow } of service.instances.values()) assert.equal(failuresInRow, 0)
  })
}

test('an answer until close that breaks off ends in a reset', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { socket: client, reader } = say(t, gateway, old)
  const error = once(client, 'error')
  const { socket, reader: request } = await upstream.accept()
  await request.until('\r\n\r\n')
  socket.write(`${untilClose}half`)
  await reader.until('half')
  socket.resetAndDestroy()
  assert.match(String((await error)[0]), /ECONNRESET/)
})

test('small chunks to a reader that stopped keep no more than their own size', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const client = gateway.connect()
  t.after(() => client.destroy())
  client.pause()
  client.write(get())
  const { socket, reader } = await upstream.accept()
  await reader.until('\r\n\r\n')
  socket.setNoDelay(true)
  socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
  const [connection] = gateway.worker.context.clients
  const chunk = `1000\r\n${'x'.repeat(4_096)}\r\n`
  while (connection!.outlet.isFlushed) {
    socket.write(chunk)
    await turnOfLoop()
  }
  const before = process.memoryUsage().arrayBuffers
  for (let count = 0; count < 400; count++) {
    socket.write('1\r\nx\r\n')
    await turnOfLoop()
  }
  assert.equal(connection!.outlet.isClogged, true)
  const kept = process.memoryUsage().arrayBuffers - before
  assert.ok(kept < 300_000, `${kept} bytes are kept for 400 chunks of one byte`)
})

test('thousands of pipelined requests whose answers nobody reads are bounded', async (t) => {
  const upstream = await startAnsweringUpstream(
    `HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n${'x'.repeat(20_000)}`,
  )
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], { gateway: { limits } })
  const client = gateway.connect()
  t.after(() => client.destroy())
  client.pause()
  const closed = new Promise((resolve) => client.on('close', resolve))
  for (let count = 0; count < 50; count++) client.write(get().repeat(1_000))
  while (gateway.worker.context.clients.size === 0) await turnOfLoop()
  const [connection] = gateway.worker.context.clients
  let mostUnsent = 0
  while (!connection!.wire.isDestroyed) {
    mostUnsent = Math.max(mostUnsent, connection!.outlet.waitingBytes)
    await once(AbortSignal.timeout(1), 'abort')
  }
  assert.ok(mostUnsent < 256 * 1024, `${mostUnsent} bytes waited`)
  assert.ok(upstream.heads.length < 2_000, `${upstream.heads.length} requests went to the instance`)
  client.resume()
  await closed
})

test('an instance that sends 1xx without end is given up, and none is passed to a pool while it is held back', async (t) => {
  const upstream = await startAnsweringUpstream('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1_000))
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const answer = await say(t, gateway, get()).reader.until('"requestId"')
  assert.match(answer, /HTTP\/1\.1 502 /)
  assert.ok(answer.match(/103/g)!.length <= 64)
})

test('a connection whose 1xx had to wait for a slow reader serves the next request', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    service: { connectionsPerInstanceMax: 1 },
  })
  const client = gateway.connect()
  t.after(() => client.destroy())
  client.pause()
  client.write(get('/slow'))
  const { socket, reader } = await upstream.accept()
  await reader.until('/slow')
  const [connection] = gateway.worker.context.clients
  // As if the client had not read for long.
  Object.defineProperty(connection!.outlet, 'isClogged', { value: true, configurable: true })
  socket.write(`HTTP/1.1 103 Early Hints\r\n\r\n${OK}`)
  while (gateway.worker.context.exchanges.length > 0) await turnOfLoop()
  const next = say(t, gateway, get('/next'))
  await reader.until('/next')
  socket.write(OK)
  await next.reader.until('ok')
})

test('a client that has closed its side is let go behind its answer', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const client = gateway.connect()
  t.after(() => client.destroy())
  client.pause()
  client.write(get())
  const { socket, reader } = await upstream.accept()
  await reader.until('\r\n\r\n')
  const [connection] = gateway.worker.context.clients
  const [exchange] = gateway.worker.context.exchanges
  socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
  while (connection!.outlet.isFlushed) {
    socket.write(`1000\r\n${'x'.repeat(4_096)}\r\n`)
    await turnOfLoop()
  }
  socket.write('0\r\n\r\n')
  while (exchange!.phase !== PHASE.flushing) await turnOfLoop()
  client.end()
  while (!connection!.wire.hasEnded) await turnOfLoop()
  client.resume()
  while (!connection!.wire.isDestroyed) await once(AbortSignal.timeout(5), 'abort')
})
