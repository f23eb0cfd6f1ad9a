import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setImmediate as immediate } from 'node:timers/promises'
import { type TestContext, test } from 'node:test'
import type { RequestRecord, SnapshotOp } from '../contracts/snapshot.ts'
import { get, reasonIn } from './testing/setup.ts'
import {
  OK,
  type Reader,
  readFrom,
  startAnsweringUpstream,
  startRawUpstream,
} from './testing/sockets.ts'
import { type SpawnedData, spawnData } from './testing/spawned-data.ts'
import { gatewaySpec, instanceSpec, routeSpec, serviceSpec } from './testing/specs.ts'

async function spawn(t: TestContext, workers: number): Promise<SpawnedData> {
  const data = await spawnData(workers)
  t.after(() => data.stop())
  return data
}

function call(t: TestContext, port: number, bytes: string): { socket: Socket; reader: Reader } {
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  const reader = readFrom(socket)
  socket.write(bytes)
  return { socket, reader }
}

function everything(port: number, change: Parameters<typeof gatewaySpec>[0] = {}): SnapshotOp[] {
  return [
    { op: 'service', service: serviceSpec() },
    { op: 'instance', instance: instanceSpec(port) },
    { op: 'gateway', gateway: gatewaySpec(change) },
  ]
}

test('acknowledged means routable by every worker, and every request is accounted for', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const data = await spawn(t, 2)
  const control = await data.control()
  assert.deepEqual([control.hello.version, control.hello.workers, control.hello.routed], [0, 2, []])
  const [listener] = await control.update(everything(upstream.port), true)
  assert.equal(listener!.error, '')
  const answers = await Promise.all(
    Array.from({ length: 20 }, () =>
      call(t, listener!.port, get('/x', 'Connection: close\r\n')).reader.closed(),
    ),
  )
  assert.ok(answers.every((answer) => answer.startsWith('HTTP/1.1 200 OK')))
  const id = /x-request-id: (\w+)/.exec(answers[0]!)![1]!
  const record = (await control.ask('why', id)) as RequestRecord
  assert.deepEqual([record.route, record.service, record.status], ['everything', 'echo', 200])
  assert.equal(await control.ask('why', 'no-such-request'), null)
  assert.equal(((await control.ask('recent', 7)) as unknown[]).length, 7)
  const totals = await control.next('totals', ({ edges }) =>
    edges.some(({ statuses }) => statuses[2] === 20),
  )
  assert.equal(
    totals.process.requests.reduce((sum, count) => sum + count, 0),
    20,
  )
  assert.equal(
    totals.edges
      .find(({ route }) => route === 'everything')!
      .latencyCounts.reduce((sum, count) => sum + count, 0),
    20,
  )
  const lines = readFileSync(join(data.dataDir, 'access.log'), 'utf8').trimEnd().split('\n')
  assert.equal(lines.length, 20)
  for (const line of lines) assert.equal((JSON.parse(line) as RequestRecord).status, 200)
})

test('a listener whose port is taken says so, the others open; listeners come and go without touching connections', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.after(() => taken.close())
  const { port: takenPort } = taken.address() as { port: number }
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const data = await spawn(t, 2)
  const control = await data.control()
  const listener = (id: string, port: number) =>
    ({ kind: 'gateway', id, host: '127.0.0.1', port, proxyProtocol: false }) as const
  const listeners = await control.update(
    everything(upstream.port, { listeners: [listener('a', 0), listener('b', takenPort)] }),
    true,
  )
  assert.match(listeners[1]!.error, new RegExp(`127.0.0.1:${takenPort} is taken`))
  const { socket, reader } = call(t, listeners[0]!.port, get('/1'))
  await reader.until('ok')
  const next = await control.update([
    { op: 'gateway', gateway: gatewaySpec({ listeners: [listener('c', 0)] }) },
  ])
  assert.equal(next.length, 1)
  socket.write(get('/2'))
  await reader.until(/ok[^]*ok/)
  const [error] = (await once(connect(listeners[0]!.port, '127.0.0.1'), 'error')) as [
    NodeJS.ErrnoException,
  ]
  assert.equal(error.code, 'ECONNREFUSED')
  await call(t, next[0]!.port, get('/3')).reader.until('ok')
})

