import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instanceOf, listOf, openGround, ORDERS, register, type Reply } from './testdata/ground.ts'

test('an instance that Backplane runs and that registers itself is one instance', async (t) => {
  const ground = await openGround(t)
  const { discovery } = ground
  const run = { service: 'orders', id: 'orders-1', host: '127.0.0.1', port: 8080 }
  const own = { hostName: 'laptop', ipAddr: '192.168.1.7' }
  discovery.putInstance(run, { origin: 'run', checks: [] })
  await register(ground, 'laptop:orders:8080', own)
  assert.equal([...discovery.instances('orders')].length, 1)
  assert.deepEqual(await listOf(ground), ['ORDERS laptop:orders:8080 UP'])
  assert.equal((await ground.send('PUT', `${ORDERS}/laptop:orders:8080`)).status, 200)
  await register(ground, 'laptop:orders:8080', {
    ...own,
    status: 'DOWN',
    lastDirtyTimestamp: '1800000000000',
  })
  assert.deepEqual(await listOf(ground), ['ORDERS laptop:orders:8080 DOWN'])
  assert.equal(discovery.instance('orders', 'orders-1')?.isRoutable, false)
  await register(ground, 'laptop:orders:8080', { ...own, lastDirtyTimestamp: '1800000000001' })
  assert.equal(discovery.instance('orders', 'orders-1')?.isRoutable, true)
  discovery.setDraining('orders', 'orders-1', true)
  assert.deepEqual(await listOf(ground), ['ORDERS laptop:orders:8080 OUT_OF_SERVICE'])
  discovery.setDraining('orders', 'orders-1', false)
  ground.clock.advance(90_000)
  assert.deepEqual(await listOf(ground), ['ORDERS orders-1 UP'], 'nobody renewed what it said')
  assert.equal((await ground.send('DELETE', `${ORDERS}/laptop:orders:8080`)).status, 404)
})

test('one that registered before it was put is the same, too', async (t) => {
  const ground = await openGround(t)
  const { discovery } = ground
  await register(ground, 'early', { hostName: 'laptop', ipAddr: '192.168.1.7' })
  const run = { service: 'orders', id: 'orders-1', host: '127.0.0.1', port: 8080 }
  discovery.putInstance(run, { origin: 'run', checks: [] })
  discovery.flush()
  while ([...discovery.instances('orders')].length > 1) {
    await new Promise((done) => setImmediate(done))
  }
  assert.deepEqual(await listOf(ground), ['ORDERS early UP'])
})

test('one that leaves in order takes requests until whoever read the registry has read it again', async (t) => {
  const ground = await openGround(t, { linger: '30s' })
  const { clock, part } = ground
  const isDrained = async (timeoutMs = 60_000) => {
    let isOver = false
    void part.api.drained(timeoutMs).then(() => (isOver = true))
    await new Promise((done) => setImmediate(done))
    return () => isOver
  }
  assert.equal((await isDrained())(), true, 'nobody has read anything')
  await ground.send('GET', '/eureka/apps/')
  clock.advance(10_000)
  const over = await isDrained()
  clock.advance(19_000)
  await ground.send('GET', '/eureka/apps/delta')
  await new Promise((done) => setImmediate(done))
  assert.equal(over(), false)
  clock.advance(1_000)
  await new Promise((done) => setImmediate(done))
  assert.equal(over(), true, 'what was read later does not name it')
  const cut = await isDrained(5_000)
  clock.advance(5_000)
  await new Promise((done) => setImmediate(done))
  assert.equal(cut(), true)
})

test('a registration that some worker has not applied says so', async (t) => {
  const everywhere = () => new Promise<void>(() => {})
  const ground = await openGround(t, {}, { everywhere })
  const waiting = ground.send('POST', ORDERS, { body: instanceOf('one') })
  let reply: Reply | undefined
  void waiting.then((one) => (reply = one))
  for (let turn = 0; reply === undefined && turn < 1_000; turn++) {
    ground.clock.advance(100)
    await new Promise((done) => setImmediate(done))
  }
  assert.deepEqual([reply?.status, reply?.field('x-backplane-applied')], [204, 'pending'])
})
