import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startStorage } from '../../platform/storage/storage.ts'
import type { CheckSpec } from './check-spec.ts'
import type { CheckChange } from './model.ts'
import type { Registration } from './registration.ts'
import { FakeClock, startOn } from './testdata/ground.ts'

async function open(t: TestContext) {
  const clock = new FakeClock(1_000)
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  let started = await startOn(clock, storage)
  t.after(() => started.stop())
  return {
    clock,
    discovery: () => started.discovery,
    restart: async () => {
      await started.stop()
      started = await startOn(clock, storage)
    },
  }
}

const ttl = (id: string, more: Partial<CheckSpec> = {}): CheckSpec =>
  ({ kind: 'ttl', id, ttlMs: 10_000, isUniqueOnNode: true, ...more }) as CheckSpec

function web(id: string, more: Partial<Registration> = {}): Registration {
  const spec = { service: 'web', id, idOnNode: id, host: '127.0.0.1', port: 80 }
  return { spec, checks: [ttl(`service:${id}`)], source: 'consul', ...more }
}

test('a registration without a lease stays, over a restart too', async (t) => {
  const { clock, discovery, restart } = await open(t)
  await discovery().register(web('w1', { checks: [] }))
  clock.advance(1e9)
  await restart()
  const instance = discovery().instanceOnNode('local', 'w1')
  assert.equal(instance?.health, 'passing')
  assert.equal(instance?.lease, undefined)
  assert.equal(instance?.source, 'consul')
})

test('an id is unique on its node: under another name the service has moved, on another node it is another one', async (t) => {
  const { discovery, restart } = await open(t)
  await discovery().register(web('w1'))
  await discovery().register(
    web('w1', { spec: { ...web('w1').spec, service: 'shop' }, checks: [ttl('service:w1')] }),
  )
  const onEast = { ...web('w1').spec, node: 'east', id: 'east/w1' }
  await discovery().register(web('w1', { spec: onEast }))
  for (const again of [false, true]) {
    if (again) await restart()
    assert.deepEqual(
      [...discovery().instances('web')].map(({ id }) => id),
      ['east/w1'],
    )
    assert.equal(discovery().instanceOnNode('local', 'w1')?.service, 'shop')
    assert.equal(discovery().instanceOnNode('east', 'w1')?.service, 'web')
    assert.equal(discovery().checkOnNode('local', 'service:w1')?.instance?.service, 'shop')
  }
})

test('an id that was made up gives way to one that was asked for, and two services may use one id', async (t) => {
  const { discovery } = await open(t)
  const run = { host: '127.0.0.1', port: 1 }
  discovery().putInstance({ service: 'a', id: 'x', ...run }, { origin: 'run', checks: [] })
  discovery().putInstance({ service: 'b', id: 'x', ...run }, { origin: 'run', checks: [] })
  const ids = () => [...discovery().instancesOfNode('local')].map((one) => one.idOnNode).sort()
  assert.deepEqual(ids(), ['b/x', 'x'])
  await discovery().register(web('x'))
  assert.deepEqual(ids(), ['a/x', 'b/x', 'x'])
  assert.equal(discovery().instanceOnNode('local', 'x')?.service, 'web')
})

test('two sources do not fight over one instance', async (t) => {
  const { discovery } = await open(t)
  await discovery().register(web('w1'))
  const taken = { code: 'ERR_DISCOVERY_INSTANCE_TAKEN' }
  await assert.rejects(discovery().register(web('w1', { source: 'eureka' })), taken)
  await assert.rejects(
    discovery().register(
      web('w1', { spec: { ...web('w1').spec, service: 'shop' }, source: 'eureka' }),
    ),
    taken,
  )
})

test('checks come and go on a node and on an instance, known by their id on the node', async (t) => {
  const { discovery, restart } = await open(t)
  const changes: CheckChange[] = []
  discovery().onCheckChange((change) => changes.push(change))
  await discovery().register(web('w1', { checks: [] }))
  await discovery().registerCheck('local', undefined, ttl('disk', { initially: 'passing' }))
  await discovery().registerCheck('local', 'w1', ttl('deep', { initially: 'passing' }))
  assert.equal(discovery().instance('web', 'w1')?.health, 'passing')
  assert.ok(discovery().reportNodeCheck('local', 'disk', 'critical', 'full'))
  assert.equal(discovery().instance('web', 'w1')?.health, 'critical')
  assert.ok(discovery().reportNodeCheck('local', 'disk', 'passing', ''))
  // The same id on an instance: it has moved there.
  await discovery().registerCheck('local', 'w1', ttl('disk'))
  assert.deepEqual(discovery().node('local')?.checks, [])
  assert.equal(discovery().instance('web', 'w1')?.health, 'critical')
  await restart()
  assert.deepEqual(
    discovery()
      .instance('web', 'w1')
      ?.checks.map(({ id }) => id),
    ['deep', 'disk'],
  )
  assert.ok(await discovery().deregisterCheck('local', 'disk'))
  assert.equal(await discovery().deregisterCheck('local', 'disk'), false)
  assert.equal(discovery().reportNodeCheck('local', 'disk', 'passing', ''), false)
  assert.equal(discovery().instance('web', 'w1')?.health, 'passing')
  assert.deepEqual(
    changes.map(({ check, status }) => `${check} ${status ?? 'gone'}`),
    ['disk critical', 'disk passing', 'disk gone'],
  )
  await assert.rejects(discovery().registerCheck('local', 'w2', ttl('x')), {
    code: 'ERR_DISCOVERY_INSTANCE_UNKNOWN',
  })
})

