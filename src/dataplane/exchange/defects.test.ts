import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { PLACE } from '../shared/counts.ts'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { OK, startAnsweringUpstream, startRawUpstream } from '../testing/sockets.ts'
import type { LocalWorker } from '../testing/local-worker.ts'
import type { WorkerContext } from '../worker/context.ts'

// A function of the context is replaced by one that throws, as a defect of ours would; `startGateway` asserts that no count, place or
// exchange is left when the test ends.

type Writable<T> = { -readonly [K in keyof T]: T[K] }

class PlantedDefect extends Error {}

/** Replaces a method until it was called `times`, from now on. */
function plant<T extends object, K extends keyof T>(object: T, key: K, times = 1): void {
  const target = object as Writable<T>
  const original = object[key]
  let left = times
  target[key] = ((...values: unknown[]): unknown => {
    if (--left <= 0) target[key] = original
    void values
    throw new PlantedDefect('planted')
  }) as T[K]
}

const context = (gateway: LocalWorker): WorkerContext => gateway.worker.context

function assertDefects(gateway: LocalWorker, count: number): void {
  assert.equal(context(gateway).defectCount, count)
  const told = gateway.said.filter((message) => message.type === 'defect')
  assert.equal(told.length, count)
  for (const { stack } of told) assert.match(stack, /planted[^]*defects\.test\.ts/)
}

/** A connection of somebody else, with a request under way, that must not notice. */
async function startNeighbour(
  t: Parameters<typeof say>[0],
  gateway: LocalWorker,
): Promise<() => Promise<void>> {
  const { socket, reader } = say(t, gateway, get('/neighbour'))
  await reader.until('ok')
  return async () => {
    socket.write(get('/neighbour'))
    await reader.until(/ok[^]*ok/)
  }
}

for (const [name, sabotage] of [
  ['while the head is composed', (ctx) => plant(ctx.identifiers, 'nameRequest')],
  ['while an instance is chosen', (ctx) => plant(ctx.services.get('echo')!.balancer, 'pick')],
  ['while a connection is begun', (ctx) => plant(ctx, 'connect')],
  ['in the head of the answer', (ctx) => plant(ctx.identifiers, 'writeIdLine')],
] as [string, (ctx: WorkerContext) => void][]) {
  test(`a defect ${name} costs its request: 500, the connection closes, nobody else notices`, async (t) => {
    const upstream = await startAnsweringUpstream(OK)
    t.after(() => upstream.close())
    const gateway = await startGateway(t, [upstream.port])
    const neighbour = await startNeighbour(t, gateway)
    if (name === 'while a connection is begun') {
      for (const instance of context(gateway).services.get('echo')!.instances.values())
        for (const idle of instance.idle.slice()) idle.cancel()
    }
    sabotage(context(gateway))
    // The rest of the body must not be taken for a request, nor the request behind it for a body.
    const body = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
    const { reader } = say(
      t,
      gateway,
      `PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}${get('/behind')}`,
    )
    const answer = await reader.closed()
    assert.match(answer, /^HTTP\/1\.1 500 [^]*\r\nconnection: close\r\n/)
    assert.equal(reasonIn(answer), 'ERR_GATEWAY_DEFECT')
    assert.equal(answer.match(/HTTP\/1\.1/g)!.length, 1)
    assert.ok(!upstream.heads.some((head) => /smuggled|behind/.test(head)))
    await neighbour()
    assertDefects(gateway, 1)
    const [, record] = gateway.recent(2)
    assert.equal(record!.reason, 'ERR_GATEWAY_DEFECT')
  })
}

test('a defect behind the head of an answer makes no second answer', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  plant(context(gateway).services.get('echo')!.balancer, 'observe')
  const { reader } = say(t, gateway, get() + get())
  assert.equal((await reader.closed()).match(/HTTP\/1\.1/g)!.length, 1)
  assertDefects(gateway, 1)
})

test('a defect in the middle of an answer resets its connection', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  const { reader } = say(t, gateway, get())
  const { socket, reader: request } = await upstream.accept()
  await request.until('\r\n\r\n')
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf')
  await reader.until('half')
  plant(context(gateway).scratch, 'take')
  socket.write('more')
  assert.match(await reader.closed(), /half$/)
  await request.closed()
  assertDefects(gateway, 1)
})

