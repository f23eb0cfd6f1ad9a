import assert from 'node:assert/strict'
import { test } from 'node:test'
import { probePort } from '../listeners/probe.ts'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'

const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi'

async function closedPort(): Promise<number> {
  return (await probePort('127.0.0.1', 0)).port
}

test('a refused connection costs nothing: another instance, for POST too, without budget', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const service = {
    retry: { attempts: 0, budgetRatio: 0, reservePerSecond: 0 },
    balance: { algorithm: 'round-robin', slowStartMs: 0, cookie: 'x' },
  } as const
  const gateway = await startGateway(t, [await closedPort(), upstream.port], { service })
  for (let i = 0; i < 2; i++) {
    const { reader } = say(t, gateway, post)
    const { socket, reader: request } = await upstream.accept()
    await request.until('\r\n\r\nhi')
    socket.end(OK.replace('OK', 'OK\r\nConnection: close'))
    await reader.until('ok')
  }
  const [last, first] = gateway.recent(2, false)
  const outcomes = [...first!.attempts, ...last!.attempts].map((attempt) => attempt.outcome)
  assert.equal(outcomes.filter((outcome) => outcome === 'answered').length, 2)
  assert.ok(outcomes.includes('connect-refused'))
})

test('nobody listens: 502 with the reason', async (t) => {
  const gateway = await startGateway(t, [await closedPort(), await closedPort()])
  const { reader } = say(t, gateway, get())
  const answer = await reader.until('"requestId"')
  assert.match(answer, /^HTTP\/1\.1 502 Bad Gateway\r\n/)
  assert.equal(reasonIn(answer), 'ERR_GATEWAY_CONNECT_FAILED')
})

test('a kept connection that closes under a request: GET goes on a fresh one, POST is not sent twice', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { socket: client, reader } = say(t, gateway, get('/1'))
  const first = await upstream.accept()
  await first.reader.until('/1')
  first.socket.write(OK)
  await reader.until('ok')

  client.write(get('/2'))
  await first.reader.until('/2')
  first.socket.resetAndDestroy()
  const second = await upstream.accept()
  await second.reader.until('/2')
  second.socket.write(OK)
  await reader.until(/ok[^]*ok/)

  client.write(post)
  await second.reader.until('\r\n\r\nhi')
  second.socket.resetAndDestroy()
  const answer = await reader.until('"requestId"')
  assert.equal(reasonIn(answer), 'ERR_GATEWAY_UPSTREAM_RESET')
  assert.equal(upstream.sockets.length, 2)
  assert.equal(
    gateway.worker.context.services.get('echo')!.instances.get(`echo-${upstream.port}`)!
      .failuresInRow,
    0,
  )
})

test('a reset on a fresh connection: GET goes to the other instance, POST fails', async (t) => {
  const bad = await startRawUpstream()
  const good = await startAnsweringUpstream(OK)
  t.after(() => (bad.close(), good.close()))
  const gateway = await startGateway(t, [bad.port, good.port], {
    service: { balance: { algorithm: 'round-robin', slowStartMs: 0, cookie: 'x' } },
    instances: [{ weight: 1000 }, { weight: 1 }],
  })
  const { socket: client, reader } = say(t, gateway, get())
  const first = await bad.accept()
  await first.reader.until('\r\n\r\n')
  first.socket.resetAndDestroy()
  await reader.until('ok')
  client.write(post)
  const second = await bad.accept()
  await second.reader.until('\r\n\r\nhi')
  second.socket.resetAndDestroy()
  const answer = await reader.until('"requestId"')
  assert.equal(reasonIn(answer), 'ERR_GATEWAY_UPSTREAM_RESET')
  assert.equal(good.heads.filter((head) => head.startsWith('POST')).length, 0)
})

test('a PUT with a small body is sent again whole', async (t) => {
  const bad = await startRawUpstream()
  const good = await startRawUpstream()
  t.after(() => (bad.close(), good.close()))
  const gateway = await startGateway(t, [bad.port, good.port], {
    service: { balance: { algorithm: 'round-robin', slowStartMs: 0, cookie: 'x' } },
    instances: [{ weight: 1000 }, { weight: 1 }],
  })
  const { socket: client, reader } = say(
    t,
    gateway,
    'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf',
  )
  const first = await bad.accept()
  await first.reader.until('half')
  client.write('more')
  await first.reader.until('halfmore')
  first.socket.end()
  const second = await good.accept()
  assert.match(await second.reader.until('halfmore'), /\r\n\r\nhalfmore$/)
  second.socket.write(OK)
  await reader.until('ok')
})