test('a TTL check stands as it did after a restart, and has its whole time again', async (t) => {
  const { clock, discovery, restart } = await open(t)
  await discovery().register(web('w1'))
  await discovery().register(web('w2'))
  assert.equal(discovery().instance('web', 'w1')?.health, 'critical', 'nobody has reported yet')
  discovery().reportNodeCheck('local', 'service:w1', 'passing', 'fine')
  discovery().reportNodeCheck('local', 'service:w2', 'warning', 'slow')
  clock.advance(9_000)
  await restart()
  const seen = () =>
    [...discovery().instances('web')].map(
      ({ id, health, checks }) => `${id} ${health} ${checks[0]?.output ?? ''}`,
    )
  assert.deepEqual(seen(), ['w1 passing fine', 'w2 warning slow'])
  clock.advance(9_999)
  assert.deepEqual(seen(), ['w1 passing fine', 'w2 warning slow'])
  discovery().reportNodeCheck('local', 'service:w2', 'warning', 'slow')
  clock.advance(1)
  assert.match(seen().join(), /^w1 critical TTL expired.*fine,w2 warning slow$/)
})

test('what is critical for too long is deregistered for good, from one second on', async (t) => {
  const { clock, discovery, restart } = await open(t)
  const check = ttl('service:w1', { deregisterAfterMs: 1_000, initially: 'passing' })
  await discovery().register(web('w1', { checks: [check] }))
  clock.advance(9_999)
  discovery().reportNodeCheck('local', 'service:w1', 'critical', '')
  clock.advance(999)
  discovery().reportNodeCheck('local', 'service:w1', 'warning', '')
  clock.advance(5_000)
  discovery().reportNodeCheck('local', 'service:w1', 'critical', '')
  clock.advance(999)
  assert.ok(discovery().instance('web', 'w1'))
  clock.advance(1)
  assert.equal(discovery().instance('web', 'w1'), undefined)
  await restart()
  assert.equal(discovery().instance('web', 'w1'), undefined)
})

test('an alias stands as another one does, through a chain, and a ring does not run for ever', async (t) => {
  const { discovery } = await open(t)
  const alias = (of: string): CheckSpec => ({ kind: 'alias', node: 'local', aliasOf: of })
  await discovery().register(web('a', { checks: [alias('b')] }))
  assert.equal(discovery().instance('web', 'a')?.health, 'critical', 'b is not there yet')
  await discovery().register(web('b', { checks: [alias('c')] }))
  await discovery().register(web('c', { checks: [ttl('service:c', { initially: 'passing' })] }))
  const seen = () => [...discovery().instances('web')].map(({ health }) => health).join(' ')
  assert.equal(seen(), 'passing passing passing')
  discovery().reportNodeCheck('local', 'service:c', 'warning', '')
  assert.equal(seen(), 'warning warning warning')
  await discovery().registerCheck('local', 'c', { ...alias('a'), id: 'ring' })
  discovery().reportNodeCheck('local', 'service:c', 'critical', '')
  assert.equal(seen(), 'critical critical critical')
  await discovery().setNodeMaintenance('local', 'cables')
  assert.equal(seen(), 'critical critical critical')
})

test('maintenance of an instance and of a node takes out of rotation and outlives a restart', async (t) => {
  const { discovery, restart } = await open(t)
  await discovery().register(web('w1', { checks: [] }))
  await discovery().setOverride('web', 'w1', 'maintenance', 'new disk')
  await discovery().setNodeMaintenance('local', 'cables')
  await restart()
  assert.equal(discovery().instance('web', 'w1')?.overrideReason, 'new disk')
  assert.equal(discovery().node('local')?.maintenance, 'cables')
  await discovery().setOverride('web', 'w1', undefined)
  assert.equal(discovery().instance('web', 'w1')?.health, 'critical')
  await discovery().setNodeMaintenance('local', undefined)
  assert.equal(discovery().instance('web', 'w1')?.health, 'passing')
})

test('a node goes with its registrations and checks; what runs here stays', async (t) => {
  const { discovery, restart } = await open(t)
  await discovery().registerNode({ name: 'east', address: '10.0.0.9', meta: { rack: '1' } })
  const spec = { ...web('w1').spec, node: 'east', id: 'east/w1' }
  await discovery().register(web('w1', { spec }))
  await discovery().registerCheck('east', undefined, ttl('alive'))
  await restart()
  assert.equal(discovery().node('east')?.address, '10.0.0.9')
  assert.equal(discovery().node('east')?.checks.length, 1)
  assert.ok(await discovery().deregisterNode('east'))
  assert.equal(await discovery().deregisterNode('east'), false)
  assert.equal(discovery().node('east'), undefined)
  assert.deepEqual([...discovery().services()], [])
  await restart()
  assert.equal(discovery().node('east'), undefined)
})

