import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { QuotaSpec } from '../../contracts/policies.ts'
import { systemClock } from '../../platform/clock.ts'
import { createBucketMemory, openSharedBuckets } from '../shared/buckets.ts'
import { scopeOf } from './limit-key.ts'
import { type PolicyGround, VERDICT } from './policy.ts'
import { compileQuota } from './quota.ts'
import { QuotaNotes } from './quota-notes.ts'
import { FakeExchange } from './testing/fake-exchange.ts'
import { testGround } from './testing/ground.ts'

const spec: QuotaSpec = {
  name: 'day-subject',
  scope: 'orders',
  by: 'subject',
  requests: 3,
  per: 'day',
}
const NOON = Date.UTC(2028, 1, 29, 12)

function start(time: { nowMs: number }, memory = createBucketMemory({ seed: [1, 2], nowMs: 0 })) {
  const base = testGround(undefined, { ...systemClock, nowMs: () => time.nowMs })
  const quotas = new QuotaNotes()
  const buckets = openSharedBuckets(memory)
  const ground: PolicyGround = { ...base, buckets, quotas }
  const policy = compileQuota(spec, ground)
  const ask = (subject: string): FakeExchange & { isPassed: boolean } => {
    const exchange = new FakeExchange()
    exchange.identity = { by: '', key: subject, subject, scopes: [], roles: [], claims: new Map() }
    return Object.assign(exchange, { isPassed: policy.request!(exchange) === VERDICT.go })
  }
  return { ask, quotas, buckets }
}

test('so many a day for each, until midnight; then anew', () => {
  const time = { nowMs: NOON }
  const { ask } = start(time)
  assert.deepEqual(ask('ann').responseField('ratelimit'), ['"day-subject";r=2;t=43200'])
  assert.equal(ask('ann').isPassed, true)
  assert.equal(ask('ann').isPassed, true)
  const refused = ask('ann')
  assert.equal(refused.answer?.code, 'ERR_GATEWAY_QUOTA_EXCEEDED')
  assert.match(
    refused.answer!.detail,
    /3 a day for subject ann is used up until 2028-03-01T00:00:00\.000Z/,
  )
  assert.deepEqual(refused.responseField('retry-after'), ['43200'])
  assert.equal(ask('bob').isPassed, true)
  time.nowMs = Date.UTC(2028, 2, 1)
  assert.equal(ask('ann').isPassed, true)
})

test('what is told brings it back after a restart, without the name of anybody', () => {
  const time = { nowMs: NOON }
  const before = start(time)
  before.ask('ann')
  before.ask('ann')
  const rows = before.quotas.take()
  assert.deepEqual(
    rows.map(({ scope, used }) => [scope, used]),
    [['orders', 2]],
  )
  assert.doesNotMatch(JSON.stringify(rows), /ann/)
  assert.deepEqual(before.quotas.take(), [])
  const after = start(time)
  for (const turn of [1, 2]) {
    for (const { scope, key, period, used } of rows)
      after.buckets.raiseQuota(scopeOf(scope), key, period, used)
    assert.equal(after.ask('ann').isPassed, turn === 1, 'told twice it is not counted twice')
  }
})

test('exact over workers that share the memory, in any order', () => {
  const steps = fc.array(fc.tuple(fc.nat(2), fc.constantFrom('a', 'b', 'c')), { maxLength: 60 })
  fc.assert(
    fc.property(steps, (all) => {
      const memory = createBucketMemory({ seed: [5, 6], nowMs: 0 })
      const workers = [0, 1, 2].map(() => start({ nowMs: NOON }, memory))
      const passed = new Map<string, number>()
      for (const [worker, subject] of all) {
        const count = passed.get(subject) ?? 0
        assert.equal(workers[worker]!.ask(subject).isPassed, count < 3)
        passed.set(subject, Math.min(3, count + 1))
      }
    }),
  )
})
