import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRetryBudget } from '../../mechanisms/retry/retry.ts'
import { BUDGET_AT, createResilienceMemory, recordAt } from '../shared/resilience-memory.ts'
import { serviceSpec } from '../testing/specs.ts'
import { LoadWatch } from './load-watch.ts'
import {
  createServiceCounts,
  type LoadedService,
  takeLoads,
  type WorkerLoad,
} from './service-load.ts'

const spec = serviceSpec({ retry: { attempts: 2, budgetRatio: 0.2, reservePerSecond: 0.1 } })

const row = (change: Partial<WorkerLoad> = {}): WorkerLoad => ({
  service: 'echo',
  ...createServiceCounts(),
  limit: 0,
  inFlight: 0,
  isShared: true,
  queued: 0,
  waiting: 0,
  isOverloaded: false,
  because: '',
  ...change,
})

test('what workers say is added up; limits that all share are one, and those of their own a sum', () => {
  const watch = new LoadWatch()
  watch.know(spec, recordAt(createResilienceMemory(4), 1))
  watch.add(0, [row({ limit: 20, inFlight: 7, queued: 2, shed: 3 })])
  watch.add(1, [row({ limit: 20, inFlight: 7, queued: 1, shed: 4 }), row({ service: 'gone' })])
  const [shared] = watch.take(1_000)
  assert.deepEqual([shared?.limit, shared?.inFlight, shared?.queued, shared?.shed], [20, 7, 3, 7])
  assert.deepEqual(watch.take(2_000), [], 'nothing has changed')
  const own = { isShared: false, limit: 8, inFlight: 5, isOverloaded: true, because: 'slow' }
  watch.add(0, [row({ ...own, waiting: 4 })])
  watch.add(1, [row(own)])
  assert.deepEqual(watch.take(2_100), [], 'not twice within half a second')
  const [auto] = watch.take(3_000)
  assert.deepEqual(
    [auto?.limit, auto?.inFlight, auto?.waiting, auto?.overloadedWorkers, auto?.because],
    [16, 10, 4, 2, 'slow'],
  )
  watch.forgetWorker(1)
  assert.equal(watch.take(4_000)[0]?.overloadedWorkers, 1)
  watch.restart()
  assert.equal(watch.take(4_001).length, 1)
  watch.forget('echo')
  watch.restart()
  assert.deepEqual(watch.take(9_000), [])
})

test('the budget is that of the shared memory', () => {
  const place = recordAt(createResilienceMemory(4), 2)
  const watch = new LoadWatch()
  watch.know(spec, place)
  const budget = createRetryBudget(
    { ratio: 0.2, reservePerSecond: 0.1 },
    place.memory,
    place.start + BUDGET_AT,
  )
  for (let i = 0; i < 100; i++) budget.deposit(1_000)
  budget.tryWithdraw(1_000)
  const [load] = watch.take(1_500)
  assert.deepEqual([load?.requests, load?.retries, load?.retriesAllowed], [100, 1, 20])
  watch.know({ ...spec, retry: { ...spec.retry, budgetRatio: 0.5 } }, place)
  assert.equal(watch.take(2_500)[0]?.retriesAllowed, 50)
})

test('a worker reports what has something to say, once more when it has not, and counts once', () => {
  const service = {
    name: 'echo',
    counts: createServiceCounts(),
    waiting: { size: 0 },
    admission: null,
    guard: null,
    wasLoaded: false,
  } satisfies LoadedService as { -readonly [Key in keyof LoadedService]: LoadedService[Key] }
  assert.deepEqual(takeLoads([service]), [])
  service.counts.hedges = 2
  assert.equal(takeLoads([service])[0]?.hedges, 2)
  assert.deepEqual(takeLoads([service]), [])
  service.waiting = { size: 3 }
  assert.equal(takeLoads([service])[0]?.waiting, 3)
  service.waiting = { size: 0 }
  assert.deepEqual(
    takeLoads([service]).map(({ waiting }) => waiting),
    [0],
  )
  assert.deepEqual(takeLoads([service]), [])
  service.guard = { limit: 8, explain: () => 'slow' }
  service.admission = { spec: undefined, limit: 8, inFlight: 6, queued: 1 }
  const [load] = takeLoads([service])
  assert.deepEqual(
    [load?.limit, load?.inFlight, load?.queued, load?.isShared, load?.because],
    [8, 6, 1, false, 'slow'],
  )
})