test('a defect after a failed attempt, when the next one begins, does not leave the client waiting', async (t) => {
  const bad = await startRawUpstream()
  const good = await startAnsweringUpstream(OK)
  t.after(() => (bad.close(), good.close()))
  const gateway = await startGateway(t, [bad.port, good.port], {
    service: { balance: { algorithm: 'round-robin', slowStartMs: 0, cookie: 'x' } },
    instances: [{ weight: 1000 }, { weight: 1 }],
  })
  const { reader } = say(t, gateway, get())
  const { socket, reader: request } = await bad.accept()
  await request.until('\r\n\r\n')
  plant(context(gateway), 'connect')
  socket.resetAndDestroy()
  assert.equal(reasonIn(await reader.closed()), 'ERR_GATEWAY_DEFECT')
  assertDefects(gateway, 1)
})

test('a defect in the turn of the queue costs the request at its head, and those behind it are served', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    service: { connectionsPerInstanceMax: 1 },
  })
  const first = say(t, gateway, get('/1'))
  const { socket, reader: request } = await upstream.accept()
  await request.until('/1')
  const { waiting, balancer } = context(gateway).services.get('echo')!
  const second = say(t, gateway, get('/2'))
  while (waiting.size < 1) await turnOfLoop()
  const third = say(t, gateway, get('/3'))
  while (waiting.size < 2) await turnOfLoop()
  plant(balancer, 'pick')
  socket.write(OK)
  await first.reader.until('ok')
  assert.equal(reasonIn(await second.reader.closed()), 'ERR_GATEWAY_DEFECT')
  await request.until('/3')
  socket.write(OK)
  await third.reader.until('ok')
  assertDefects(gateway, 1)
})

test('a defect in a tick costs the request whose deadline it was', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], { service: { timeoutMs: 60 } })
  plant(context(gateway).services.get('echo')!.ejection, 'reportFailure')
  const one = await say(t, gateway, get()).reader.closed()
  assert.equal(reasonIn(one), 'ERR_GATEWAY_DEFECT')
  const two = await say(t, gateway, get()).reader.until('"requestId"')
  assert.equal(reasonIn(two), 'ERR_GATEWAY_TIMEOUT')
  assertDefects(gateway, 1)
})

test('records that cannot be kept end no request, and no worker', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port])
  plant(context(gateway).sinks.batches, 'add', 3)
  const { socket, reader } = say(t, gateway, '')
  for (let i = 1; i <= 4; i++) {
    socket.write(get(`/${i}`))
    await reader.until(new RegExp(`(ok[^]*){${i}}`))
  }
  assertDefects(gateway, 3)
  assert.equal(gateway.recent(9).length, 1)
})

test('a request beyond the limit that meets a defect is counted once', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const { limits } = (await import('../testing/specs.ts')).gatewaySpec()
  const gateway = await startGateway(t, [upstream.port], {
    gateway: { limits: { ...limits, requestsInFlightMax: 1 } },
  })
  const first = say(t, gateway, get('/1'))
  const { socket, reader: request } = await upstream.accept()
  await request.until('/1')
  plant(context(gateway).identifiers, 'nameRequest')
  assert.equal(reasonIn(await say(t, gateway, get()).reader.closed()), 'ERR_GATEWAY_DEFECT')
  assert.equal(context(gateway).counts.total(PLACE.requests), 1)
  socket.write(OK)
  await first.reader.until('ok')
})

test('a raw connection that meets a defect is reset', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const listener = {
    kind: 'tcp',
    id: 'db',
    host: '127.0.0.1',
    port: 0,
    route: 'db',
    service: 'echo',
    proxyProtocol: false,
  } as const
  const gateway = await startGateway(t, [upstream.port], { gateway: { listeners: [listener] } })
  plant(context(gateway), 'connect')
  await say(t, gateway, 'x', 'db').reader.closed()
  const { reader } = say(t, gateway, 'x', 'db')
  const { socket, reader: request } = await upstream.accept()
  await request.until('x')
  plant(context(gateway).scratch, 'take')
  socket.write('y')
  await reader.closed()
  await request.closed()
  assertDefects(gateway, 2)
})
