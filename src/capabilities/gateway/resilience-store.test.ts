import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BreakerState, ResilienceEvent, ServiceLoad } from '../../contracts/resilience.ts'
import { startStorage } from '../../platform/storage/storage.ts'
import { openBreakerOrders } from './breaker-orders.ts'
import { resilienceMetrics, resilienceProblems } from './resilience.ts'
import { createResilienceStore, EVENTS_PER_SERVICE_MAX } from './resilience-store.ts'

const row = (change: Partial<BreakerState> = {}): BreakerState => ({
  service: 'payments',
  instance: '',
  state: 'closed',
  order: 'auto',
  period: 0,
  openUntilMs: 0,
  because: 'closed',
  ...change,
})
const event = (atMs: number, service = 'payments'): ResilienceEvent => ({
  atMs,
  service,
  instance: '',
  kind: 'opened',
  because: '',
})

test('the newest state counts, what is gone goes, and a reset forgets', () => {
  const store = createResilienceStore()
  const open = row({ state: 'open', period: 1, because: 'open, because 9 of 9 calls failed' })
  const instance = row({ instance: 'payments-1' })
  store.add({ type: 'resilience', breakers: [instance, open], events: [event(1), event(2)] })
  assert.deepEqual(store.breakers('payments'), [open, instance])
  assert.deepEqual(
    store.events('payments').map(({ atMs }) => atMs),
    [2, 1],
  )
  const [problem] = resilienceProblems(store)
  assert.equal(problem?.code, 'ERR_GATEWAY_BREAKER_OPEN')
  assert.match(problem.text, /9 of 9 calls failed/)
  const [state] = resilienceMetrics(store)
  assert.deepEqual(
    [...(state?.samples ?? [])].map(({ value }) => value),
    [1, 0],
  )
  store.add({
    type: 'resilience',
    breakers: [row({ instance: 'payments-1', period: -1 })],
    events: [],
  })
  assert.deepEqual(store.breakers(), [open])
  store.add({ type: 'resilience', reset: true, breakers: [row({ order: 'closed' })], events: [] })
  assert.deepEqual(
    [...resilienceProblems(store)].map(({ code, severity }) => [code, severity]),
    [['ERR_GATEWAY_BREAKER_ORDERED', 'warning']],
  )
})

test('events are bounded, by service and by how many services have some', () => {
  const store = createResilienceStore()
  const events = Array.from({ length: EVENTS_PER_SERVICE_MAX + 5 }, (_, at) => event(at))
  store.add({ type: 'resilience', breakers: [], events })
  assert.equal(store.events('payments').length, EVENTS_PER_SERVICE_MAX)
  const others = Array.from({ length: 1_000 }, (_, at) => event(at, `s${at}`))
  store.add({ type: 'resilience', breakers: [], events: others })
  assert.equal(store.events('payments').length, 0)
  assert.equal(store.events('s999').length, 1)
})

test('orders outlive a restart, and auto is none', async (t) => {
  const storage = await startStorage({ file: ':memory:' })
  t.after(() => storage.close())
  const orders = await openBreakerOrders(storage)
  await orders.save('payments', 'open')
  await orders.save('orders', 'closed')
  await orders.save('orders', 'auto')
  await storage.write([{ sql: "INSERT INTO breaker_orders VALUES ('x', 'nonsense')", params: [] }])
  assert.deepEqual([...(await (await openBreakerOrders(storage)).load())], [['payments', 'open']])
})

const load: ServiceLoad = {
  service: 'payments',
  requests: 100,
  retries: 20,
  retriesAllowed: 20,
  limit: 16,
  inFlight: 12,
  queued: 5,
  waiting: 2,
  overloadedWorkers: 1,
  because: 'three of four calls took more than 900 ms where 10 ms are usual',
  shed: 7,
  retriesRefused: 9,
  hedges: 4,
  hedgeWins: 3,
  fallbacks: 2,
  ejections: 1,
}

test('budget, limit, queue, hedges and ejections are told as metrics, overload and a used budget as problems', () => {
  const store = createResilienceStore()
  store.add({ type: 'resilience', breakers: [], events: [], loads: [load] })
  assert.deepEqual(
    [...resilienceProblems(store)].map(({ code, severity }) => [code, severity]),
    [
      ['ERR_GATEWAY_OVERLOADED', 'error'],
      ['ERR_GATEWAY_RETRIES_USED_UP', 'warning'],
    ],
  )
  const values = new Map(
    [...resilienceMetrics(store)].map(({ name, samples }) => [name, [...samples][0]?.value]),
  )
  assert.deepEqual(
    [
      'retry_budget_used',
      'retry_budget_allowed',
      'retries_refused_total',
      'concurrency_limit',
      'concurrency_in_flight',
      'concurrency_queue',
      'connection_queue',
      'overloaded_workers',
      'shed_total',
      'hedges_total',
      'hedges_won_total',
      'fallbacks_total',
      'ejections_total',
    ].map((name) => values.get(`backplane_gateway_${name}`)),
    [20, 20, 9, 16, 12, 5, 2, 1, 7, 4, 3, 2, 1],
  )
  store.add({
    type: 'resilience',
    breakers: [],
    events: [],
    loads: [{ ...load, overloadedWorkers: 0, retries: 3 }],
  })
  assert.deepEqual([...resilienceProblems(store)], [])
  store.forget('payments')
  assert.equal(store.load('payments'), undefined)
})
