import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configOf, exited, running, startHouse } from './testdata/house.ts'

test('new code does not start before its new migration has run, whatever the order in the file', async (t) => {
  const files = ['1', '2'].map((version) =>
    configOf({
      first: { run: `f ${version}`, after: ['migrate'] },
      migrate: { run: `m ${version}`, task: true },
      last: { run: `l ${version}`, after: ['migrate'] },
    }),
  )
  const { processes, supervisor, registry, told } = await startHouse(t, files[0]!)
  processes.begin(files[0]!)
  supervisor.says('migrate-1', exited(0))
  for (const id of ['first-1', 'last-1']) {
    supervisor.says(id, running(1))
    registry.passes(id)
  }
  await told()
  processes.configure(files[1]!)
  assert.deepEqual(await told(), ['forget migrate-1', 'start migrate-1'])
  supervisor.says('migrate-1', running(3))
  supervisor.says('migrate-1', exited(1))
  assert.deepEqual(await told(), [], 'a migration that failed')
  supervisor.says('migrate-1', exited(0))
  assert.deepEqual(await told(), ['start first-2', 'start last-2'])
})

test('a restart of a task by hand holds up what starts after it', async (t) => {
  const config = configOf({
    web: { run: 'w', after: ['migrate'] },
    migrate: { run: 'm', task: true },
  })
  const { processes, supervisor, told } = await startHouse(t, config)
  processes.begin(config)
  supervisor.says('migrate-1', exited(0))
  await told()
  processes.restart('migrate')
  processes.restart('web')
  assert.ok(!(await told()).includes('start web-2'))
  supervisor.says('migrate-1', exited(0))
  assert.deepEqual(await told(), ['start web-2'])
})

test('an instance that a check has taken out may have requests in flight: it is drained like any other', async (t) => {
  const config = configOf({ orders: { run: 'o' } })
  const { processes, supervisor, registry, told, drained } = await startHouse(t, config)
  processes.begin(config)
  supervisor.says('orders-1', running(1))
  registry.passes('orders-1')
  registry.passes('orders-1', false)
  await told()
  await processes.stop('orders')
  assert.deepEqual(await told(), ['drain orders-1', 'await drained orders-1'])
  drained('orders', 'orders-1')
  assert.deepEqual(await told(), ['stop orders-1'])
})

test('what is still said of a former process is not taken for the one that has its id now', async (t) => {
  const config = configOf({
    migrate: { run: 'm', task: true },
    web: { run: 'w', after: ['migrate'] },
  })
  const { processes, supervisor, told } = await startHouse(t, config)
  processes.begin(config)
  const former = supervisor.specs.get('migrate-1')!
  supervisor.says('migrate-1', exited(0))
  await told()
  processes.restart('migrate')
  processes.restart('web')
  await told()
  assert.notEqual(supervisor.specs.get('migrate-1')?.incarnation, former.incarnation)
  supervisor.saysOf(former, exited(0))
  assert.deepEqual(await told(), [], 'an old result is no result of the new task')
  supervisor.says('migrate-1', exited(0))
  assert.deepEqual(await told(), ['start web-2'])
})

test('no process is left to itself: what nobody knows is adopted while it runs, and forgotten when it has ended', async (t) => {
  const config = configOf({ orders: { run: 'o' }, migrate: { run: 'm', task: true } })
  const { processes, supervisor, told } = await startHouse(t, config)
  processes.begin(config)
  await told()
  const spec = supervisor.specs.get('orders-1')!
  supervisor.saysOf({ ...spec, id: 'orders-7', incarnation: 1 }, running(7))
  assert.deepEqual(await told(), ['put orders-7 7', 'drain orders-7', 'await drained orders-7'])
  supervisor.saysOf({ ...supervisor.specs.get('migrate-1')!, id: 'migrate-2' }, exited(0))
  assert.deepEqual(await told(), ['forget migrate-2'])
  assert.equal(processes.service('migrate')?.isFinished(), false)
})

test('another service in the file restarts nobody and runs no task again; who starts later has its URL', async (t) => {
  const services = { orders: { run: 'o' }, migrate: { run: 'm', task: true } }
  const urls: Record<string, string> = { ORDERS_URL: 'http://127.0.0.1:20001' }
  const { processes, supervisor, registry, told } = await startHouse(t, configOf(services), {
    urls,
  })
  processes.begin(configOf(services))
  supervisor.says('orders-1', running(1))
  supervisor.says('migrate-1', exited(0))
  registry.passes('orders-1')
  await told()
  const { incarnation } = supervisor.specs.get('orders-1')!
  urls['USERS_URL'] = 'http://127.0.0.1:20002'
  const more = { ...services, users: { run: 'u' } }
  processes.configure(configOf(more))
  assert.deepEqual(
    await told(),
    ['start orders-1', 'start users-1'],
    'only told what it gets when it is started again',
  )
  assert.equal(supervisor.specs.get('orders-1')?.env['USERS_URL'], urls['USERS_URL'])
  assert.equal(supervisor.specs.get('orders-1')?.incarnation, incarnation)
  processes.configure(configOf(more))
  assert.deepEqual(await told(), [])
  delete urls['USERS_URL']
  processes.configure(configOf(services))
  assert.deepEqual(await told(), ['start orders-1', 'stop users-1'], 'nor does one that has gone')
  urls['ORDERS_URL'] = 'http://127.0.0.1:20003'
  processes.configure(configOf(services))
  assert.ok((await told()).includes('start orders-2'), 'another value does')
})
