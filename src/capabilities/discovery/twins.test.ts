import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { startStorage, type Storage } from '../../platform/storage/storage.ts'
import { settingsSchema, type Settings } from '../../settings.ts'
import type { Registration } from './registration.ts'
import { FakeClock, oneCheck, startOn } from './testdata/ground.ts'

async function open(t: TestContext, given?: Storage, clock = new FakeClock(1_000)) {
  const storage = given ?? (await startStorage({ file: ':memory:' }))
  const started = await startOn(clock, storage)
  t.after(async () => {
    await started.stop()
    if (given === undefined) await storage.close()
  })
  return { ...started, clock, storage }
}

const place = { service: 'orders', host: '127.0.0.1', port: 8_080 } as const
const house = { ...place, id: 'orders-1' } as const
const run = { origin: 'run', checks: [] } as const

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let count = 0; count < 1_000; count++) {
    if (await isSo()) return
    await new Promise((done) => setImmediate(done))
  }
  assert.fail('it never was so')
}

/** As Consul registers a service with a TTL check. */
function said(id: string, more: Partial<Registration['spec']> = {}): Registration {
  return {
    spec: { ...place, id, idOnNode: id, tags: ['v1'], meta: { zone: 'a' }, ...more },
    checks: [{ kind: 'ttl', id: `service:${id}`, isUniqueOnNode: true, ttlMs: 10_000 }],
    source: 'consul',
    client: '127.0.0.1',
  }
}

test('a registration of an instance of the house says more of it, and is not a second one', async (t) => {
  const { discovery } = await open(t)
  discovery.putInstance({ ...house, tags: ['own'] }, run)
  const registered = await discovery.register(said('web'))
  assert.equal(registered.id, 'orders-1')
  assert.deepEqual(registered.tags, ['own', 'v1'])
  assert.deepEqual(registered.meta, { zone: 'a' })
  assert.equal([...discovery.instances('orders')].length, 1)
  assert.equal(discovery.instanceOnNode('local', 'web'), registered)
  assert.equal(discovery.instanceOnNode('local', 'orders-1'), undefined)
  assert.equal(registered.isRoutable, false, 'its TTL check waits for a report')
  assert.ok(discovery.reportNodeCheck('local', 'service:web', 'passing', ''))
  assert.equal(registered.isRoutable, true)
  await discovery.registerCheck('local', 'web', {
    kind: 'reported',
    id: 'disk',
    initially: 'critical',
  })
  assert.equal(registered.isRoutable, false)
  assert.ok(await discovery.deregisterCheck('local', 'disk'))
  assert.equal(registered.isRoutable, true, 'the other check went on')
  await discovery.deregister('orders', 'web')
  assert.deepEqual(
    [registered.tags, registered.checks, registered.idOnNode],
    [['own'], [], 'orders-1'],
  )
  await assert.rejects(discovery.deregister('orders', 'web'), /never was/)
  await assert.rejects(discovery.deregister('orders', 'orders-1'), /supervised process/)
})

test('an active check of a twin takes nobody out of rotation before it has run', async (t) => {
  const { discovery } = await open(t)
  discovery.putInstance(house, run)
  const check = {
    kind: 'tcp',
    id: 'service:web',
    isUniqueOnNode: true,
    initially: 'critical',
  } as const
  const one = await discovery.register({ ...said('web'), checks: [{ ...check, ...oneCheck }] })
  assert.equal(one.isRoutable, true)
})

test('a process that ends takes along what it registered; what comes again is new', async (t) => {
  const { discovery, storage } = await open(t)
  discovery.putInstance(house, run)
  await discovery.register(said('web'))
  discovery.putInstance({ ...house, port: 9_090 }, run)
  assert.equal(discovery.instanceOnNode('local', 'web'), undefined)
  discovery.putInstance(house, run)
  await discovery.register(said('web'))
  discovery.removeInstance('orders', 'orders-1')
  assert.deepEqual([...discovery.instances('orders')], [])
  await until(
    async () => (await storage.read('SELECT id FROM discovery_registrations')).length === 0,
  )
})

test('what somebody else runs stays registered when the file forgets it', async (t) => {
  const { discovery } = await open(t)
  const folder = '.'
  const services = (at?: string): Settings['services'] =>
    settingsSchema.parse({ services: { orders: at === undefined ? {} : { at: [at] } } }).services
  discovery.configure(services('127.0.0.1:8080'), { folder })
  const one = await discovery.register(said('web'))
  discovery.reportNodeCheck('local', 'service:web', 'passing', 'well')
  discovery.configure(services('127.0.0.1:8080'), { folder })
  assert.equal(discovery.instanceOnNode('local', 'web'), one, 'a reload changes nothing')
  assert.deepEqual(
    one.checks.map(({ id, status }) => `${id} ${status}`),
    ['service:web passing', 'tcp unknown'],
  )
  discovery.configure(services(), { folder })
  const [alone, ...others] = [...discovery.instances('orders')]
  assert.deepEqual([alone?.id, alone?.origin, others.length], ['web', 'registered', 0])
  discovery.configure(services('127.0.0.1:8080'), { folder })
  assert.deepEqual(
    [...discovery.instances('orders')].map(({ id }) => id),
    ['127.0.0.1:8080'],
  )
})

