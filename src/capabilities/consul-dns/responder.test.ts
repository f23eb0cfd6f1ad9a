import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { RCODE, TYPE } from '../../mechanisms/dns/message.ts'
import { parseMessage } from '../../mechanisms/dns/parse.ts'
import { tooMuch } from './responder.ts'
import { ask, dnsOf, openGround, put, queryOf, textOf, type Ground } from './testdata/ground.ts'

async function withWeb(t: TestContext, count: number, dns: object = {}): Promise<Ground> {
  const ground = await openGround(t, dns)
  for (let i = 1; i <= count; i++) put(ground, 'web', `10.0.${i >> 8}.${i & 255}`, 8000 + i)
  return ground
}

const answersOf = (ground: Ground, name: string, type: number): readonly string[] =>
  ask(ground, queryOf(name, type), 'tcp').message.answers.map(textOf).toSorted()

test('addresses and services, with the addresses of the services beside them', async (t) => {
  const ground = await withWeb(t, 2, { ttl: '5s', ttlOf: { db: '1m' } })
  put(ground, 'db', '::1', 5432, { tags: ['Primary', 'v1.2'], weight: 3 })
  put(ground, 'db', '10.9.9.9', 5433)
  assert.deepEqual(answersOf(ground, 'web.service.consul', TYPE.A), ['A 10.0.0.1', 'A 10.0.0.2'])
  const { message } = ask(ground, queryOf('_WEB._tcp.service.Consul', TYPE.SRV))
  assert.deepEqual(message.answers.map(textOf).toSorted(), [
    'SRV 1 1 8001 0a000001.addr.dc1.consul',
    'SRV 1 1 8002 0a000002.addr.dc1.consul',
  ])
  assert.deepEqual(message.additionals.map(textOf).toSorted(), ['A 10.0.0.1', 'A 10.0.0.2'])
  assert.ok(message.isAuthoritative && message.isResponse && !message.isTruncated)
  assert.equal(message.answers[0]?.ttlS, 5)
  assert.deepEqual(message.questions[0]?.name.labels, ['_WEB', '_tcp', 'service', 'Consul'])
  assert.deepEqual(answersOf(ground, 'primary.db.service.consul', TYPE.SRV), [
    `SRV 1 3 5432 ${'1'.padStart(32, '0')}.addr.dc1.consul`,
  ])
  assert.equal(answersOf(ground, 'v1.2.db.service.consul', TYPE.AAAA).length, 1)
  assert.equal(answersOf(ground, 'db.service.consul', TYPE.ANY).length, 2)
  assert.equal(
    ask(ground, queryOf('db.service.consul', TYPE.A)).message.answers[0]?.ttlS,
    60,
    'a time of its own',
  )
  assert.deepEqual(answersOf(ground, `${'1'.padStart(32, '0')}.addr.consul`, TYPE.AAAA), [
    `AAAA ${'1'.padStart(32, '0')}`,
  ])
})

test('one that is not well, drains or goes is not told any more, at once', async (t) => {
  const ground = await withWeb(t, 3)
  const ports = (): readonly string[] => answersOf(ground, 'web.service.consul', TYPE.A)
  assert.equal(ports().length, 3)
  ground.discovery.setDraining('web', '10.0.0.1:8001', true)
  assert.deepEqual(ports(), ['A 10.0.0.2', 'A 10.0.0.3'])
  await ground.discovery.setOverride('web', '10.0.0.2:8002', 'out-of-service')
  assert.deepEqual(ports(), ['A 10.0.0.3'])
  ground.discovery.removeInstance('web', '10.0.0.3:8003')
  const { message } = ask(ground, queryOf('web.service.consul', TYPE.A))
  assert.equal(message.rcode, RCODE.NXDOMAIN, 'as Consul: nobody is well, so no such name')
})