test('a guard may give a lease more time', async (t) => {
  const { clock, discovery } = await open(t)
  let moreMs: number | undefined = 500
  discovery().guardLeases('eureka', () => moreMs)
  await discovery().register(web('w1', { checks: [], ttlMs: 1_000, source: 'eureka' }))
  await discovery().register(web('w2', { checks: [], ttlMs: 1_000, source: 'consul' }))
  clock.advance(1_000)
  assert.deepEqual(
    [...discovery().instances('web')].map(({ id }) => id),
    ['w1'],
  )
  moreMs = undefined
  clock.advance(500)
  assert.deepEqual([...discovery().instances('web')], [])
})

test('the second source is used only while the first has nobody who is well', async (t) => {
  const { discovery } = await open(t)
  const put = (id: string, priority: number) =>
    discovery().putInstance(
      { service: 'web', id, host: '10.0.0.1', port: 80, priority },
      { origin: 'followed', source: 'dns', checks: [{ kind: 'reported' }], initially: 'passing' },
    )
  put('b1', 1)
  put('b2', 1)
  const routed = () =>
    [...discovery().instances('web')].filter((one) => one.isRoutable).map(({ id }) => id)
  assert.deepEqual(routed(), ['b1', 'b2'])
  put('a1', 0)
  assert.deepEqual(routed(), ['a1'])
  assert.equal(discovery().problemOf('web'), undefined)
  discovery().reportCheck('web', 'a1', 'reported', 'critical', '')
  assert.deepEqual(routed(), ['b1', 'b2'])
  discovery().reportCheck('web', 'a1', 'reported', 'warning', '')
  assert.deepEqual(routed(), ['a1'])
  discovery().removeInstance('web', 'a1')
  assert.deepEqual(routed(), ['b1', 'b2'])
  assert.equal(discovery().service('web')?.routableCount, 2)
})

test('watchers of a node hear of it, its checks and its instances, and of nobody else', async (t) => {
  const { discovery } = await open(t)
  await discovery().registerNode({ name: 'east', address: '10.0.0.9' })
  discovery().flush()
  let told = 0
  discovery().subscribe({ node: 'east' }, () => told++)
  const index = discovery().indexOf({ node: 'east' })
  const wait = discovery().waitForChange({ node: 'east' }, index, 1_000)
  await discovery().register(web('w1'))
  discovery().flush()
  assert.equal(told, 0)
  assert.equal(discovery().indexOf({ node: 'east' }), index)
  await discovery().registerCheck('east', undefined, ttl('alive'))
  discovery().flush()
  assert.equal(told, 1)
  assert.ok((await wait) > index)
  await discovery().register(
    web('w1', { spec: { ...web('w1').spec, node: 'east', id: 'east/w1' }, checks: [] }),
  )
  discovery().flush()
  assert.equal(told, 2)
  assert.equal(discovery().watchersOf({ node: 'east' }), 1)
  assert.equal(discovery().watchersOf({ service: 'web' }), 0)
})

test('names are found in any case, the exact one first', async (t) => {
  const { discovery } = await open(t)
  await discovery().register(web('w1', { spec: { ...web('w1').spec, service: 'Web' } }))
  assert.equal(discovery().serviceName('wEB'), 'Web')
  await discovery().register(web('w2'))
  assert.equal(discovery().serviceName('WEB'), 'web')
  assert.equal(discovery().serviceName('Web'), 'Web')
  await discovery().deregister('web', 'w2')
  assert.equal(discovery().serviceName('web'), 'Web')
  assert.equal(discovery().serviceName('shop'), undefined)
})

test('what is beyond a limit is refused with its name', async (t) => {
  const { discovery } = await open(t)
  const refused = (registration: Registration, name: RegExp) =>
    assert.rejects(discovery().register(registration), { message: name })
  const { spec } = web('w1')
  await refused(web('x'.repeat(257)), /idCharactersMax/)
  await refused(web('w1', { spec: { ...spec, document: 'x'.repeat(33_000) } }), /documentChara/)
  await refused(web('w1', { spec: { ...spec, tags: Array(65).fill('t') } }), /tagsMax/)
  await refused(web('w1', { checks: Array(33).fill(ttl('x')) }), /checksMax/)
  await discovery().register(web('w1', { checks: [] }))
  for (let at = 0; at < 32; at++) await discovery().registerCheck('local', 'w1', ttl(`c${at}`))
  await assert.rejects(discovery().registerCheck('local', 'w1', ttl('c32')), {
    code: 'ERR_DISCOVERY_CHECKS_FULL',
  })
})