test('over a restart it is one instance again, with its status, and nobody is left of processes that ended meanwhile', async (t) => {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  const clock = new FakeClock(1_000)
  const first = await open(t, storage, clock)
  first.discovery.putInstance(house, run)
  first.discovery.putInstance({ ...house, id: 'orders-2', port: 8_081 }, run)
  await first.discovery.register(said('web'))
  await first.discovery.register(said('web-2', { port: 8_081 }))
  await first.discovery.register(said('elsewhere', { host: '10.0.0.9' }))
  first.discovery.reportNodeCheck('local', 'service:web', 'passing', 'well')
  await first.stop()
  const { discovery } = await open(t, storage, clock)
  assert.equal([...discovery.instances('orders')].length, 3)
  const one = discovery.putInstance(house, { ...run, initially: 'passing' })
  await discovery.forgetOrphans()
  assert.deepEqual([...discovery.instances('orders')].map(({ id }) => id).toSorted(), [
    'elsewhere',
    'orders-1',
  ])
  assert.equal(discovery.instanceOnNode('local', 'web'), one)
  assert.equal(one.isRoutable, true)
  const rows = await storage.read('SELECT id FROM discovery_registrations ORDER BY id')
  assert.deepEqual(
    rows.map(({ id }) => id),
    ['elsewhere', 'web'],
  )
})

test('a lease, and a check that is critical for too long, end what was registered and not the instance', async (t) => {
  const { discovery, clock } = await open(t)
  const one = discovery.putInstance(house, run)
  await discovery.register({ ...said('web'), checks: [], ttlMs: 5_000, source: 'eureka' })
  clock.advance(4_000)
  assert.ok(discovery.renew('orders', 'web'))
  clock.advance(4_000)
  assert.equal(one.twins.length, 1)
  clock.advance(2_000)
  assert.deepEqual([one.twins.length, one.isRoutable], [0, true])
  assert.equal(discovery.renew('orders', 'web'), false)
  const ttl = {
    kind: 'ttl',
    id: 'beat',
    isUniqueOnNode: true,
    ttlMs: 1_000,
    deregisterAfterMs: 3_000,
  }
  await discovery.register({ ...said('web'), checks: [ttl as Registration['checks'][number]] })
  assert.equal(one.isRoutable, false)
  clock.advance(3_001)
  assert.deepEqual([one.twins.length, one.isRoutable, one.checks.length], [0, true, 0])
})

test('an override of a registration goes over to the instance that it is', async (t) => {
  const { discovery, storage } = await open(t)
  await discovery.register(said('web'))
  await discovery.setOverride('orders', 'web', 'maintenance', 'new disk')
  const one = discovery.putInstance(house, run)
  await until(async () => one.override !== undefined)
  assert.equal(one.overrideReason, 'new disk')
  await until(async () => (await storage.read('SELECT id FROM discovery_overrides')).length === 1)
  assert.equal((await storage.read('SELECT id FROM discovery_overrides'))[0]?.['id'], 'orders-1')
})

test('a local tool that registers somebody else at the same port registers somebody else', async (t) => {
  const { discovery } = await open(t)
  discovery.putInstance(house, run)
  await discovery.register(said('far', { host: '10.0.0.9' }))
  assert.equal([...discovery.instances('orders')].length, 2)
})

test('an id that moves between an instance, another one and nobody is always there once', async () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({
        do: fc.constant('register' as const),
        id: fc.constantFrom('a', 'b'),
        port: fc.constantFrom(1, 2, 3),
        service: fc.constantFrom('orders', 'users'),
      }),
      fc.record({ do: fc.constant('deregister' as const), id: fc.constantFrom('a', 'b') }),
      fc.record({ do: fc.constant('put' as const), port: fc.constantFrom(1, 2) }),
      fc.record({ do: fc.constant('remove' as const), port: fc.constantFrom(1, 2) }),
    ),
    { maxLength: 20 },
  )
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const storage = await startStorage({ file: ':memory:' })
      const started = await startOn(new FakeClock(1_000), storage)
      const { discovery } = started
      for (const step of all) {
        if (step.do === 'put') {
          discovery.putInstance({ ...house, id: `orders-${step.port}`, port: step.port }, run)
        } else if (step.do === 'remove') discovery.removeInstance('orders', `orders-${step.port}`)
        else if (step.do === 'register') {
          const { id, port, service } = step
          await discovery.register(said(id, { port, service }))
          const there = discovery.instanceOnNode('local', id)
          assert.equal(there?.port, port)
          assert.equal(there.service, service)
        } else {
          const there = discovery.instanceOnNode('local', step.id)
          if (there !== undefined) await discovery.deregister(there.service, step.id)
          assert.equal(discovery.instanceOnNode('local', step.id), undefined)
        }
        const instances = [...discovery.instances('orders'), ...discovery.instances('users')]
        for (const { origin, service, port } of instances) {
          const others = instances.filter((one) => one.service === service && one.port === port)
          if (origin === 'run') assert.equal(others.length, 1, `${service} ${port} is there twice`)
        }
        assert.equal(discovery.counts().instances, instances.length)
      }
      const known = ['a', 'b'].filter((id) => discovery.instanceOnNode('local', id) !== undefined)
      await until(async () => {
        const rows = await storage.read('SELECT id FROM discovery_registrations ORDER BY id')
        return rows.map(({ id }) => id).join() === known.join()
      })
      await started.stop()
      await storage.close()
    }),
    { numRuns: 40 },
  )
})