test('what is not there: no such name, no such type, and the start of authority', async (t) => {
  const ground = await withWeb(t, 1, { negativeTtl: '7s' })
  const missing = ask(ground, queryOf('nobody.service.consul', TYPE.A)).message
  assert.equal(missing.rcode, RCODE.NXDOMAIN)
  assert.deepEqual(missing.authorities.map(textOf), ['SOA ns.consul 7'])
  assert.equal(missing.authorities[0]?.ttlS, 7)
  const other = ask(ground, queryOf('web.service.consul', TYPE.AAAA)).message
  assert.equal(other.rcode, RCODE.NOERROR)
  assert.deepEqual(other.answers, [])
  assert.equal(other.authorities.length, 1)
  for (const name of ['constructor.service.consul', '__proto__.node.consul', 'x.query.consul']) {
    assert.equal(ask(ground, queryOf(name, TYPE.A)).message.rcode, RCODE.NXDOMAIN, name)
  }
  const foreign = ask(ground, queryOf('example.com', TYPE.A)).message
  assert.equal(foreign.rcode, RCODE.NXDOMAIN)
  assert.equal(foreign.isAuthoritative, false, 'it is not ours to say for others')
})

test('the domain itself, nodes, and names of addresses', async (t) => {
  const ground = await withWeb(t, 1)
  await ground.discovery.registerNode({
    name: 'Rack-1',
    address: '10.1.1.1',
    meta: { zone: 'a', 'rfc1035-hello': 'just this' },
  })
  assert.deepEqual(answersOf(ground, 'consul', TYPE.SOA), ['SOA ns.consul 0'])
  const ns = ask(ground, queryOf('consul', TYPE.NS)).message
  assert.deepEqual(ns.answers.map(textOf), ['NS Board.node.dc1.consul'])
  assert.deepEqual(ns.additionals.map(textOf), ['A 10.0.7.7'])
  const rack = ask(ground, queryOf('rack-1.node.consul', TYPE.A)).message
  assert.deepEqual(rack.answers.map(textOf), ['A 10.1.1.1'])
  assert.deepEqual(rack.additionals.map(textOf), ['TXT zone=a', 'TXT just this'])
  assert.equal(answersOf(ground, 'rack-1.node.consul', TYPE.ANY).length, 3)
  assert.deepEqual(answersOf(ground, 'board.node.consul', TYPE.A), ['A 10.0.7.7'])
  ground.clock.advance(1_000)
  assert.deepEqual(answersOf(ground, '1.0.0.10.in-addr.arpa', TYPE.PTR), ['PTR web.service.consul'])
  assert.deepEqual(answersOf(ground, '1.1.1.10.in-addr.arpa', TYPE.PTR), [
    'PTR Rack-1.node.dc1.consul',
  ])
})

test('names with capitals in the registry are found; a host name is an alias', async (t) => {
  const ground = await openGround(t)
  put(ground, 'Billing', '10.0.0.1', 80)
  put(ground, 'far', 'db.example.com', 5432)
  put(ground, 'here', 'localhost', 80)
  ground.discovery.flush()
  assert.deepEqual(answersOf(ground, 'BILLING.service.consul', TYPE.A), ['A 10.0.0.1'])
  assert.deepEqual(answersOf(ground, 'far.service.consul', TYPE.A), ['CNAME db.example.com'])
  assert.deepEqual(answersOf(ground, 'far.service.consul', TYPE.SRV), [
    'SRV 1 1 5432 db.example.com',
  ])
  assert.deepEqual(answersOf(ground, 'here.service.consul', TYPE.A), ['A 127.0.0.1'])
})

test('sizes: as much as the client takes, TC where something is left out, all over TCP', async (t) => {
  const ground = await withWeb(t, 300)
  const name = 'web.service.consul'
  for (const [size, bytesMax] of [
    [undefined, 512],
    [100, 512],
    [1232, 1232],
    [8192, 8192],
    [65_535, 8192],
  ] as const) {
    for (const type of [TYPE.A, TYPE.SRV]) {
      const { message, bytes } = ask(ground, queryOf(name, type, size))
      assert.ok(bytes.length <= bytesMax, `${bytes.length} of ${bytesMax}`)
      assert.equal(message.edns === undefined, size === undefined)
      const isAll = message.answers.length === 300
      assert.equal(message.isTruncated, !isAll, `${type} in ${size}`)
      assert.ok(isAll || bytes.length > bytesMax - 80, 'no room is left unused')
      if (type === TYPE.SRV) assert.equal(message.additionals.length, message.answers.length)
    }
  }
  const { message } = ask(ground, queryOf(name, TYPE.SRV), 'tcp')
  assert.deepEqual(
    [message.answers.length, message.additionals.length, message.isTruncated],
    [300, 300, false],
  )
  ground.settings = dnsOf({ udpBytes: '512B' })
  assert.ok(ask(ground, queryOf(name, TYPE.SRV, 4096)).bytes.length <= 512)
})

