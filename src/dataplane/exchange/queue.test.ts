import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import type { ServiceSpec } from '../../contracts/snapshot.ts'
import { stickyValueOf } from '../../mechanisms/balancing/candidate.ts'
import type { LocalWorker } from '../testing/local-worker.ts'
import { get, reasonIn, say, startGateway } from '../testing/setup.ts'
import { OK, startRawUpstream } from '../testing/sockets.ts'
import { gatewaySpec, instanceSpec, serviceSpec } from '../testing/specs.ts'

const one: Partial<ServiceSpec> = {
  connectionsPerInstanceMax: 1,
  balance: { algorithm: 'round-robin', slowStartMs: 0, cookie: 'x' },
}
const tcp = {
  kind: 'tcp',
  id: 'db',
  host: '127.0.0.1',
  port: 0,
  route: 'db',
  service: 'echo',
  proxyProtocol: false,
} as const
const listeners = [...gatewaySpec().listeners, tcp]

const waitingOf = (gateway: LocalWorker): number =>
  gateway.worker.context.services.get('echo')?.waiting.size ?? 0

async function untilWaiting(gateway: LocalWorker, count: number): Promise<void> {
  while (waitingOf(gateway) !== count) await turnOfLoop()
}

/** One instance whose only connection is busy with `/busy`. */
async function startFull(t: TestContext, change: Partial<ServiceSpec> = {}) {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    service: { ...one, ...change },
    gateway: { listeners },
  })
  const client = say(t, gateway, get('/busy'))
  const busy = await upstream.accept()
  await busy.reader.until('/busy')
  return { upstream, gateway, client, busy }
}

test('those that wait are served in the order in which they came, over one connection', async (t) => {
  const { gateway, busy, upstream } = await startFull(t)
  const clients = []
  for (let index = 1; index <= 4; index++) {
    clients.push(say(t, gateway, get(`/${index}`)))
    await untilWaiting(gateway, index)
  }
  for (let index = 1; index <= 4; index++) {
    busy.socket.write(OK)
    await busy.reader.until(`/${index} `)
  }
  busy.socket.write(OK)
  await clients[3]!.reader.until('ok')
  assert.equal(upstream.sockets.length, 1)
  const record = gateway.recent(1)[0]!
  assert.equal(record.status, 200)
})

test('a client that leaves the queue frees its place, and those behind it move up', async (t) => {
  const { gateway, busy } = await startFull(t, { pendingMax: 2 })
  const leaver = say(t, gateway, get('/leaver'))
  await untilWaiting(gateway, 1)
  const stayer = say(t, gateway, get('/stayer'))
  await untilWaiting(gateway, 2)
  leaver.socket.destroy()
  await untilWaiting(gateway, 1)
  const late = say(t, gateway, get('/late'))
  await untilWaiting(gateway, 2)
  busy.socket.write(OK)
  await busy.reader.until('/stayer')
  busy.socket.write(OK)
  await busy.reader.until('/late')
  busy.socket.write(OK)
  await stayer.reader.until('ok')
  await late.reader.until('ok')
  assert.ok(!busy.reader.text.includes('/leaver'))
})

test('a retry that finds the queue full is answered, and is no defect', async (t) => {
  const good = await startFull(t, {
    pendingMax: 1,
    retry: { attempts: 2, budgetRatio: 1, reservePerSecond: 10 },
  })
  const waiting = say(t, good.gateway, get('/waiting'))
  await untilWaiting(good.gateway, 1)
  const bad = await startRawUpstream()
  t.after(() => bad.close())
  // The one that waits gets the new instance; the next one waits in its place, and the failed one finds no place.
  await good.gateway.update([{ op: 'instance', instance: instanceSpec(bad.port) }])
  const failing = await bad.accept()
  await failing.reader.until('/waiting')
  const next = say(t, good.gateway, get('/next'))
  await untilWaiting(good.gateway, 1)
  good.gateway.worker.context.services.get('echo')!.instances.get(`echo-${bad.port}`)!
  failing.socket.resetAndDestroy()
  const answer = await Promise.race([
    waiting.reader.until('"requestId"'),
    next.reader.until('"requestId"'),
  ])
  assert.equal(reasonIn(answer), 'ERR_GATEWAY_PENDING_FULL')
  assert.equal(good.gateway.worker.context.defectCount, 0)
})

for (const [name, wake] of [
  ['its client leaves', ({ client }) => void client.socket.destroy()],
  ['the connection is reset', ({ busy }) => void busy.socket.resetAndDestroy()],
  [
    'the limit is raised',
    ({ gateway }) =>
      void gateway.update([
        { op: 'service', service: serviceSpec({ ...one, connectionsPerInstanceMax: 2 }) },
      ]),
  ],
] as [string, (full: Awaited<ReturnType<typeof startFull>>) => void][]) {
  test(`whoever waits goes on when ${name}`, async (t) => {
    const full = await startFull(t)
    const { reader } = say(t, full.gateway, get('/waits'))
    await untilWaiting(full.gateway, 1)
    wake(full)
    const next = await full.upstream.accept()
    await next.reader.until('/waits')
    next.socket.write(OK)
    await reader.until('ok')
  })
}

test('whoever waits goes to a new instance, and to one that has room when its choice has none', async (t) => {
  const { gateway } = await startFull(t)
  const { reader } = say(t, gateway, get('/waits'))
  await untilWaiting(gateway, 1)
  const other = await startRawUpstream()
  t.after(() => other.close())
  await gateway.update([{ op: 'instance', instance: instanceSpec(other.port) }])
  const { socket, reader: request } = await other.accept()
  await request.until('/waits')
  socket.write(OK)
  await reader.until('ok')
  // The first one is full still: round robin chooses it every second time, and nobody waits for it.
  for (let index = 1; index <= 4; index++) {
    const next = say(t, gateway, get(`/more-${index}`))
    await request.until(`/more-${index}`)
    socket.write(OK)
    await next.reader.until('ok')
  }
})