test('a frozen instance costs at most the deadline of an attempt, then is left out, and comes back', async (t) => {
  const frozen = await startRawUpstream()
  const good = await startAnsweringUpstream(OK)
  t.after(() => (frozen.close(), good.close()))
  const gateway = await startGateway(t, [frozen.port, good.port], {
    service: {
      attemptTimeoutMs: 100,
      balance: { algorithm: 'round-robin', slowStartMs: 0, cookie: 'x' },
      ejection: { failures: 2, baseMs: 300, maxMs: 300, shareMax: 0.5 },
    },
  })
  const { socket: client, reader } = say(t, gateway, '')
  const slow: number[] = []
  for (let i = 0; i < 12; i++) {
    const startedMs = performance.now()
    client.write(get(`/${i}`))
    await reader.until(new RegExp(`(ok[^]*){${i + 1}}`))
    if (performance.now() - startedMs > 90) slow.push(i)
  }
  assert.equal(slow.length, 2, `slow ones: ${slow.join()}`)
  const instance = gateway.worker.context.services
    .get('echo')!
    .instances.get(`echo-${frozen.port}`)!
  assert.ok(instance.ejectedUntilMs > performance.now())
  // It thaws: after the ejection it gets requests again.
  void (async () => {
    for (;;) {
      const { socket, reader: request } = await frozen.accept()
      void request.until('\r\n\r\n').then(
        () => socket.write(OK),
        () => undefined,
      )
    }
  })()
  const before = frozen.sockets.length
  for (let i = 12; frozen.sockets.length === before || instance.failuresInRow > 0; i++) {
    client.write(get(`/${i}`))
    await reader.until(new RegExp(`(ok[^]*){${i + 1}}`))
  }
})

test('without budget there is no further attempt, and so no reason to cut the first one short', async (t) => {
  const one = await startRawUpstream()
  const two = await startRawUpstream()
  t.after(() => (one.close(), two.close()))
  const service = {
    retry: { attempts: 3, budgetRatio: 0, reservePerSecond: 0 },
    attemptTimeoutMs: 60,
    timeoutMs: 250,
  }
  const gateway = await startGateway(t, [one.port, two.port], { service })
  const answer = await say(t, gateway, get()).reader.until('"requestId"')
  assert.match(answer, /^HTTP\/1\.1 504 /)
  assert.equal(reasonIn(answer), 'ERR_GATEWAY_TIMEOUT')
  assert.equal(one.sockets.length + two.sockets.length, 1)
})

test('the total deadline spans all attempts', async (t) => {
  const one = await startRawUpstream()
  const two = await startRawUpstream()
  t.after(() => (one.close(), two.close()))
  const gateway = await startGateway(t, [one.port, two.port], {
    service: { timeoutMs: 600, attemptTimeoutMs: 100 },
  })
  const answer = await say(t, gateway, get()).reader.until('"requestId"')
  assert.equal(reasonIn(answer), 'ERR_GATEWAY_TIMEOUT')
  assert.equal(one.sockets.length + two.sockets.length, 2)
})

test('all ejected: they are asked nevertheless', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const instance = gateway.worker.context.services
    .get('echo')!
    .instances.get(`echo-${upstream.port}`)!
  instance.ejectedUntilMs = performance.now() + 60_000
  await say(t, gateway, get()).reader.until('ok')
  const [record] = gateway.recent(1, false)
  assert.match(record!.attempts[0]!.choice, /ejection was ignored/)
})

for (const [name, bytes, code] of [
  ['garbage', 'hello\r\n\r\n', 'ERR_GATEWAY_BAD_RESPONSE'],
  [
    'both framings',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n',
    'ERR_GATEWAY_BAD_RESPONSE',
  ],
  [
    'an endless head',
    `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}`,
    'ERR_GATEWAY_RESPONSE_HEAD_TOO_LARGE',
  ],
  [
    '101 that nobody asked for',
    'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
    'ERR_GATEWAY_BAD_RESPONSE',
  ],
] as const) {
  test(`an instance that sends ${name} is answered for with 502`, async (t) => {
    const upstream = await startAnsweringUpstream(bytes)
    t.after(() => upstream.close())
    const gateway = await startGateway(t, [upstream.port])
    const answer = await say(t, gateway, post.replace('POST', 'PATCH')).reader.until('"requestId"')
    assert.match(answer, /^HTTP\/1\.1 502 /)
    assert.equal(reasonIn(answer), code)
  })
}
