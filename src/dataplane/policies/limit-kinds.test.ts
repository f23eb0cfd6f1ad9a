import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { LimitSpec } from '../../contracts/policies.ts'
import { createFlightMemory, FLIGHT, openInFlight } from '../shared/in-flight.ts'
import { compileLimit } from './limit.ts'
import { VERDICT } from './policy.ts'
import { FakeExchange, type FakeRequest } from './testing/fake-exchange.ts'
import { testGround } from './testing/ground.ts'

function limiter(spec: LimitSpec, ground = testGround()) {
  const policy = compileLimit(spec, ground)
  return (request: FakeRequest = {}, subject = '') => {
    const exchange = new FakeExchange(request)
    if (subject !== '')
      exchange.identity = {
        by: 'jwt',
        key: subject,
        subject,
        scopes: [],
        roles: [],
        claims: new Map(),
      }
    return Object.assign(exchange, { isPassed: policy.request!(exchange) === VERDICT.go })
  }
}

const window: LimitSpec = {
  algorithm: 'window',
  name: 'address',
  scope: 'orders',
  requests: 3,
  windowMs: 1_000,
  by: 'address',
}

test('a sliding window: so many within its length, and no door at its border', () => {
  const ask = limiter(window)
  assert.deepEqual(ask({ nowMs: 900 }).responseField('ratelimit'), ['"address";r=2;t=2'])
  assert.equal(ask({ nowMs: 950 }).isPassed, true)
  assert.equal(ask({ nowMs: 999 }).isPassed, true)
  const refused = ask({ nowMs: 1_001 })
  assert.equal(refused.isPassed, false)
  assert.deepEqual(refused.responseField('ratelimit-policy'), ['"address";q=3;w=1'])
  assert.match(refused.answer!.detail, /^the limit of 3 in 1 s for address 203\.0\.113\.7/)
  assert.equal(ask({ nowMs: 1_001, address: '203.0.113.8' }).isPassed, true)
  // A third of the window before has left.
  assert.equal(ask({ nowMs: 1_334 }).isPassed, true)
  assert.equal(ask({ nowMs: 1_335 }).isPassed, false)
  assert.equal(ask({ nowMs: 9_000 }).isPassed, true)
})

test('in any order of clients and times no window lets through more than the limit and what the one before it left', () => {
  const steps = fc.array(fc.tuple(fc.nat(400), fc.nat(40)), { maxLength: 200 })
  fc.assert(
    fc.property(steps, (all) => {
      // Few places: clients meet in the table.
      const ask = limiter(window, testGround(8))
      const passed = new Map<string, number[]>()
      let nowMs = 0
      for (const [wait, client] of all) {
        nowMs += wait
        const address = `203.0.113.${client % 4}`
        if (ask({ nowMs, address }).isPassed)
          passed.set(address, [...(passed.get(address) ?? []), Math.floor(nowMs / 1_000)])
      }
      for (const windows of passed.values()) {
        for (const at of windows) assert.ok(windows.filter((each) => each === at).length <= 3)
      }
    }),
  )
})

test('by subject: whoever it is, from wherever, in whatever spelling of the address', () => {
  const ask = limiter({ ...window, by: 'subject', requests: 1 })
  assert.equal(ask({ address: '203.0.113.1' }, 'ann').isPassed, true)
  assert.equal(ask({ address: '2001:db8::1' }, 'ann').isPassed, false)
  assert.equal(ask({}, 'bob').isPassed, true)
  assert.equal(ask({}).isPassed, true, 'nobody is one more')
  assert.equal(ask({}).isPassed, false)
})

const flight: LimitSpec = {
  algorithm: 'concurrency',
  name: 'route',
  scope: 'orders',
  requests: 2,
  by: { header: 'x-api-key' },
}

test('so many at a time, given back when they end', () => {
  const ground = testGround()
  const ask = limiter(flight, ground)
  const headers = { 'x-api-key': 'A Key' }
  const first = ask({ headers })
  assert.equal(ask({ headers: { 'x-api-key': 'a key' } }).isPassed, true)
  const refused = ask({ headers })
  assert.equal(refused.answer?.code, 'ERR_GATEWAY_RATE_LIMITED')
  assert.doesNotMatch(refused.answer!.detail, /A Key/)
  assert.equal(ask({ headers: { 'x-api-key': 'other' } }).isPassed, true)
  ground.flights.give(first.flightPlaces[0]!)
  assert.equal(ask({ headers }).isPassed, true)
})

test('in flight: exact for any order of keys that come and go, over workers, and what a dead one held is given back', () => {
  const steps = fc.array(fc.tuple(fc.nat(2), fc.nat(5), fc.boolean()), { maxLength: 300 })
  fc.assert(
    fc.property(steps, (all) => {
      const memory = createFlightMemory(3, [3, 4], 64)
      const workers = [0, 1, 2].map((index) => openInFlight(memory, index))
      const held: { worker: number; key: number; place: number }[] = []
      for (const [worker, key, comes] of all) {
        const count = held.filter((each) => each.key === key).length
        if (comes) {
          const place = workers[worker]!.take(7, `key ${key}`, 2)
          if (count >= 2) assert.equal(place, FLIGHT.full)
          else if (place >= 0) held.push({ worker, key, place })
          else assert.equal(place, FLIGHT.uncounted)
        } else {
          const at = held.findIndex((each) => each.key === key && each.worker === worker)
          if (at < 0) continue
          workers[worker]!.give(held[at]!.place)
          held.splice(at, 1)
        }
      }
      workers[1]!.release(0)
      for (const { worker, place } of held) if (worker !== 0) workers[worker]!.give(place)
      const places = [0, 1, 2, 3, 4, 5].map((key) => workers[2]!.take(7, `key ${key}`, 1))
      assert.ok(places.every((place) => place >= 0))
    }),
  )
})
