import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startStorage } from '../../platform/storage/storage.ts'
import type { ProcessSpec, ProcessState } from '../../contracts/supervisor.ts'
import { configOf, exited, running, startHouse, statusOf } from './testdata/house.ts'

const services = { orders: { run: 'node orders.js $BACKPLANE_INSTANCE', instances: 2 } }

/** The specifications that a former control plane gave. */
async function formerSpecs(
  t: TestContext,
  of: object = services,
): Promise<ReadonlyMap<string, ProcessSpec>> {
  const { processes, supervisor } = await startHouse(t, configOf(of))
  processes.begin(configOf(of))
  return supervisor.specs
}

const specOf = (specs: ReadonlyMap<string, ProcessSpec>, id: string): ProcessSpec => {
  const spec = specs.get(id)
  assert.ok(spec)
  return spec
}

test('what runs with the same specification is adopted, in rotation where it was', async (t) => {
  const specs = await formerSpecs(t)
  const found = [
    statusOf(specOf(specs, 'orders-1'), running(1)),
    statusOf(specOf(specs, 'orders-2'), running(2)),
  ]
  const config = configOf(services)
  const { processes, told } = await startHouse(t, config, { found, routed: ['orders orders-1'] })
  processes.begin(config)
  assert.deepEqual(await told(), ['put orders-1 1 routable', 'put orders-2 2'])
})

test('another specification is replaced, after the new one is up', async (t) => {
  const specs = await formerSpecs(t, { orders: { run: 'node old.js' } })
  const found = [statusOf(specOf(specs, 'orders-1'), running(1))]
  const config = configOf({ orders: { run: 'node new.js' } })
  const { processes, told, supervisor, registry } = await startHouse(t, config, {
    found,
    routed: ['orders orders-1'],
  })
  processes.begin(config)
  assert.deepEqual(await told(), ['put orders-1 1 routable', 'start orders-2'])
  supervisor.says('orders-2', running(2))
  registry.passes('orders-2')
  assert.deepEqual(await told(), ['put orders-2 2', 'drain orders-1', 'await drained orders-1'])
})

test('processes of a service that is not in the file any more are stopped and forgotten', async (t) => {
  const specs = await formerSpecs(t)
  const found = [
    statusOf(specOf(specs, 'orders-1'), running(1)),
    statusOf(specOf(specs, 'orders-2'), exited(0)),
  ]
  const config = configOf({})
  const { processes, supervisor, told } = await startHouse(t, config, { found })
  processes.begin(config)
  assert.deepEqual(await told(), ['stop orders-1', 'forget orders-2'])
  supervisor.says('orders-1', exited(0))
  assert.deepEqual(await told(), ['forget orders-1'])
})

test('a restart of control in the middle of a stop: it is ended, then replaced', async (t) => {
  const specs = await formerSpecs(t)
  const stopping: ProcessState = { state: 'stopping', pid: 1, port: 1, killAtMs: 9 }
  const found = [
    statusOf(specOf(specs, 'orders-1'), stopping),
    statusOf(specOf(specs, 'orders-2'), running(2)),
  ]
  const config = configOf(services)
  const { processes, supervisor, told } = await startHouse(t, config, {
    found,
    routed: ['orders orders-2'],
  })
  processes.begin(config)
  assert.deepEqual(await told(), ['stop orders-1', 'put orders-2 2 routable', 'start orders-3'])
  supervisor.says('orders-1', exited(0))
  assert.deepEqual(await told(), ['forget orders-1'])
})

test('what had ended on demand while control was away does not keep its place', async (t) => {
  const specs = await formerSpecs(t)
  const found = [
    statusOf(specOf(specs, 'orders-1'), exited(0)),
    statusOf(specOf(specs, 'orders-2'), running(2)),
  ]
  const config = configOf(services)
  const { processes, told } = await startHouse(t, config, { found })
  processes.begin(config)
  const said = await told()
  assert.ok(said.includes('forget orders-1'))
  assert.equal(said.filter((one) => one.startsWith('start ')).length, 1, said.join())
})

test('a finished task stays finished', async (t) => {
  const of = { migrate: { run: 'm', task: true }, web: { run: 'w', after: ['migrate'] } }
  const specs = await formerSpecs(t, of)
  const found = [statusOf(specOf(specs, 'migrate-1'), exited(0))]
  const { processes, told } = await startHouse(t, configOf(of), { found })
  processes.begin(configOf(of))
  assert.deepEqual(await told(), ['start web-1'])
})

test('changes at run time outlive a restart, within what the file allows then', async (t) => {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  const wide = configOf({
    orders: { run: 'o', instances: { min: 1, max: 5 } },
    users: { run: 'u' },
  })
  const { processes } = await startHouse(t, wide, { storage })
  await Promise.all([
    processes.scale('orders', 4),
    processes.stop('users'),
    processes.stop('orders'),
    processes.start('orders'),
  ])
  assert.deepEqual(processes.override('orders'), {
    service: 'orders',
    instances: 4,
    isStopped: false,
  })

  const narrow = configOf({
    orders: { run: 'o', instances: { min: 1, max: 3 } },
    users: { run: 'u' },
  })
  const second = await startHouse(t, narrow, { storage })
  second.processes.begin(narrow)
  assert.deepEqual(await second.told(), ['start orders-1', 'start orders-2', 'start orders-3'])
  await second.processes.clearOverride('users')
  assert.deepEqual(await second.told(), ['start users-1'])
  assert.equal(second.processes.override('users'), undefined)
  assert.equal(second.processes.targetByFile('orders'), 1)

  const gone = await startHouse(t, configOf({ orders: { at: ['127.0.0.1:1'] } }), { storage })
  assert.equal(gone.processes.override('orders'), undefined, 'it is not ours any more')
})
