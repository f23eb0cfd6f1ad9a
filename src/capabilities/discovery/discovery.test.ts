import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { SqlRow } from '../../platform/storage/messages.ts'
import { startStorage, type Storage } from '../../platform/storage/storage.ts'
import { settingsSchema, type Settings } from '../../settings.ts'
import { parseRegistration } from './registration.ts'
import { FakeClock, startOn } from './testdata/ground.ts'

async function openStorage(t: TestContext): Promise<Storage> {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  return storage
}

async function open(t: TestContext, config = {}, given?: Storage) {
  const clock = new FakeClock(1_000)
  const storage = given ?? (await openStorage(t))
  const started = await startOn(clock, storage, config)
  t.after(() => started.stop())
  return { clock, storage, ...started }
}

const registrationOf = (id: string, ttl = '10s') =>
  parseRegistration('orders', id, { host: '127.0.0.1', port: 80, ttl }, 30_000)
const servicesOf = (services: object): Settings['services'] =>
  settingsSchema.parse({ services }).services
const idsOf = (found: Iterable<{ readonly id: string }>) => [...found].map(({ id }) => id).sort()

test('the file declares services and static instances, by difference', async (t) => {
  const { discovery } = await open(t)
  const folder = '/nowhere'
  const [first, second] = ['127.0.0.1:1', '[::1]:2']
  discovery.configure(servicesOf({ legacy: { at: [first, second] }, orders: { run: 'x' } }), {
    folder,
  })
  assert.deepEqual(idsOf(discovery.instances('legacy')), [second, first].toSorted())
  assert.deepEqual(
    [...discovery.services()].map(({ name, instanceCount }) => `${name} ${instanceCount}`),
    ['legacy 2', 'orders 0'],
  )
  const kept = discovery.instance('legacy', second ?? '')
  assert.equal(kept?.host, '::1')
  assert.deepEqual(
    kept.checks.map(({ kind, status }) => `${kind} ${status}`),
    ['tcp unknown'],
  )
  const index = discovery.indexOf({ service: 'legacy' })
  discovery.configure(servicesOf({ legacy: { at: [second] } }), { folder })
  assert.deepEqual(idsOf(discovery.instances('legacy')), [second])
  assert.equal(discovery.instance('legacy', second ?? ''), kept, 'what stays is the same record')
  assert.ok(discovery.indexOf({ service: 'legacy' }) > index)
  assert.equal(discovery.service('orders'), undefined)
  discovery.configure({}, { folder })
  assert.deepEqual([...discovery.services()], [])
})

test('adopted instances are in rotation before their checks have run', async (t) => {
  const { discovery } = await open(t)
  discovery.configure(servicesOf({ legacy: { at: ['127.0.0.1:1', '127.0.0.1:2'] } }), {
    folder: '.',
  })
  discovery.adopt([
    { service: 'legacy', id: '127.0.0.1:1' },
    { service: 'gone', id: 'x' },
  ])
  assert.deepEqual(
    [...discovery.instances('legacy')].map(({ id, health }) => `${id} ${health}`),
    ['127.0.0.1:1 passing', '127.0.0.1:2 unknown'],
  )
  const checks = [
    { kind: 'tcp', intervalMs: 1_000, timeoutMs: 100, healthy: 1, unhealthy: 1, startupMs: 0 },
  ] as const
  const spec = { service: 'orders', id: 'orders-1', host: '127.0.0.1', port: 9 }
  const put = discovery.putInstance(spec, { origin: 'run', checks, initially: 'passing' })
  assert.equal(put.isRoutable, true)
})

test('the bound on instances holds under registrations at the same time', async (t) => {
  const storage = await openStorage(t)
  let writes = 0
  const counting: Storage = {
    ...storage,
    write: (statements) => (writes++, storage.write(statements)),
  }
  const { discovery } = await open(t, { instances: 5 }, counting)
  writes = 0
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, at) => discovery.register(registrationOf(`i${at}`))),
  )
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 5)
  for (const result of results) {
    if (result.status === 'rejected') assert.equal(result.reason.code, 'ERR_DISCOVERY_FULL')
  }
  assert.equal(discovery.counts().instances, 5)
  assert.equal(writes, 5, 'what is refused is not stored first')
})

test('what was acknowledged comes back, also when the bound is lower now', async (t) => {
  const storage = await openStorage(t)
  const first = await startOn(new FakeClock(), storage)
  for (const id of ['a', 'b', 'c']) await first.discovery.register(registrationOf(id))
  await first.stop()
  const { discovery } = await open(t, { instances: 2 }, storage)
  assert.equal(discovery.counts().instances, 3)
  await assert.rejects(discovery.register(registrationOf('d')), { code: 'ERR_DISCOVERY_FULL' })
})

test('a lease that ends while its renewal is written does not delete what was acknowledged', async (t) => {
  const { discovery, clock, storage } = await open(t)
  await discovery.register(registrationOf('a'))
  clock.advance(9_999)
  const again = discovery.register(registrationOf('a', '20s'))
  clock.advance(1)
  assert.equal(discovery.instance('orders', 'a'), undefined, 'it lapsed before the write was done')
  await again
  assert.ok(discovery.instance('orders', 'a'))
  const rows = await storage.read('SELECT id FROM discovery_registrations')
  assert.deepEqual(idsOf(rows as readonly (SqlRow & { id: string })[]), ['a'])
})

