import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProblemError } from '../../platform/problem.ts'
import { StorageError } from '../../platform/storage/errors.ts'
import { startStorage, type Storage } from '../../platform/storage/storage.ts'
import { configOf, startHouse } from './testdata/house.ts'

const config = configOf({ orders: { run: 'o', instances: { min: 1, max: 5 } } })

test('what cannot be stored is refused with the code of the storage, and not done', async (t) => {
  const real = await startStorage({ file: ':memory:' })
  t.after(() => real.close())
  let refusal: StorageError | undefined
  const storage: Storage = {
    ...real,
    write: (statements) =>
      refusal === undefined ? real.write(statements) : Promise.reject(refusal),
  }
  const { processes, told } = await startHouse(t, config, { storage })
  processes.begin(config)
  await told()
  for (const [code, status] of [
    ['ERR_STORAGE_FULL', 507],
    ['ERR_STORAGE_BUSY', 503],
    ['ERR_STORAGE_COMMIT', 503],
  ] as const) {
    refusal = new StorageError(code, 'no')
    await assert.rejects(processes.scale('orders', 3), (error: unknown) => {
      assert.ok(error instanceof ProblemError)
      assert.deepEqual([error.code, error.statusCode], [code, status])
      return true
    })
  }
  assert.deepEqual(await told(), [])
  assert.equal(processes.override('orders'), undefined)
  refusal = undefined
  await processes.scale('orders', 2)
  assert.deepEqual(await told(), ['start orders-2'])
})

test('stored overrides that cannot be read are set aside and named; the others hold', async (t) => {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  await startHouse(t, config, { storage })
  await storage.write([
    { sql: "INSERT INTO process_overrides VALUES ('orders', 3, 0)" },
    { sql: "INSERT INTO process_overrides VALUES ('users', -1, 0)" },
    { sql: "INSERT INTO process_overrides VALUES ('huge', 9223372036854775807, 0)" },
    { sql: "INSERT INTO process_overrides VALUES ('stopped', NULL, 7)" },
    { sql: "INSERT INTO process_overrides VALUES ('__proto__', 1, 0)" },
    { sql: "INSERT INTO process_overrides VALUES ('constructor', 1, 0)" },
  ])
  const { processes, told } = await startHouse(t, config, { storage })
  processes.begin(config)
  assert.deepEqual(await told(), ['start orders-1', 'start orders-2', 'start orders-3'])
  const [problem, ...more] = processes.problems()
  assert.equal(more.length, 0)
  assert.equal(problem?.code, 'ERR_STORAGE_ROW_SET_ASIDE')
  assert.match(problem.text, /^4 stored rows of process_overrides/)
  const left = await storage.read('SELECT service FROM process_overrides ORDER BY service')
  assert.deepEqual(
    left.map(({ service }) => service),
    ['constructor', 'orders'],
  )
})

test('a service may be called constructor', async (t) => {
  const named = configOf({
    constructor: { run: 'c' },
    web: { run: 'w', after: ['constructor'] },
  })
  const { processes, told } = await startHouse(t, named)
  processes.begin(named)
  assert.deepEqual(await told(), ['start constructor-1'])
  await processes.stop('constructor')
  await processes.clearOverride('constructor')
  processes.configure(configOf({}))
  assert.equal(processes.override('constructor'), undefined)
  assert.ok((await told()).includes('stop constructor-1'))
  await assert.rejects(processes.stop('valueOf'), { code: 'ERR_PROCESSES_SERVICE_UNKNOWN' })
})
