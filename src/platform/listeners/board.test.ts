import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { systemClock } from '../clock.ts'
import { ListenerBoard } from './board.ts'
import type { ListenerTable, ListenSettings } from './table.ts'
import { ListenerTakenError } from './taken-error.ts'

const table: ListenerTable = {
  front: {
    protocol: 'http',
    port: 1,
    about: 'Front',
    access: 'public',
    isOfData: true,
    variables: ({ port }) => ({ FRONT_PORT: String(port) }),
  },
  consul: {
    protocol: 'http',
    port: 1,
    about: 'Consul',
    access: 'public',
    variables: ({ host, port }) => ({ CONSUL_HTTP_ADDR: `${host}:${port}` }),
  },
  syslog: { protocol: 'tcp', port: 1, about: 'Syslog', access: 'addresses' },
  dns: { protocol: 'udp', port: 1, about: 'Names', access: 'addresses' },
  names: { protocol: 'udp+tcp', port: 1, about: 'Names', access: 'addresses' },
}

function boardOf(listen: Omit<ListenSettings, 'default'>, portsBefore = new Map<string, number>()) {
  return new ListenerBoard({
    table,
    listen: { default: 'auto', ...listen },
    sourceOf: (path) => `line of ${String(path)}`,
    log: () => {},
    clock: systemClock,
    portsBefore,
  })
}

const free = { host: '127.0.0.1', port: 0 }
const register = (): void => {}

async function takenPort(t: TestContext): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

function stateOf(board: ListenerBoard, name: string): string | undefined {
  return board.views().find(({ id }) => id === name)?.error
}

test('off, automatic and named, and what is told of each', async (t) => {
  const port = await takenPort(t)
  const off = boardOf({ consul: 'off' })
  assert.equal(await off.http('consul', { register }), undefined)
  assert.equal(stateOf(off, 'consul'), 'off')
  assert.deepEqual(off.variables(), {})
  const named = boardOf({ consul: { host: '127.0.0.1', port } })
  await assert.rejects(named.http('consul', { register }), (error) => {
    assert.ok(error instanceof ListenerTakenError)
    assert.match(
      error.message,
      new RegExp(`127.0.0.1:${port} \\(TCP, EADDRINUSE\\).*listen.consul`),
    )
    return true
  })
  const auto = new ListenerBoard({
    table: { consul: { ...table['consul']!, port } },
    listen: { default: 'auto' },
    sourceOf: () => 'default',
    log: () => {},
    clock: systemClock,
    portsBefore: new Map(),
  })
  assert.equal(await auto.http('consul', { register }), undefined)
  assert.match(stateOf(auto, 'consul') ?? '', /EADDRINUSE/)
  assert.deepEqual(
    auto.problems().map(({ code, key }) => [code, key]),
    [['ERR_LISTENER_TAKEN', 'consul']],
  )
  await assert.rejects(off.tcp('consul', { received: () => 0 }), /no tcp listener consul/)
})

test('only what is open is in the environment, the data plane’s listeners too; a free port stays', async (t) => {
  const board = boardOf({ consul: free })
  const view = { kind: 'gateway', url: '', caller: '', service: '', source: '' } as const
  board.reportOfData(() => [{ ...view, id: 'front', address: '127.0.0.1:8080', error: 'taken' }])
  assert.deepEqual(board.variables(), {})
  const open = await board.http('consul', { register })
  t.after(() => open?.close())
  const there = `127.0.0.1:${open?.port}`
  assert.deepEqual(board.variables(), { CONSUL_HTTP_ADDR: there })
  board.reportOfData(() => [{ ...view, id: 'front', address: '127.0.0.1:8080', error: '' }])
  assert.deepEqual(board.variables(), { CONSUL_HTTP_ADDR: there, FRONT_PORT: '8080' })
  assert.deepEqual(
    board.views().map(({ id }) => id),
    ['consul', 'front'],
  )
  const port = open?.port ?? 0
  await open?.close()
  const again = await boardOf({ consul: free }, new Map([['consul', port]])).http('consul', {
    register,
  })
  t.after(() => again?.close())
  assert.equal(again?.port, port)
})