test('a removed instance is reported drained when its last request has ended', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const data = await spawn(t, 2)
  const control = await data.control()
  const [listener] = await control.update(everything(upstream.port), true)
  const { reader } = call(t, listener!.port, get())
  const { socket, reader: request } = await upstream.accept()
  await request.until('\r\n\r\n')
  const id = `echo-${upstream.port}`
  await control.update([{ op: 'instance-gone', service: 'echo', id }])
  assert.equal(
    reasonIn(await call(t, listener!.port, get()).reader.until('"requestId"')),
    'ERR_GATEWAY_NO_INSTANCE',
  )
  socket.write(OK)
  await reader.until('ok')
  await control.next('drained', (message) => message.id === id)
})

test('a removal is over when the requests of all earlier ones are, also for a control plane that asks again', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const data = await spawn(t, 2)
  const first = await data.control()
  const [listener] = await first.update(everything(upstream.port), true)
  const { reader } = call(t, listener!.port, get())
  const { socket, reader: request } = await upstream.accept()
  await request.until('\r\n\r\n')
  const instance = instanceSpec(upstream.port)
  const gone = (removal: number, id = instance.id): SnapshotOp => ({
    op: 'instance-gone',
    service: 'echo',
    id,
    removal,
  })
  await first.update([gone(1)])
  await first.update([{ op: 'instance', instance }])
  await first.update([gone(2)])
  const control = await data.control()
  const [service, , gateway] = everything(upstream.port)
  await control.update([service!, gone(2), gone(3), gateway!], true)
  await control.update([gone(4, 'never-there')])
  await control.next('drained', (message) => message.removal === 4)
  const drained = control.next('drained', (message) => message.removal === 3)
  assert.equal(await Promise.race([drained, immediate('in flight')]), 'in flight')
  socket.write(OK)
  await reader.until('ok')
  await drained
})

test('control goes and comes back: data serves on, tells what it routes, and a reset is applied as a difference', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const data = await spawn(t, 1)
  const first = await data.control()
  const [listener] = await first.update(everything(upstream.port), true)
  const { socket, reader } = call(t, listener!.port, get('/1'))
  await reader.until('ok')
  first.socket.destroy()
  socket.write(get('/2'))
  await reader.until(/ok[^]*ok/)
  const second = await data.control()
  assert.equal(second.hello.version, 1)
  assert.deepEqual(second.hello.routed, [{ service: 'echo', id: `echo-${upstream.port}` }])
  const [same] = await second.update(everything(upstream.port), true)
  assert.equal(same!.port, listener!.port)
  socket.write(get('/3'))
  await reader.until(/(ok[^]*){3}/)
  assert.equal(upstream.sockets.length, 1)
  const replaced = once(second.socket, 'close')
  const third = await data.control()
  await replaced
  assert.equal(third.hello.version, 2)
})

test('a stop lets what is in flight end, closes what is idle, keeps the outbound listeners, and SIGTERM ends the process', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  const data = await spawnData(2)
  const control = await data.control()
  const listeners = await control.update(
    everything(upstream.port, {
      listeners: [
        { kind: 'gateway', id: 'gateway', host: '127.0.0.1', port: 0, proxyProtocol: false },
        {
          kind: 'outbound',
          id: 'web>echo',
          host: '127.0.0.1',
          port: 0,
          caller: 'web',
          service: 'echo',
        },
      ],
    }),
    true,
  )
  const busy = call(t, listeners[0]!.port, get('/busy'))
  const { socket, reader: request } = await upstream.accept()
  await request.until('/busy')
  const idle = call(t, listeners[0]!.port, '')
  await once(idle.socket, 'connect')
  const drained = new Promise((resolve) =>
    // It also says that it is alive, once a second.
    data.child.on('message', (message: { type: string }) => {
      if (message.type !== 'alive') resolve(message)
    }),
  )
  data.tell({ type: 'drain', graceMs: 10_000 })
  await idle.reader.closed()
  const inside = call(t, listeners[1]!.port, get('/inside').replace('shop.example', 'localhost'))
  const second = await upstream.accept()
  await second.reader.until('/inside')
  second.socket.write(OK)
  await inside.reader.until('ok')
  socket.write(OK)
  assert.match(await busy.reader.closed(), /connection: close/)
  assert.deepEqual(await drained, { type: 'drained' })
  const startedMs = performance.now()
  assert.equal(await data.stop(), 0)
  assert.ok(performance.now() - startedMs < 1_500)
})