test('a registration that cannot be stored is not there', async (t) => {
  const storage = await openStorage(t)
  const { discovery } = await open(t, {}, storage)
  await storage.close()
  await assert.rejects(discovery.register(registrationOf('a')), { code: 'ERR_STORAGE_CLOSED' })
  assert.equal(discovery.instance('orders', 'a'), undefined)
})

test('an index never falls, also when the clock of the next start is behind', async (t) => {
  const storage = await openStorage(t)
  const first = await startOn(new FakeClock(2e12), storage)
  await first.discovery.register(registrationOf('a'))
  const index = first.discovery.indexOf('all')
  await first.stop()
  const second = await startOn(new FakeClock(1e12), storage)
  t.after(() => second.stop())
  assert.ok(second.discovery.indexOf('all') > index)
  assert.ok(Number.isSafeInteger(second.discovery.indexOf('all')))
  // A client that has waited with the old index is answered at once.
  const woken = await second.discovery.waitForChange({ service: 'orders' }, index, 60_000)
  assert.ok(woken > index)
})

test('more registrations than a page of the storage come back', async (t) => {
  const storage = await openStorage(t)
  const first = await startOn(new FakeClock(), storage, { instances: 20_000 })
  await Promise.all(
    Array.from({ length: 5_001 }, (_, at) => first.discovery.register(registrationOf(`i${at}`))),
  )
  await first.stop()
  const second = await startOn(new FakeClock(), storage, { instances: 20_000 })
  t.after(() => second.stop())
  assert.equal(second.discovery.counts().instances, 5_001)
})

test('a node and its check count for the instances on it', async (t) => {
  const { discovery } = await open(t)
  const spec = { service: 'orders', host: '127.0.0.1', port: 80 }
  await discovery.registerNode({ name: 'east', address: '10.0.0.1', meta: { rack: '7' } })
  await discovery.registerCheck('east', undefined, {
    kind: 'reported',
    id: 'serf',
    initially: 'passing',
  })
  discovery.putInstance({ ...spec, id: 'a', node: 'east' }, { origin: 'run', checks: [] })
  discovery.putInstance({ ...spec, id: 'b' }, { origin: 'run', checks: [] })
  discovery.reportNodeCheck('east', 'serf', 'critical', 'no answer')
  const seen = () => [...discovery.instances('orders')].map(({ id, health }) => `${id} ${health}`)
  assert.deepEqual(seen(), ['a critical', 'b passing'])
  await discovery.deregisterCheck('east', 'serf')
  assert.deepEqual(seen(), ['a passing', 'b passing'])
  assert.deepEqual(
    [...discovery.nodes()].map(({ name, instanceCount }) => `${name} ${instanceCount}`),
    ['east 1', 'local 1'],
  )
})

test('waiting for an instance ends when it is in rotation, at its time, or when it goes', async (t) => {
  const { discovery, clock } = await open(t)
  const spec = { service: 'orders', host: '127.0.0.1', port: 80 }
  const checks = [{ kind: 'ttl', id: 'beat', ttlMs: 60_000 }] as const
  for (const id of ['a', 'b', 'c'])
    discovery.putInstance({ ...spec, id }, { origin: 'run', checks })
  const waits = ['a', 'b', 'c'].map((id) => discovery.whenRoutable('orders', id, 1_000))
  discovery.reportCheck('orders', 'a', 'beat', 'passing', '')
  discovery.removeInstance('orders', 'b')
  discovery.flush()
  assert.equal(await waits[0], true)
  assert.equal(await waits[1], false)
  clock.advance(1_000)
  assert.equal(await waits[2], false)
})

test('other checks of a reload take nobody out of rotation', async (t) => {
  const { discovery } = await open(t)
  const at = '127.0.0.1:1'
  const spec = { service: 'orders', id: 'orders-1', host: '127.0.0.1', port: 80 }
  discovery.configure(servicesOf({ orders: { run: 'x' }, legacy: { at: [at] } }), { folder: '.' })
  discovery.putInstance(spec, { origin: 'run', initially: 'passing' })
  discovery.adopt([{ service: 'legacy', id: at }])
  const health = { http: '/health' }
  discovery.configure(servicesOf({ orders: { run: 'x', health }, legacy: { at: [at], health } }), {
    folder: '.',
  })
  for (const instance of [
    discovery.instance('orders', 'orders-1'),
    discovery.instance('legacy', at),
  ]) {
    assert.deepEqual(
      instance?.checks.map(({ kind }) => kind),
      ['http'],
    )
    assert.equal(instance?.isRoutable, true)
  }
  const index = discovery.indexOf('all')
  discovery.configure(servicesOf({ orders: { run: 'x', health }, legacy: { at: [at], health } }), {
    folder: '.',
  })
  assert.equal(discovery.indexOf('all'), index, 'the same again is no change')
})