test('an HTTP listener tells errors as its protocol does', async (t) => {
  const board = boardOf({ consul: free })
  const open = await board.http('consul', {
    register,
    failure: ({ statusCode, message }) => ({
      contentType: 'text/plain',
      body: `${statusCode} ${message}`,
    }),
  })
  t.after(() => open?.close())
  const get = async (path: string) => {
    const asked = request({ port: open?.port, path, agent: false }).end()
    const [response] = await once(asked, 'response')
    return text(response)
  }
  assert.equal(await get('/v1/x'), '404 There is no GET /v1/x.')
  assert.match(await get('/openapi.json'), /^404 /)
})

const lines = (bytes: Buffer, answer: (line: string) => void): number => {
  let taken = 0
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, taken)) {
    answer(bytes.subarray(taken, end).toString())
    taken = end + 1
  }
  return taken
}

async function dial(port: number | undefined): Promise<Socket> {
  const socket = connect(port ?? 0, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

test('TCP: messages in pieces, answers, and limits on connections and on what waits', async (t) => {
  const board = boardOf({ syslog: free })
  const open = await board.tcp('syslog', {
    received: (bytes, connection) => lines(bytes, (line) => connection.write(`got ${line}\n`)),
    limits: { connectionsMax: 2, messageBytesMax: 1_000 },
  })
  t.after(() => open?.close())
  const first = await dial(open?.port)
  first.write('one\ntw')
  assert.equal(String((await once(first, 'data'))[0]), 'got one\n')
  first.write('o\n')
  assert.equal(String((await once(first, 'data'))[0]), 'got two\n')
  const second = await dial(open?.port)
  const third = await dial(open?.port)
  await once(third, 'close')
  assert.equal(open?.refused()['connections'], 1)
  second.write('x'.repeat(1_001))
  await once(second, 'close')
  assert.equal(open?.refused()['messageBytes'], 1)
  first.write('three\n')
  assert.equal(String((await once(first, 'data'))[0]), 'got three\n', 'the others go on')
  const families = board.metrics().find(({ name }) => name === 'backplane_listener_refused_total')
  const refused = [...(families?.samples ?? [])].filter(({ value }) => value > 0)
  assert.deepEqual(
    refused.map(({ labels }) => labels['limit']),
    ['connections', 'messageBytes'],
  )
})

test('TCP: a connection that says nothing for too long is closed, one that speaks is not', async (t) => {
  const board = boardOf({ syslog: free })
  const limits = { idleMs: 200 }
  const open = await board.tcp('syslog', { received: (bytes) => bytes.length, limits })
  t.after(() => open?.close())
  const [idle, busy] = [await dial(open?.port), await dial(open?.port)]
  const speaking = setInterval(() => busy.write('x'), 20)
  t.after(() => clearInterval(speaking))
  await once(idle, 'close')
  while (open?.connectionCount() !== 1) await turn()
  assert.equal(busy.destroyed, false)
})

test('UDP: datagrams and replies; what is too long is dropped and counted', async (t) => {
  const open = await boardOf({ dns: free }).udp('dns', {
    received: (message, from) => from.reply(Buffer.from(`got ${message.toString()}`)),
    messageBytesMax: 10,
  })
  t.after(() => open?.close())
  const client = createSocket('udp4')
  t.after(() => client.close())
  client.send('x'.repeat(11), open?.port, '127.0.0.1')
  client.send('hello', open?.port, '127.0.0.1')
  assert.equal(String((await once(client, 'message'))[0]), 'got hello')
  assert.equal(open?.refused()['messageBytes'], 1)
})

test('UDP and TCP at one port: both or none', async (t) => {
  const board = boardOf({ names: free })
  const echo = { received: (bytes: Buffer) => bytes.length }
  const open = await board.udpAndTcp(
    'names',
    { received: (message, from) => from.reply(message), messageBytesMax: 10 },
    { received: (bytes, connection) => (connection.write(bytes), bytes.length) },
  )
  t.after(() => open?.close())
  const client = createSocket('udp4')
  t.after(() => client.close())
  client.send('x'.repeat(11), open?.port, '127.0.0.1')
  client.send('over UDP', open?.port, '127.0.0.1')
  assert.equal(String((await once(client, 'message'))[0]), 'over UDP')
  const socket = await dial(open?.port)
  t.after(() => socket.destroy())
  socket.write('over TCP')
  assert.equal(String((await once(socket, 'data'))[0]), 'over TCP')
  assert.equal(open?.refused()['messageBytes'], 1)
  assert.equal(board.views()[0]?.kind, 'udp')
  // Only its UDP half is taken: the TCP half is given back.
  const reserved = createServer().listen(0, '127.0.0.1')
  await once(reserved, 'listening')
  const { port } = reserved.address() as AddressInfo
  const taken = createSocket('udp4').bind(port, '127.0.0.1')
  await once(taken, 'listening')
  t.after(() => taken.close())
  await new Promise((resolve) => reserved.close(resolve))
  const named = boardOf({ names: { host: '127.0.0.1', port } })
  await assert.rejects(named.udpAndTcp('names', { received: () => {} }, echo), /UDP, EADDRINUSE/)
  const tcp = await boardOf({ syslog: { host: '127.0.0.1', port } }).tcp('syslog', echo)
  assert.equal(tcp?.port, port)
  await tcp?.close()
})

test('localhost is both loopback addresses, with one port', async (t) => {
  const board = boardOf({
    syslog: { host: 'localhost', port: 0 },
    dns: { host: 'localhost', port: 0 },
  })
  const tcp = await board.tcp('syslog', { received: (bytes) => bytes.length })
  const udp = await board.udp('dns', { received: (_message, from) => from.reply(Buffer.from('!')) })
  t.after(() => Promise.all([tcp?.close(), udp?.close()]))
  const hasIPv6 = Object.values(networkInterfaces()).some((all) =>
    all?.some(({ address }) => address === '::1'),
  )
  for (const host of hasIPv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1']) {
    const socket = connect(tcp?.port ?? 0, host)
    await once(socket, 'connect')
    socket.destroy()
    const client = createSocket(host === '::1' ? 'udp6' : 'udp4')
    client.send('?', udp?.port, host)
    assert.equal(String((await once(client, 'message'))[0]), '!')
    client.close()
  }
})

test('a listener beyond loopback whose capability asks for no token is not opened', async () => {
  const secured: ListenerTable = {
    admin: { protocol: 'http', port: 1, about: 'Admin', access: { token: ['admin', 'token'] } },
  }
  const board = new ListenerBoard({
    table: secured,
    listen: { default: 'auto', admin: { host: '0.0.0.0', port: 0 } },
    sourceOf: () => 'default',
    log: () => {},
    clock: systemClock,
    portsBefore: new Map(),
  })
  await assert.rejects(board.http('admin', { register }), /asks for no token/)
})

test('2,000 silent connections cost the next client nothing', async (t) => {
  const open = await boardOf({ consul: free }).http('consul', {
    register: (app) => void app.get('/here', () => 'yes'),
  })
  t.after(() => open?.close())
  const silent: Socket[] = []
  t.after(() => silent.forEach((socket) => socket.destroy()))
  for (let at = 0; at < 2_000; at++) {
    const socket = await dial(open?.port)
    // Half of a head is silence, too.
    if (at % 2 === 0) socket.write('GET /here HTTP/1.1\r\nHost: ')
    silent.push(socket)
  }
  // The listener and this test share a thread: a request that must wait for a timeout would fail it.
  const asked = request({ port: open?.port, path: '/here', agent: false, timeout: 5_000 }).end()
  const [response] = await once(asked, 'response')
  assert.equal(await text(response), 'yes')
  assert.ok((open?.refused()['silent'] ?? 0) > 1_000)
  assert.equal(open?.refused()['connections'], 0)
})
