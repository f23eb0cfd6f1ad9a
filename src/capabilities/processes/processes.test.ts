import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProblemError } from '../../platform/problem.ts'
import { configOf, exited, running, startHouse } from './testdata/house.ts'

const failed = { state: 'failed', code: 'ENOENT', message: 'no such program' } as const
const backingOff = {
  state: 'backing-off',
  startAtMs: 9,
  lastLines: [],
  exit: { code: 1, signal: null },
} as const

test('services start when what stands in `after` is healthy, or finished where it is a task', async (t) => {
  const config = configOf({
    migrate: { run: 'm', task: true },
    orders: { run: 'o', after: ['migrate'] },
    web: { run: 'w', after: ['orders'] },
  })
  const { processes, supervisor, registry, told } = await startHouse(t, config)
  assert.deepEqual(await told(), [], 'nothing starts before begin')
  processes.begin(config)
  assert.deepEqual(await told(), ['start migrate-1'])
  supervisor.says('migrate-1', running(1))
  supervisor.says('migrate-1', backingOff)
  assert.deepEqual(await told(), [], 'a task that failed is not finished, and never registered')
  supervisor.says('migrate-1', exited(0))
  assert.deepEqual(await told(), ['start orders-1'])
  supervisor.says('orders-1', running(2))
  assert.deepEqual(await told(), ['put orders-1 2'])
  registry.passes('orders-1')
  assert.deepEqual(await told(), ['start web-1'])
})

test('a crash takes an instance out at once; it comes back with its new port', async (t) => {
  const config = configOf({ orders: { run: 'o' } })
  const { processes, supervisor, told } = await startHouse(t, config)
  processes.begin(config)
  supervisor.says('orders-1', running(1))
  await told()
  supervisor.says('orders-1', backingOff)
  assert.deepEqual(await told(), ['remove orders-1'])
  supervisor.says('orders-1', running(2))
  assert.deepEqual(await told(), ['put orders-1 2'])
})

test('a restart goes one by one: the new one is up, then out of rotation, drained, stopped', async (t) => {
  const config = configOf({ orders: { run: 'o', instances: 2 } })
  const { processes, supervisor, registry, told, drained } = await startHouse(t, config)
  processes.begin(config)
  for (const id of ['orders-1', 'orders-2']) {
    supervisor.says(id, running(1))
    registry.passes(id)
  }
  await told()
  processes.restart('orders')
  assert.deepEqual(await told(), ['start orders-3'])
  supervisor.says('orders-3', running(3))
  assert.deepEqual(await told(), ['put orders-3 3'], 'the old ones stay until it is routable')
  registry.passes('orders-3')
  assert.deepEqual(await told(), ['drain orders-2', 'await drained orders-2', 'start orders-4'])
  drained('orders', 'orders-2')
  assert.deepEqual(await told(), ['stop orders-2'], 'the signal comes after the last request')
  supervisor.says('orders-2', exited(0))
  assert.deepEqual(await told(), ['forget orders-2', 'remove orders-2'])
  supervisor.says('orders-4', running(4))
  registry.passes('orders-4')
  assert.deepEqual(await told(), ['put orders-4 4', 'drain orders-1', 'await drained orders-1'])
  drained('orders', 'orders-1', false)
  assert.deepEqual(await told(), ['stop orders-1'], 'the time to drain has an end')
})

test('scale up and down; bounds; an unknown service', async (t) => {
  const config = configOf({
    orders: { run: 'o', instances: { min: 1, max: 3 } },
    fixed: { run: 'f', port: 80 },
  })
  const { processes, supervisor, registry, told, drained } = await startHouse(t, config)
  processes.begin(config)
  await told()
  await processes.scale('orders', 3)
  assert.deepEqual(await told(), ['start orders-2', 'start orders-3'])
  supervisor.says('orders-3', running(3))
  registry.passes('orders-3')
  await told()
  await processes.scale('orders', 2)
  assert.deepEqual(await told(), ['stop orders-2'], 'what is not up goes first, without a wait')
  supervisor.says('orders-2', exited(0))
  await processes.scale('orders', 0)
  assert.deepEqual(await told(), [
    'forget orders-2',
    'stop orders-1',
    'drain orders-3',
    'await drained orders-3',
  ])
  drained('orders', 'orders-3')
  const refused = (code: string) => (error: unknown) =>
    error instanceof ProblemError && error.code === code
  await assert.rejects(processes.scale('orders', 4), refused('ERR_PROCESSES_SCALE_BOUND'))
  await assert.rejects(processes.scale('fixed', 2), refused('ERR_PROCESSES_SCALE_BOUND'))
  await assert.rejects(processes.stop('nobody'), refused('ERR_PROCESSES_SERVICE_UNKNOWN'))
  assert.throws(() => processes.restart('nobody'), refused('ERR_PROCESSES_SERVICE_UNKNOWN'))
})

test('a program that could not be started can be taken away', async (t) => {
  const config = configOf({ orders: { run: 'nope' } })
  const { processes, supervisor, told } = await startHouse(t, config)
  processes.begin(config)
  supervisor.says('orders-1', failed)
  await told()
  await processes.stop('orders')
  assert.deepEqual(await told(), ['forget orders-1'])
  await processes.start('orders')
  assert.deepEqual(await told(), ['start orders-1'])
})

test('a fixed port: the old one is gone before the new one starts', async (t) => {
  const config = configOf({ orders: { run: 'o', port: 80 } })
  const { processes, supervisor, registry, told, drained } = await startHouse(t, config)
  processes.begin(config)
  supervisor.says('orders-1', running(80))
  registry.passes('orders-1')
  await told()
  processes.restart('orders')
  assert.deepEqual(await told(), ['drain orders-1', 'await drained orders-1'])
  drained('orders', 'orders-1')
  await told()
  supervisor.says('orders-1', exited(0))
  assert.deepEqual(await told(), ['forget orders-1', 'remove orders-1', 'start orders-1'])
})

test('a reload replaces what has changed, and forgets what has gone', async (t) => {
  const before = configOf({ orders: { run: 'o' }, users: { run: 'u' }, same: { run: 's' } })
  const { processes, supervisor, told } = await startHouse(t, before)
  processes.begin(before)
  await told()
  processes.configure(configOf({ orders: { run: 'o --new' }, same: { run: 's' } }))
  assert.deepEqual((await told()).toSorted(), ['start orders-2', 'stop orders-1', 'stop users-1'])
  assert.ok(processes.service('users') !== undefined, 'shown until it has ended')
  const heard: string[] = []
  processes.onChange((services) => heard.push(...services))
  supervisor.says('users-1', exited(0))
  assert.deepEqual(await told(), ['forget users-1'])
  assert.equal(processes.service('users'), undefined)
  assert.ok(heard.includes('users'))
})

test('nothing starts when everything stops', async (t) => {
  const config = configOf({ orders: { run: 'o' } })
  const { processes, stopping, told } = await startHouse(t, config)
  stopping.abort()
  processes.begin(config)
  assert.deepEqual(await told(), [])
})
