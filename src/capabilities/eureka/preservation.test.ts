import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../platform/clock.ts'
import { probeOver } from './preservation.ts'
import { instanceOf, openGround, type Ground } from './testdata/ground.ts'

interface Hosts {
  readonly eureka?: object
  /** Of this machine, so that it can be tried; 0: nothing to try. */
  readonly port?: number
}

/** Registers instances that are renewed from addresses of their own. */
async function withHosts(
  t: TestContext,
  hosts: readonly string[],
  { eureka = {}, port = 0 }: Hosts = {},
): Promise<Ground> {
  const ground = await openGround(t, eureka)
  for (const host of hosts) {
    const hostName = port === 0 ? host : '127.0.0.1'
    const served = { $: port, '@enabled': String(port !== 0) }
    const body = instanceOf(host, { hostName, ipAddr: hostName, port: served })
    const reply = await ground.send('POST', '/eureka/apps/ORDERS', { body, address: host })
    assert.equal(reply.status, 204, reply.body)
  }
  ground.discovery.flush()
  return ground
}

const idsOf = ({ discovery }: Ground): readonly string[] =>
  [...discovery.instances('orders')].map(({ id }) => id).toSorted()

/** Moves the clock, while these go on renewing every ten seconds. */
async function pass(ground: Ground, ms: number, renewing: readonly string[] = []): Promise<void> {
  for (let left = ms; left > 0; left -= 10_000) {
    ground.clock.advance(Math.min(left, 10_000))
    for (const host of renewing) {
      await ground.send('PUT', `/eureka/apps/ORDERS/${host}`, { address: host })
    }
  }
}

test('one that falls silent while others of its network go on has died, at the end of its lease', async (t) => {
  const ground = await withHosts(t, ['10.0.0.1', '10.0.0.2', '10.0.0.3'])
  await pass(ground, 90_000, ['10.0.0.1', '10.0.0.2'])
  assert.deepEqual(idsOf(ground), ['10.0.0.1', '10.0.0.2'])
})

test('scaled in from ten to one without a word: the nine have died', async (t) => {
  const hosts = Array.from({ length: 10 }, (_, i) => `10.0.0.${i}`)
  const ground = await withHosts(t, hosts)
  await pass(ground, 90_000, ['10.0.0.0'])
  assert.deepEqual(idsOf(ground), ['10.0.0.0'])
  assert.equal(ground.part.api.preserved(), 0)
})

test('a whole network falls silent: it is kept, told, and goes on when it is heard again', async (t) => {
  const cut = ['10.0.1.1', '10.0.1.2', '10.0.1.3']
  const all = ['10.0.0.1', ...cut]
  const ground = await withHosts(t, all)
  await pass(ground, 120_000, ['10.0.0.1'])
  assert.deepEqual(idsOf(ground), all)
  assert.equal(ground.part.api.preserved(), 3)
  const [problem] = ground.part.problems?.() ?? []
  assert.equal(problem?.code, 'ERR_EUREKA_PRESERVING')
  assert.match(problem?.text ?? '', /^3 instances are kept/)
  await pass(ground, 30_000, all)
  assert.deepEqual(idsOf(ground), all)
  assert.equal(ground.part.api.preserved(), 0)
  assert.deepEqual([...(ground.part.problems?.() ?? [])], [])
})

test('who leaves in order is not missed: the rest of the network is judged without them', async (t) => {
  const ground = await withHosts(t, ['10.0.0.1', '10.0.0.2'])
  await ground.send('DELETE', '/eureka/apps/ORDERS/10.0.0.1', { address: '10.0.0.1' })
  await pass(ground, 90_000)
  assert.deepEqual(idsOf(ground), [], 'the only one that is left has died')
})

test('kept for so long and no longer; not at all where it is switched off', async (t) => {
  const hosts = ['10.0.1.1', '10.0.1.2']
  const ground = await withHosts(t, hosts, { eureka: { preserve: '5m' } })
  await pass(ground, 380_000)
  assert.deepEqual(idsOf(ground), hosts)
  await pass(ground, 20_000)
  assert.deepEqual(idsOf(ground), [])
  const off = await withHosts(t, hosts, { eureka: { preserve: '0s' } })
  await pass(off, 90_000)
  assert.deepEqual(idsOf(off), [])
})

test('nobody is kept on this machine, which is not cut from itself', async (t) => {
  const ground = await openGround(t)
  for (const id of ['a', 'b', 'c']) {
    await ground.send('POST', '/eureka/apps/ORDERS', { body: instanceOf(id) })
  }
  await pass(ground, 90_000)
  assert.deepEqual(idsOf(ground), [])
})

test('of those that are kept, one that refuses a connection has died after all', async (t) => {
  const hosts = ['10.0.1.1', '10.0.1.2']
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const ground = await withHosts(t, hosts, { port })
  const connected = once(server, 'connection')
  await pass(ground, 100_000)
  await connected
  await pass(ground, 100_000)
  assert.deepEqual(idsOf(ground), hosts, 'they are there')
  server.close()
  await once(server, 'close')
  for (let tries = 0; idsOf(ground).length > 0 && tries < 1_000; tries++) {
    await pass(ground, 2_000)
    await new Promise((done) => setImmediate(done))
  }
  assert.deepEqual(idsOf(ground), [])
  assert.ok(ground.clock.monotonicMs() < 1_700_000_900_000, 'long before the time to keep is over')
})

test('after a restart nobody has been heard: all are kept rather than none', async (t) => {
  const hosts = ['10.0.0.1', '10.0.0.2']
  const ground = await withHosts(t, hosts)
  await ground.stop()
  const again = await openGround(t, {}, ground)
  await pass(again, 200_000)
  assert.deepEqual(idsOf(again), hosts)
  await pass(again, 30_000, ['10.0.0.1'])
  assert.deepEqual(idsOf(again), ['10.0.0.1'], 'the network works: the other one has died')
})

test('a connection is tried over TCP', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const probe = probeOver(systemClock)
  assert.equal(await probe('127.0.0.1', port, 1_000), 'open')
  server.close()
  await once(server, 'close')
  assert.equal(await probe('127.0.0.1', port, 1_000), 'refused')
})