test('without its supervisor the process ends by itself', async () => {
  const data = await spawnData(1)
  const exited = once(data.child, 'exit')
  data.child.disconnect()
  assert.deepEqual(await exited, [0, null])
  await data.stop()
})

test('reloads and registrations during load: nothing fails, nothing drops', async (t) => {
  const upstream = await startAnsweringUpstream(OK)
  t.after(() => upstream.close())
  const data = await spawn(t, 2)
  const control = await data.control()
  const [listener] = await control.update(everything(upstream.port), true)
  let isOver = false
  let count = 0
  const loops = Array.from({ length: 4 }, async () => {
    const { socket, reader } = call(t, listener!.port, '')
    for (let i = 1; !isOver; i++, count++) {
      socket.write(get(`/${i}`))
      while ((reader.text.match(/\r\n\r\nok/g) ?? []).length < i) await once(socket, 'data')
    }
    return reader.text
  })
  for (let i = 0; i < 150; i++) {
    const other = instanceSpec(upstream.port, { id: `other-${i}` })
    const ops: SnapshotOp[] = [{ op: 'instance', instance: other }]
    if (i > 0) ops.push({ op: 'instance-gone', service: 'echo', id: `other-${i - 1}` })
    const spec = {
      kind: 'gateway',
      id: 'gateway',
      host: '127.0.0.1',
      port: listener!.port,
      proxyProtocol: false,
    } as const
    ops.push({
      op: 'gateway',
      gateway: gatewaySpec({ listeners: [spec], routes: [routeSpec({ id: `r${i}` })] }),
    })
    await control.update(ops)
  }
  isOver = true
  for (const text of await Promise.all(loops)) assert.doesNotMatch(text, /HTTP\/1\.1 [345]/)
  assert.ok(count > 100)
})

test('a limit of one connection is one connection, whichever workers its requests come to, and everybody is served', async (t) => {
  const upstream = await startRawUpstream()
  t.after(() => upstream.close())
  let open = 0
  let most = 0
  void (async () => {
    for (;;) {
      const { socket, reader } = await upstream.accept()
      open++
      socket.on('end', () => open--)
      // The end of the one before may be in the same turn of the loop.
      setImmediate(() => (most = Math.max(most, open)))
      void answerEach(socket, reader)
    }
  })()
  const data = await spawn(t, 2)
  const control = await data.control()
  const [listener] = await control.update(
    [
      { op: 'service', service: serviceSpec({ connectionsPerInstanceMax: 1 }) },
      { op: 'instance', instance: instanceSpec(upstream.port) },
      { op: 'gateway', gateway: gatewaySpec() },
    ],
    true,
  )
  const clients = Array.from({ length: 16 }, () => call(t, listener!.port, get('/0')))
  for (let round = 1; round <= 10; round++) {
    const answered = new RegExp(`(ok[^]*){${round}}`)
    await Promise.all(clients.map(({ reader }) => reader.until(answered)))
    for (const { socket } of clients) socket.write(get(`/${round}`))
  }
  assert.equal(most, 1)
})

async function answerEach(socket: Socket, reader: Reader): Promise<void> {
  try {
    for (let at = 0; ;) {
      await reader.until(new RegExp(`^[^]{${at}}[^]*?\\r\\n\\r\\n`))
      at = reader.text.indexOf('\r\n\r\n', at) + 4
      socket.write(OK)
    }
  } catch {
    socket.destroy()
  }
}
