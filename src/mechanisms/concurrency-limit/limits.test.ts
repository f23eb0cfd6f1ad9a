import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AimdLimit, Gradient2Limit, LIMIT_NUMBERS } from './limits.ts'

const aimd = { initial: 20, min: 20, max: 200, backoff: 0.9, timeoutMs: 5000 }
const gradient2 = {
  initial: 20,
  min: 20,
  max: 200,
  queueSize: 4,
  smoothing: 0.2,
  tolerance: 1.5,
  longWindow: 600,
}
const memory = (): SharedArrayBuffer => new SharedArrayBuffer(LIMIT_NUMBERS * 8)

/** https://github.com/Netflix/concurrency-limits, AIMDLimitTest: a default limit, an increase on success, a decrease on drops, a floor. */
test('Netflix: AIMD rises by one on success, falls to nine tenths on a drop, never below its least', () => {
  const up = new AimdLimit({ ...aimd, initial: 20 }, memory())
  up.observe(1, 10, false)
  assert.equal(up.limit, 21)
  const down = new AimdLimit({ ...aimd, initial: 30 }, memory())
  down.observe(1, 0, true)
  assert.equal(down.limit, 27)
  const low = new AimdLimit({ ...aimd, initial: 10, min: 10 }, memory())
  low.observe(1, 0, true)
  assert.equal(low.limit, 10)
  const idle = new AimdLimit(aimd, memory())
  idle.observe(1, 9, false)
  assert.equal(idle.limit, 20)
})

/** The README's formula: newLimit = currentLimit x gradient + queueSize, smoothed by 0.2. */
test('Netflix: Gradient2 by its formula', () => {
  const limit = new Gradient2Limit({ ...gradient2, initial: 100 }, memory())
  limit.observe(10, 100, false)
  // gradient 1: 100 x 0.8 + (100 + 4) x 0.2
  assert.equal(limit.limit, 100)
  for (let i = 0; i < 9; i++) limit.observe(10, 100, false)
  assert.equal(limit.limit, 108)
  // The usual time is 10 + 90 x 2 / 601; half is the steepest gradient: 108 x 0.8 + (108 x 0.5 + 4) x 0.2
  limit.observe(100, 108, false)
  assert.equal(limit.limit, 98)
})

test('a callee that begins to queue is asked less at once, and more again when it is well', () => {
  const limit = new Gradient2Limit({ ...gradient2, min: 1, max: 1000 }, memory())
  for (let i = 0; i < 100; i++) limit.observe(10, limit.limit, false)
  const well = limit.limit
  for (let i = 0; i < 30; i++) limit.observe(60, limit.limit, false)
  assert.ok(limit.limit < well / 3, `${limit.limit} of ${well}`)
  for (let i = 0; i < 200; i++) limit.observe(10, limit.limit, false)
  assert.ok(limit.limit > well, `${limit.limit} of ${well}`)
})

const trace = fc.array(
  fc.record({
    rttMs: fc.oneof(fc.double({ min: 0, max: 50, noNaN: true }), fc.constant(6000)),
    inFlight: fc.integer({ min: 1, max: 300 }),
    isDropped: fc.nat(9).map((n) => n === 0),
  }),
  { maxLength: 300 },
)

test('the slow obvious ones and the fast ones agree on any trace', () => {
  fc.assert(
    fc.property(trace, (steps) => {
      const shared = memory()
      const fast = new Gradient2Limit(gradient2, shared)
      const simple = new AimdLimit(aimd, memory())
      let estimate = 20
      let plain = 20
      let longMs = 0
      const first: number[] = []
      for (const { rttMs, inFlight, isDropped } of steps) {
        fast.observe(rttMs, inFlight, isDropped)
        simple.observe(rttMs, inFlight, isDropped)
        if (isDropped || rttMs > 5000) plain = Math.floor(plain * 0.9)
        else if (inFlight >= plain / 2) plain += 1
        plain = Math.min(200, Math.max(20, plain))
        assert.equal(simple.limit, plain)
        if (isDropped) estimate = Math.max(20, estimate * 0.8 + (estimate / 2) * 0.2)
        else {
          if (first.length < 10) {
            first.push(rttMs)
            longMs = first.reduce((sum, one) => sum + one, 0) / first.length
          } else longMs = longMs * (1 - 2 / 601) + rttMs * (2 / 601)
          if (inFlight >= estimate / 2 && rttMs > 0) {
            const gradient = Math.max(0.5, Math.min(1, (1.5 * longMs) / rttMs))
            const wanted = estimate * gradient + 4
            estimate = Math.min(200, Math.max(20, estimate * 0.8 + wanted * 0.2))
          }
          if (longMs > 2 * rttMs) longMs *= 0.95
        }
        assert.ok(Math.abs(fast.limit - Math.floor(estimate + 1e-9)) <= 1)
      }
      assert.equal(new Gradient2Limit(gradient2, shared).limit, fast.limit)
    }),
    { numRuns: 300 },
  )
})
