import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { LimitSpec } from '../../contracts/policies.ts'
import { compileLimit } from './limit.ts'
import { addressKey, valueKey } from './limit-key.ts'
import { VERDICT } from './policy.ts'
import { FakeExchange, type FakeRequest } from './testing/fake-exchange.ts'
import { testGround } from './testing/ground.ts'

type BucketLimit = Extract<LimitSpec, { burst: number }>

const byAddress: BucketLimit = {
  name: 'address',
  scope: 'orders address',
  perSecond: 2,
  rate: '2/s',
  burst: 3,
  by: 'address',
}

function limiter(change: Partial<BucketLimit> = {}, ground = testGround()) {
  const policy = compileLimit({ ...byAddress, ...change }, ground)
  return (request: FakeRequest = {}): FakeExchange & { isPassed: boolean } => {
    const exchange = new FakeExchange(request)
    const isPassed = policy.request!(exchange) === VERDICT.go
    return Object.assign(exchange, { isPassed })
  }
}

test('the burst passes, then 429 with what the client and the operator need to know', () => {
  const ask = limiter()
  for (const [left, seconds] of [
    [2, 1],
    [1, 1],
    [0, 1],
  ]) {
    const passed = ask()
    assert.equal(passed.isPassed, true)
    assert.deepEqual(passed.responseField('ratelimit'), [`"address";r=${left};t=${seconds}`])
    assert.deepEqual(passed.notes, [`limit address: ${left} of 3 left at 2/s`])
  }
  const refused = ask({ nowMs: 100 })
  assert.equal(refused.isPassed, false)
  assert.equal(refused.answer!.code, 'ERR_GATEWAY_RATE_LIMITED')
  assert.equal(
    refused.answer!.detail,
    'the limit of 2/s (burst 3) for address 203.0.113.7 is used up; there is room in 401 ms',
  )
  assert.deepEqual(refused.responseField('retry-after'), ['1'])
  assert.deepEqual(refused.responseField('ratelimit'), ['"address";r=0;t=1'])
  assert.deepEqual(refused.responseField('ratelimit-policy'), ['"address";q=3;w=2'])
  assert.deepEqual(refused.notes, [refused.answer!.detail])
  assert.equal(ask({ nowMs: 501 }).isPassed, true)
  assert.equal(ask({ nowMs: 501 }).isPassed, false)
})

test('whatever the rate: who waits for Retry-After is let in', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(1 / 3600, 0.01, 0.7, 1, 3, 250),
      fc.integer({ min: 1, max: 5 }),
      fc.nat(100_000),
      (perSecond, burst, nowMs) => {
        const ask = limiter({ perSecond, burst })
        let exchange = ask({ nowMs })
        for (let i = 0; i < burst; i++) exchange = ask({ nowMs })
        const [seconds] = exchange.responseField('retry-after')
        assert.equal(ask({ nowMs: nowMs + Number(seconds) * 1000 }).isPassed, true)
      },
    ),
  )
})

test('addresses: one bucket each, an IPv6 subscriber has one for the whole of its /64', () => {
  const ask = limiter({ burst: 1 })
  assert.equal(ask({ address: '2001:db8:1:2::1' }).isPassed, true)
  assert.equal(ask({ address: '2001:db8:1:2:ffff:ffff:ffff:ffff' }).isPassed, false)
  assert.equal(ask({ address: '2001:db8:1:3::1' }).isPassed, true)
  assert.equal(ask({ address: '203.0.113.7' }).isPassed, true)
  assert.equal(ask({ address: '::ffff:203.0.113.7' }).isPassed, false)
  assert.equal(ask({ address: '::ffff:cb00:7107' }).isPassed, false)
  assert.equal(ask({ address: '203.0.113.8' }).isPassed, true)
})

test('keys of addresses, in all of their spellings', () => {
  const keys = {
    '10.0.0.1': '10.0.0.1',
    '::1': '::/64',
    '::': '::/64',
    '2001:db8::1': '2001:db8::/64',
    '2001:DB8:0:0:0:0:0:1': '2001:db8::/64',
    '1:2:3:4:5:6:7:8': '1:2:3:4::/64',
    '1::4:5:6:7:8': '1:0:0:4::/64',
    '::ffff:10.0.0.1': '10.0.0.1',
    '64:ff9b::10.0.0.1': '64:ff9b::/64',
    'fe80::1%eth0': 'fe80::1%eth0',
    '': '',
  }
  for (const [address, key] of Object.entries(keys)) assert.equal(addressKey(address), key, address)
})

test('values: case and white space do not give another bucket, and no value is one bucket', () => {
  const ask = limiter({ burst: 2, by: { header: 'x-api-key' } })
  assert.equal(ask({ headers: { 'x-api-key': 'Secret Key' } }).isPassed, true)
  assert.equal(ask({ headers: { 'x-api-key': 'secretkey' } }).isPassed, true)
  const refused = ask({ headers: { 'x-api-key': 'SECRET\tKEY' } })
  assert.equal(refused.isPassed, false)
  assert.match(refused.answer!.detail, /for this value of x-api-key is used up/)
  assert.doesNotMatch(refused.answer!.detail, /secret/i)
  assert.equal(ask().isPassed, true)
  assert.equal(ask({ headers: { 'x-api-key': ' ' } }).isPassed, true)
  assert.match(ask().answer!.detail, /for requests without x-api-key is used up/)
})

test('a value that needs no change is not copied; any spelling of a value is one key', () => {
  assert.equal(valueKey(undefined), '')
  assert.equal(valueKey('abc-123'), 'abc-123')
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii' }), (value) => {
      assert.equal(valueKey(value.toUpperCase()), valueKey(value.toLowerCase()))
      assert.equal(valueKey(` ${value}\t`), valueKey(value))
    }),
  )
})

test('by route: one bucket for everybody', () => {
  const ask = limiter({ burst: 1, by: 'route' })
  assert.equal(ask({ address: '10.0.0.1' }).isPassed, true)
  assert.match(ask({ address: '10.0.0.2' }).answer!.detail, /for route orders is used up/)
})

test('limits of different scopes do not share, those compiled again go on', () => {
  const ground = testGround()
  const change = { burst: 1 }
  assert.equal(limiter(change, ground)().isPassed, true)
  assert.equal(limiter(change, ground)().isPassed, false)
  assert.equal(limiter({ ...change, scope: 'orders address-2' }, ground)().isPassed, true)
})

test('a key of 64 KiB and 100,000 keys: bounded memory, and each is told of its own', () => {
  const ask = limiter({ burst: 2, perSecond: 1, by: { header: 'x-api-key' } }, testGround(4_096))
  const huge = 'k'.repeat(65_536)
  assert.deepEqual(ask({ headers: { 'x-api-key': huge } }).responseField('ratelimit'), [
    '"address";r=1;t=1',
  ])
  assert.deepEqual(ask({ headers: { 'x-api-key': `${huge}x` } }).responseField('ratelimit'), [
    '"address";r=1;t=1',
  ])
  for (let i = 0; i < 100_000; i++)
    assert.equal(ask({ headers: { 'x-api-key': `key-${i}` }, nowMs: i }).isPassed, true)
})