for (const op of ['instance-gone', 'service-gone'] as const) {
  test(`the last instance goes (${op}): whoever waits is told at once, whoever is served is served`, async (t) => {
    const { gateway, upstream, busy, client } = await startFull(t)
    const { reader } = say(t, gateway, get('/waits'))
    await untilWaiting(gateway, 1)
    await gateway.update([{ op, service: 'echo', id: `echo-${upstream.port}` }])
    assert.equal(reasonIn(await reader.until('"requestId"')), 'ERR_GATEWAY_NO_INSTANCE')
    busy.socket.write(OK)
    await client.reader.until('ok')
  })
}

test('whoever has tried all that are left is told, and does not wait for its deadline', async (t) => {
  const full = await startFull(t)
  const bad = await startRawUpstream()
  t.after(() => bad.close())
  const { gateway } = full
  await gateway.update([{ op: 'instance', instance: instanceSpec(bad.port) }])
  const { reader } = say(t, gateway, get('/tries'))
  const { socket, reader: request } = await bad.accept()
  await request.until('/tries')
  socket.resetAndDestroy()
  await untilWaiting(gateway, 1)
  await gateway.update([{ op: 'instance-gone', service: 'echo', id: `echo-${full.upstream.port}` }])
  assert.equal(reasonIn(await reader.until('"requestId"')), 'ERR_GATEWAY_NO_INSTANCE')
})

test('a raw connection has a place like others, waits for one like others, and its end wakes the queue', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const gateway = await startGateway(t, [upstream.port], {
    service: { ...one, pendingMax: 1 },
    gateway: { listeners },
  })
  const first = say(t, gateway, 'one', 'db')
  const { reader: tunnel } = await upstream.accept()
  await tunnel.until('one')
  const second = say(t, gateway, 'two', 'db')
  await untilWaiting(gateway, 1)
  // No place to wait: closed.
  await say(t, gateway, 'three', 'db').reader.closed()
  assert.equal(upstream.sockets.length, 1)
  first.socket.resetAndDestroy()
  const next = await upstream.accept()
  await next.reader.until('two')
  const { reader } = say(t, gateway, get('/http'))
  await untilWaiting(gateway, 1)
  second.socket.resetAndDestroy()
  const last = await upstream.accept()
  await last.reader.until('/http')
  last.socket.write(OK)
  await reader.until('ok')
})

test('a cookie that names a full instance waits for it; one that names nobody goes where there is room', async (t) => {
  const full = await startFull(t, {
    balance: { algorithm: 'sticky-cookie', slowStartMs: 0, cookie: 'x' },
  })
  const { gateway } = full
  const other = await startRawUpstream()
  t.after(() => other.close())
  await gateway.update([{ op: 'instance', instance: instanceSpec(other.port) }])
  const { instances } = gateway.worker.context.services.get('echo')!
  const named = stickyValueOf(instances.get(`echo-${full.upstream.port}`)!)
  const pinned = say(t, gateway, get('/pinned', `Cookie: x=${named}\r\n`))
  await untilWaiting(gateway, 1)
  for (let index = 1; index <= 3; index++) {
    const free = say(t, gateway, get(`/free-${index}`, 'Cookie: x=0000000000000000\r\n'))
    const [socket] = other.sockets
    const at = socket === undefined ? await other.accept() : undefined
    if (at !== undefined) {
      await at.reader.until('/free-1')
      at.socket.write(OK)
    } else {
      while (gateway.worker.context.exchanges.length < 3) await turnOfLoop()
      socket!.write(OK)
    }
    assert.match(await free.reader.until('ok'), /set-cookie: x=/)
  }
  assert.equal(waitingOf(gateway), 1)
  full.busy.socket.write(OK)
  await full.busy.reader.until('/pinned')
  full.busy.socket.write(OK)
  await pinned.reader.until('ok')
})

test('whoever waits and finds that another worker was faster keeps its place', async (t) => {
  const { gateway, busy, upstream } = await startFull(t, { pendingMax: 2 })
  const waiting = [say(t, gateway, get('/1'))]
  await untilWaiting(gateway, 1)
  waiting.push(say(t, gateway, get('/2')))
  await untilWaiting(gateway, 2)
  const { turns, services } = gateway.worker.context
  const service = services.get('echo')!
  const { permits } = service.instances.get(`echo-${upstream.port}`)!
  // It has room until somebody takes it, and that is the other one.
  const take = permits.take.bind(permits)
  const lost = Promise.withResolvers<void>()
  let isLost = false
  Object.defineProperty(permits, 'hasRoom', { get: () => !isLost, configurable: true })
  permits.take = () => {
    isLost = true
    lost.resolve()
    return false
  }
  busy.socket.resetAndDestroy()
  await lost.promise
  await turnOfLoop()
  assert.equal(service.waiting.size, 2)
  Object.defineProperty(permits, 'hasRoom', { get: () => service.waiting.size === 2 })
  permits.take = take
  turns.schedule(service)
  turns.run()
  const next = await upstream.accept()
  await next.reader.until('/1')
  next.socket.write(OK)
  await next.reader.until('/2')
  next.socket.write(OK)
  for (const { reader } of waiting) await reader.until('ok')
})
