import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { TYPE } from '../../mechanisms/dns/message.ts'
import { parseMessage } from '../../mechanisms/dns/parse.ts'
import type { Scope } from '../../platform/capability.ts'
import { systemClock } from '../../platform/clock.ts'
import { ListenerBoard } from '../../platform/listeners/board.ts'
import type { Opened } from '../../platform/listeners/tcp.ts'
import { startConsulDns } from './consul-dns.ts'
import { consulDnsSettings } from './settings.ts'
import { dnsOf, openGround, put, queryOf, textOf, type Ground } from './testdata/ground.ts'

async function open(t: TestContext, dns: object, from?: Ground) {
  const { discovery } = from ?? (await openGround(t))
  const board = new ListenerBoard({
    table: consulDnsSettings.listeners,
    listen: { default: 'auto', 'consul-dns': { host: '127.0.0.1', port: 0 } },
    sourceOf: () => 'here',
    log: () => {},
    clock: systemClock,
    portsBefore: new Map(),
  })
  let opened: Opened | undefined
  const releases: (() => void | Promise<void>)[] = []
  const scope: Scope = {
    name: 'consul-dns',
    clock: systemClock,
    random: Math.random,
    log: () => {},
    stopping: new AbortController().signal,
    onStop: (release) => void releases.push(release),
    listeners: {
      http: () => Promise.reject(new Error('not asked for')),
      lean: () => Promise.reject(new Error('not asked for')),
      tcp: () => Promise.reject(new Error('not asked for')),
      udp: () => Promise.reject(new Error('not asked for')),
      udpAndTcp: async (...options) => (opened = await board.udpAndTcp(...options)),
    },
  }
  const part = await startConsulDns(dnsOf(dns), { discovery }, scope)
  t.after(async () => {
    await opened?.close()
    for (const release of releases) await release()
  })
  return { part, port: opened?.port ?? 0, discovery }
}

async function askUdp(t: TestContext, port: number, query: Buffer) {
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  socket.send(query, port, '127.0.0.1')
  const [bytes] = (await once(socket, 'message')) as [Buffer]
  return parseMessage(bytes)
}

/** Writes bytes over TCP and reads so many messages. */
async function askTcp(t: TestContext, port: number, bytes: Buffer, count: number) {
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.write(bytes)
  let received = Buffer.alloc(0)
  const messages = []
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer])
    while (received.length >= 2 && received.length >= received.readUInt16BE(0) + 2) {
      const end = received.readUInt16BE(0) + 2
      messages.push(parseMessage(received.subarray(2, end)))
      received = received.subarray(end)
    }
    if (messages.length >= count) break
  }
  return messages
}

const framed = (query: Buffer): Buffer =>
  Buffer.concat([Buffer.from([query.length >> 8, query.length & 255]), query])

/** A resolver that answers as it is told. */
async function resolver(t: TestContext, answer: (query: Buffer, socket: Socket) => Buffer | void) {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => socket.close())
  socket.on('message', (query, from) => {
    const reply = answer(query, socket)
    if (reply !== undefined) socket.send(reply, from.port, from.address)
  })
  return `127.0.0.1:${socket.address().port}`
}

/** The query as an answer without records. */
const answered = (query: Buffer): Buffer => {
  const reply = Buffer.from(query)
  reply[2]! |= 0x80
  return reply
}

test('UDP and TCP give the same; many questions a connection, in pieces', async (t) => {
  const ground = await openGround(t)
  const { port, part } = await open(t, {}, ground)
  for (let i = 1; i <= 100; i++) put(ground, 'web', `10.0.0.${i}`, 80)
  const query = queryOf('web.service.consul', TYPE.SRV)
  const short = await askUdp(t, port, query)
  assert.ok(short.isTruncated)
  const pair = Buffer.concat([framed(query), framed(queryOf('web.service.consul', TYPE.A))])
  const [srv, a] = await askTcp(t, port, pair, 2)
  assert.deepEqual([srv?.answers.length, a?.answers.length], [100, 100])
  const samples = [...(part.metrics?.() ?? [])].flatMap(({ name, samples: all }) =>
    [...all].map(({ labels, value }) => `${name} ${Object.values(labels).join(' ')} ${value}`),
  )
  assert.ok(samples.includes('backplane_dns_queries_total udp SRV answer 1'), samples.join('\n'))
  assert.ok(samples.includes('backplane_dns_truncated_total  1'))
})

test('garbage is no reason to stop, and answers are not answered', async (t) => {
  const ground = await openGround(t)
  const { port } = await open(t, {}, ground)
  put(ground, 'web', '10.0.0.1', 80)
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  socket.send(Buffer.from('garbage'), port, '127.0.0.1')
  socket.send(answered(queryOf('web.service.consul', TYPE.A)), port, '127.0.0.1')
  socket.send(Buffer.alloc(0), port, '127.0.0.1')
  socket.send(queryOf('web.service.consul', TYPE.A), port, '127.0.0.1')
  const [bytes] = (await once(socket, 'message')) as [Buffer]
  assert.deepEqual(parseMessage(bytes).answers.map(textOf), ['A 10.0.0.1'])
  const [malformed] = await askTcp(t, port, framed(Buffer.alloc(20)), 1).catch(() => [])
  assert.equal(malformed?.rcode, 1)
})

test('other names are asked of resolvers, in order, and their answers handed on as they are', async (t) => {
  const silent = await resolver(t, () => {})
  const lying = await resolver(t, (query, socket) => {
    const wrongId = answered(query)
    wrongId[0]! ^= 0xff
    void socket
    return wrongId
  })
  const seen: Buffer[] = []
  const good = await resolver(t, (query) => {
    seen.push(query)
    return answered(query)
  })
  const { port, part } = await open(t, {
    recursors: [silent, lying, good],
    recursorTimeout: '100ms',
  })
  const message = await askUdp(t, port, queryOf('ExAmple.com', TYPE.A, 1232))
  assert.equal(message.id, 4711)
  assert.deepEqual(message.questions[0]?.name.labels, ['ExAmple', 'com'])
  assert.equal(seen.length, 1)
  const inside = await askUdp(t, port, queryOf('nobody.service.consul', TYPE.A))
  assert.equal(inside.rcode, 3, 'what is ours is not asked of others')
  assert.equal(seen.length, 1)
  const prepared = await part.prepare?.(dnsOf({ recursors: [silent], recursorTimeout: '50ms' }))
  await prepared?.commit()
  const failed = await askUdp(t, port, queryOf('example.com', TYPE.A))
  assert.equal(failed.rcode, 2, 'nobody answers')
  const again = await part.prepare?.(dnsOf({}))
  await again?.commit()
  const none = await askUdp(t, port, queryOf('example.com', TYPE.A))
  assert.equal(none.rcode, 3)
})

test('over TCP resolvers are asked over TCP', async (t) => {
  const upstream = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      const reply = framed(answered(bytes.subarray(2)))
      socket.write(reply.subarray(0, 5))
      socket.write(reply.subarray(5))
    })
  }).listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  t.after(() => upstream.close())
  const address = `127.0.0.1:${(upstream.address() as AddressInfo).port}`
  const { port } = await open(t, { recursors: [address] })
  const [message] = await askTcp(t, port, framed(queryOf('example.com', TYPE.A)), 1)
  assert.equal(message?.id, 4711)
  assert.equal(message.rcode, 0)
})