test('answers come in any order, and each instance has its turn where not all have room', async (t) => {
  const ground = await withWeb(t, 40)
  const first = new Map<string, number>()
  for (let i = 0; i < 2_000; i++) {
    const { message } = ask(ground, queryOf('web.service.consul', TYPE.SRV))
    const targets = message.answers.map(textOf)
    assert.equal(new Set(targets).size, targets.length)
    first.set(targets[0] ?? '', (first.get(targets[0] ?? '') ?? 0) + 1)
  }
  assert.equal(first.size, 40)
  // 50 expected; five standard deviations of a binomial are 35.
  for (const [, count] of first) assert.ok(count > 15 && count < 85, String(count))
})

test('what is wrong with a query is said in few bytes', async (t) => {
  const ground = await withWeb(t, 1)
  const rcodeOf = (bytes: Buffer): number => {
    const reply = ask(ground, bytes)
    assert.ok(reply.bytes.length <= bytes.length + 11)
    return reply.message.rcode
  }
  const query = queryOf('web.service.consul', TYPE.A, 1232)
  const changed = (at: number, byte: number): Buffer => {
    const copy = Buffer.from(query)
    copy[at] = byte
    return copy
  }
  assert.equal(rcodeOf(query.subarray(0, query.length - 3)), RCODE.FORMERR)
  assert.equal(rcodeOf(changed(5, 2)), RCODE.FORMERR)
  assert.equal(rcodeOf(Buffer.from('4711010000000000000000000', 'hex')), RCODE.FORMERR)
  assert.equal(rcodeOf(changed(2, 0x28)), RCODE.NOTIMP)
  assert.equal(rcodeOf(changed(query.length - 5, 1)), RCODE.BADVERS)
  assert.equal(rcodeOf(queryOf('consul', 252)), RCODE.REFUSED)
  const chaos = Buffer.from(queryOf('version.bind', TYPE.TXT))
  chaos[chaos.length - 1] = 3
  assert.equal(rcodeOf(chaos), RCODE.REFUSED)
  assert.deepEqual(ground.responder.respond(changed(2, 0x81), 'udp'), { kind: 'silence' })
  assert.deepEqual(ground.responder.respond(Buffer.alloc(11), 'udp'), { kind: 'silence' })
})

test('any bytes are answered in a whole message or not at all', async (t) => {
  const ground = await withWeb(t, 5)
  const query = queryOf('_web._tcp.service.consul', TYPE.SRV, 600)
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), (changes) => {
      const bytes = Buffer.from(query)
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte
      const response = ground.responder.respond(bytes, 'udp')
      if (response.kind === 'reply') parseMessage(response.bytes)
    }),
    { numRuns: 2_000 },
  )
})

test('"ask over TCP" is no longer than the question, and only for questions', () => {
  const query = queryOf('web.service.consul', TYPE.SRV, 8192)
  const reply = tooMuch(query)
  assert.ok(reply && reply.length < query.length)
  const message = parseMessage(reply)
  assert.ok(message.isTruncated && message.isResponse)
  assert.equal(message.id, 4711)
  assert.deepEqual([message.answers.length, message.questions.length], [0, 1])
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const short = tooMuch(bytes)
      assert.ok(short === undefined || short.length <= bytes.length)
    }),
  )
})

test('the domain, times and the name of the datacenter follow the file', async (t) => {
  const ground = await withWeb(t, 1)
  assert.equal(answersOf(ground, 'web.service.consul', TYPE.SRV).length, 1)
  ground.zone.configure(dnsOf({ domain: 'eu.example.com' }, 'fra'))
  assert.deepEqual(answersOf(ground, 'web.service.fra.eu.example.com', TYPE.SRV), [
    'SRV 1 1 8001 0a000001.addr.fra.eu.example.com',
  ])
  assert.deepEqual(answersOf(ground, 'web.service.consul', TYPE.SRV), [])
})
