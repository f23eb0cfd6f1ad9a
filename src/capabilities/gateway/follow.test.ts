import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InstanceSpec } from '../../contracts/snapshot.ts'
import { type DiscoveryNeed, followInstances } from './follow.ts'
import type { InstanceLabels } from './labels.ts'

/** Two instances of `orders` that are in rotation, and nothing that changes. */
function discoveryOfTwo(): DiscoveryNeed {
  const common = { service: 'orders', host: '127.0.0.1', port: 1, weight: 1, isRoutable: true }
  const instances = ['orders-1', 'orders-2'].map((id) => ({ ...common, id }))
  return {
    services: () => [{ name: 'orders' }],
    instances: () => instances,
    instance: (_service: string, id: string) => instances.find((one) => one.id === id),
    subscribe: () => () => {},
  } as unknown as DiscoveryNeed
}

test('where labels change those instances are told again, and no others', () => {
  const labels = new Map<string, InstanceLabels>([['orders-1', { level: 1 }]])
  const told: InstanceSpec[] = []
  const follower = followInstances(
    discoveryOfTwo(),
    (ops) => ops.forEach((op) => op.op === 'instance' && told.push(op.instance)),
    () => {},
    ({ id }) => labels.get(id) ?? {},
  )
  assert.deepEqual(
    told.map(({ id, level }) => [id, level]),
    [
      ['orders-1', 1],
      ['orders-2', undefined],
    ],
  )
  assert.deepEqual(follower.relabelled(), [])
  labels.set('orders-2', { isBackup: true })
  const [op, ...others] = follower.relabelled()
  assert.equal(others.length, 0)
  assert.ok(op?.op === 'instance' && op.instance.id === 'orders-2' && op.instance.isBackup)
  assert.deepEqual(follower.relabelled(), [])
  labels.clear()
  assert.equal(follower.relabelled().length, 2)
})
