import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { InstanceSpec, ServiceSpec, SnapshotOp } from '../../contracts/snapshot.ts'
import { createDrains } from './drains.ts'

const service = (name: string): SnapshotOp => ({ op: 'service', service: { name } as ServiceSpec })
const instance = (of: string, id: string): SnapshotOp => ({
  op: 'instance',
  instance: { service: of, id } as InstanceSpec,
})
const gone = (of: string, id: string, removal?: number): SnapshotOp => ({
  op: 'instance-gone',
  service: of,
  id,
  ...(removal === undefined ? {} : { removal }),
})

function start(alive: Set<number>, workers = 3) {
  const said: string[] = []
  const drains = createDrains(
    workers,
    (worker) => alive.has(worker),
    ({ service: of, id, removal }) => void said.push(`${of}/${id} ${removal}`),
  )
  return {
    drains,
    said,
    begin: (ops: readonly SnapshotOp[], before: readonly SnapshotOp[] = [], reset = false) =>
      drains.begin({ type: 'update', version: 1, ops, ...(reset ? { reset } : {}) }, () => before),
    report: (worker: number, id: string, removal: number) =>
      drains.report(worker, { service: 'orders', id, removal }),
  }
}

test('drained is said once, when the last worker has said it or died', () => {
  const { drains, said, begin, report } = start(new Set([0, 1, 2]))
  const ops = [gone('orders', '1', 7)]
  assert.deepEqual(begin(ops), ops)
  for (const worker of [0, 1, 1, 0]) report(worker, '1', 7)
  assert.deepEqual(said, [])
  assert.ok(drains.isOpen('orders', '1'))
  drains.lost(2)
  report(2, '1', 7)
  assert.deepEqual(said, ['orders/1 7'])
  assert.ok(!drains.isOpen('orders', '1'))
})

test('a worker that was restarting at the removal is not waited for, also when it is back before the others', async () => {
  const alive = new Set([0, 2])
  const { said, begin, report } = start(alive)
  begin([gone('orders', '1', 7)])
  alive.add(1)
  report(0, '1', 7)
  assert.deepEqual(said, [])
  report(2, '1', 7)
  assert.deepEqual(said, ['orders/1 7'])
  alive.clear()
  begin([gone('orders', '2', 8)])
  assert.deepEqual(said, ['orders/1 7'], 'not before the caller has taken it out')
  await Promise.resolve()
  assert.deepEqual(said, ['orders/1 7', 'orders/2 8'], 'with nobody alive nothing is in flight')
})

test('an old removal ends no newer one, and the newer one waits for the requests of the old one', () => {
  const { said, begin, report } = start(new Set([0]), 1)
  begin([gone('orders', '1', 7)])
  begin([instance('orders', '1')])
  begin([gone('orders', '1', 8)])
  report(0, '1', 8)
  assert.deepEqual(said, [], 'requests from before it came back are in flight still')
  report(0, '1', 7)
  assert.deepEqual(said, ['orders/1 7', 'orders/1 8'])
  begin([gone('orders', '1', 9)])
  for (const old of [7, 8, 0]) report(0, '1', old)
  assert.deepEqual(said, ['orders/1 7', 'orders/1 8'])
})

test('a repeated removal is not given to the workers again, and is answered once', () => {
  const { said, begin, report } = start(new Set([0]), 1)
  begin([gone('orders', '1', 7)])
  assert.deepEqual(begin([service('orders'), gone('orders', '1', 7)], [service('orders')], true), [
    service('orders'),
  ])
  report(0, '1', 7)
  assert.deepEqual(said, ['orders/1 7'])
  const ops = [gone('orders', '1', 7)]
  assert.deepEqual(begin(ops), ops, 'the answer was lost: asked again, answered again')
  report(0, '1', 7)
  assert.deepEqual(said, ['orders/1 7', 'orders/1 7'])
})

test('what a reset or the end of a service takes along is named, in an order that workers can apply', () => {
  const { begin } = start(new Set([0]), 1)
  const before = [
    service('orders'),
    service('users'),
    instance('orders', '1'),
    instance('orders', '2'),
    instance('users', '1'),
  ]
  const next = [service('orders'), instance('orders', '1')]
  assert.deepEqual(begin(next, before, true), [
    gone('orders', '2', -1),
    gone('users', '1', -2),
    { op: 'service-gone', service: 'users' },
    ...next,
  ])
  const ends: SnapshotOp = { op: 'service-gone', service: 'orders' }
  assert.deepEqual(begin([ends, service('orders')], next), [
    gone('orders', '1', -3),
    ends,
    service('orders'),
  ])
})

test('whatever dies, comes back and is removed in whatever order, each removal is said exactly once and nothing is left', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constantFrom('remove' as const), id: fc.nat(2) }),
    fc.record({ do: fc.constantFrom('die' as const, 'live' as const), id: fc.nat(2) }),
    fc.record({ do: fc.constantFrom('report' as const), id: fc.nat(50) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const alive = new Set([0, 1, 2])
      const { drains, said, begin, report } = start(alive)
      let removals = 0
      /** What each living worker has still to report. */
      let owed: { worker: number; id: string; removal: number }[] = []
      for (const { do: what, id } of steps) {
        if (what === 'remove') {
          begin([gone('orders', String(id), ++removals)])
          for (const worker of alive) owed.push({ worker, id: String(id), removal: removals })
        } else if (what === 'live') alive.add(id)
        else if (what === 'die') {
          alive.delete(id)
          owed = owed.filter(({ worker }) => worker !== id)
          drains.lost(id)
        } else {
          const [one] = owed.splice(id % Math.max(1, owed.length), 1)
          if (one !== undefined) report(one.worker, one.id, one.removal)
        }
      }
      for (const one of owed) report(one.worker, one.id, one.removal)
      await Promise.resolve()
      assert.equal(said.length, removals)
      assert.equal(new Set(said).size, removals)
      for (const id of ['0', '1', '2']) assert.ok(!drains.isOpen('orders', id))
    }),
  )
})
