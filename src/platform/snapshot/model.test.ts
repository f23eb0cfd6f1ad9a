import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { certificateKey } from '../../contracts/certificates.ts'
import { issuerKey } from '../../contracts/issuers.ts'
import { createSnapshotModel } from './model.ts'
import { createDataState } from './testdata/data-state.ts'
import { gateway, gone, instance, instanceGone, service, snapshotOps } from './testdata/ops.ts'

test('changes of the same thing are folded into the last one', () => {
  const model = createSnapshotModel()
  for (const op of [service('a', 1), instance('a', '1', 1), service('a', 2), gateway(1)])
    model.apply(op)
  for (const op of [instance('a', '1', 2), gateway(2), instanceGone('a', '2')]) model.apply(op)
  assert.deepEqual(model.takeChanges(), [
    service('a', 2),
    instance('a', '1', 2),
    instanceGone('a', '2'),
    gateway(2),
  ])
  assert.equal(model.hasChanges, false)
  assert.deepEqual(model.takeChanges(), [])
})

test('a service stands before its instances, whichever of them changed last', () => {
  const model = createSnapshotModel()
  for (const op of [service('a', 1), instance('a', '1', 1), service('a', 2)]) model.apply(op)
  assert.deepEqual(model.takeChanges(), [service('a', 2), instance('a', '1', 1)])
})

test('a service that went and came back has none of its old instances', () => {
  const model = createSnapshotModel()
  for (const op of [service('a', 1), instance('a', '1', 1)]) model.apply(op)
  model.takeChanges()
  for (const op of [gone('a'), service('a', 2), instance('a', '2', 1)]) model.apply(op)
  const again = [service('a', 2), instance('a', '2', 1)]
  assert.deepEqual(model.takeChanges(), [gone('a'), ...again])
  assert.deepEqual(model.takeAll(), again)
})

test('taking all forgets what was pending', () => {
  const model = createSnapshotModel()
  for (const op of [service('a', 1), gateway(1), gone('b')]) model.apply(op)
  assert.deepEqual(model.takeAll(), [service('a', 1), gateway(1)])
  assert.equal(model.hasChanges, false)
})

test('however ops are folded into updates, data ends with what it had got one by one', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(snapshotOps, fc.nat(3)), { maxLength: 60 }), (steps) => {
      const model = createSnapshotModel()
      const folded = createDataState()
      const fresh = createDataState()
      for (const [op, cut] of steps) {
        model.apply(op)
        if (cut === 0) folded.apply({ type: 'update', version: 1, ops: model.takeChanges() })
      }
      folded.apply({ type: 'update', version: 2, ops: model.takeChanges() })
      fresh.apply({ type: 'update', version: 1, reset: true, ops: model.takeAll() })
      assert.deepEqual(folded.view(), fresh.view(), 'deltas and a reset agree')
      assert.deepEqual(folded.view(), viewOf(steps.map(([op]) => op)), 'both are what was said')
    }),
    { numRuns: 500 },
  )
})

/** The obvious slow way: what exists after the ops, and of instances those whose service exists. */
function viewOf(
  ops: readonly Parameters<ReturnType<typeof createSnapshotModel>['apply']>[0][],
): string[] {
  const found = new Map<string, string>()
  for (const op of ops) {
    // What was counted is no state that is wanted.
    if (op.op === 'quotas') continue
    if (op.op === 'gateway') found.set('gateway', JSON.stringify(op.gateway))
    else if (op.op === 'service')
      found.set(`service ${op.service.name}`, JSON.stringify(op.service))
    else if (op.op === 'instance')
      found.set(`instance ${op.instance.service} ${op.instance.id}`, JSON.stringify(op.instance))
    else if (op.op === 'issuer') found.set(issuerKey(op), JSON.stringify(op))
    else if (op.op === 'issuer-gone') found.delete(issuerKey(op))
    else if (op.op === 'instance-gone') found.delete(`instance ${op.service} ${op.id}`)
    else if (op.op === 'service-gone') {
      for (const key of found.keys()) {
        if (key === `service ${op.service}` || key.startsWith(`instance ${op.service} `))
          found.delete(key)
      }
    } else if (op.op.endsWith('-gone')) found.delete(certificateKey(op))
    else found.set(certificateKey(op), JSON.stringify(op))
  }
  return [...found]
    .filter(([key]) => !key.startsWith('instance') || found.has(`service ${key.split(' ')[1]}`))
    .map(([key, value]) => `${key} ${value}`)
    .toSorted()
}
