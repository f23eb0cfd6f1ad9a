import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bucketOf } from '../histogram/histogram.ts'
import { CALL_BOUNDS_MS, OverloadGuard } from './overload-guard.ts'

interface Second {
  /** How long calls took that had an answer. */
  readonly answered: readonly number[]
  /** How old those were that were given up. */
  readonly wasted: readonly number[]
  readonly inFlight: number
  readonly heldBack?: number
}

function look(guard: OverloadGuard, { answered, wasted, inFlight, heldBack = 0 }: Second) {
  const counts = new Uint32Array(CALL_BOUNDS_MS.length + 1)
  for (const ms of answered) counts[bucketOf(CALL_BOUNDS_MS, ms)]!++
  guard.addAnswered(counts, 0)
  for (const ms of wasted) guard.addWasted(ms)
  return guard.look({ inFlight, heldBack })
}

const times = (count: number, ms: number): number[] => Array.from({ length: count }, () => ms)
const well: Second = { answered: times(700, 10), wasted: [], inFlight: 7 }
const brownOut: Second = { answered: times(10, 1_000), wasted: times(600, 1_000), inFlight: 700 }

/** A guard that has seen a service that is well. */
function known(second = well, looks = 5): OverloadGuard {
  const guard = new OverloadGuard()
  for (let i = 0; i < looks; i++) assert.equal(look(guard, second), 'none')
  return guard
}

test('a service that works for callers that have gone is given little, and all again when it has caught up', () => {
  const guard = known()
  assert.equal(look(guard, { answered: times(500, 10), wasted: [], inFlight: 490 }), 'none')
  assert.equal(look(guard, brownOut), 'begins')
  assert.equal(guard.limit, 8)
  assert.match(
    guard.explain(),
    /where 1\d ms|where 9\.\d ms are usual, and 98 % of its callers left/,
  )
  assert.equal(look(guard, { ...brownOut, heldBack: 700 }), 'none')
  assert.equal(guard.limit, 8)
  assert.equal(look(guard, { ...well, heldBack: 100 }), 'none')
  assert.equal(guard.limit, 16)
  assert.equal(look(guard, well), 'ends')
  assert.equal(guard.limit, Infinity)
})

test('it lets as much in as half of what usually is in flight', () => {
  const guard = known({ answered: times(700, 200), wasted: [], inFlight: 140 })
  assert.equal(look(guard, { ...brownOut, wasted: times(600, 3_000) }), 'begins')
  assert.ok(guard.limit >= 60 && guard.limit <= 70, `${guard.limit}`)
  assert.ok(guard.holdMs > 3_000 && guard.holdMs < 5_000)
})

test('where nobody comes any more nothing is bounded', () => {
  const guard = known()
  assert.equal(look(guard, brownOut), 'begins')
  assert.equal(look(guard, { answered: [], wasted: [], inFlight: 700, heldBack: 5 }), 'none')
  assert.equal(look(guard, { answered: [], wasted: [], inFlight: 0 }), 'ends')
})

test('what is unknown is not judged, and little says nothing', () => {
  const guard = new OverloadGuard()
  assert.equal(look(guard, brownOut), 'none')
  assert.equal(look(known(), { answered: [], wasted: times(9, 1_000), inFlight: 700 }), 'none')
})

test('neither slowness, nor callers that leave, nor a crowd alone is an overload', () => {
  for (const second of [
    { ...brownOut, wasted: [], answered: times(600, 5_000) },
    { ...brownOut, wasted: times(600, 20) },
    { ...brownOut, inFlight: 20 },
  ]) {
    const guard = known()
    for (let i = 0; i < 50; i++) assert.equal(look(guard, second), 'none')
  }
})

test('services of long polls are left alone, however their callers leave', () => {
  const poll: Second = { answered: times(5, 8_000), wasted: times(30, 30_000), inFlight: 1_000 }
  const mixed: Second = { ...poll, answered: [...times(60, 5), ...times(5, 8_000)] }
  for (const usual of [poll, mixed]) {
    const guard = known(usual)
    for (let i = 0; i < 100; i++) {
      assert.equal(look(guard, { ...usual, inFlight: 1_000 + 50 * (i % 20) }), 'none')
    }
  }
  // News all day, and silence at night: as many wait as before.
  const guard = known({ answered: times(500, 20), wasted: [], inFlight: 1_000 })
  for (let i = 0; i < 100; i++) assert.equal(look(guard, { ...poll, answered: [] }), 'none')
})

test('a service that becomes slower for good is known as that', () => {
  const guard = known()
  const slow: Second = { answered: times(300, 800), wasted: [], inFlight: 7 }
  for (let i = 0; i < 600; i++) assert.equal(look(guard, slow), 'none')
  assert.ok(guard.usualMs > 600)
  assert.equal(look(guard, { ...brownOut, wasted: times(600, 2_000) }), 'none')
})

test('whatever it sees, its limit is at least eight, and it begins and ends in turn', () => {
  const second = fc.record({
    answered: fc.array(fc.double({ min: 0.1, max: 60_000, noNaN: true }), { maxLength: 40 }),
    wasted: fc.array(fc.double({ min: 0.1, max: 60_000, noNaN: true }), { maxLength: 40 }),
    inFlight: fc.nat(2_000),
    heldBack: fc.nat(3),
  })
  fc.assert(
    fc.property(fc.array(second, { maxLength: 60 }), (seconds) => {
      const guard = known()
      let isOn = false
      for (const one of seconds) {
        const change = look(guard, one)
        if (change !== 'none') {
          assert.equal(change, isOn ? 'ends' : 'begins')
          isOn = !isOn
        }
        assert.equal(guard.limit === Infinity, !isOn)
        assert.ok(guard.limit >= 8 && guard.usualMs >= 0 && guard.holdMs >= 1_000)
      }
    }),
  )
})
