import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRestartPlan } from './restart-plan.ts'

const BOUNDS = {
  countMax: null,
  backoffMinMs: 100,
  backoffMaxMs: 1_000,
  loopCount: 3,
  loopWindowMs: 5_000,
}

test('waits double, and in a crash loop are the longest', () => {
  const plan = createRestartPlan(BOUNDS, () => 1)
  assert.deepEqual(plan.next(0, 10), {
    delayMs: 100,
    isFirst: true,
    isLooping: false,
    isGivenUp: false,
  })
  assert.deepEqual(plan.next(200, 10), {
    delayMs: 200,
    isFirst: false,
    isLooping: false,
    isGivenUp: false,
  })
  assert.deepEqual(plan.next(400, 10), {
    delayMs: 1_000,
    isFirst: false,
    isLooping: true,
    isGivenUp: false,
  })
})

test('a loop ends with a life longer than the window, and not by fewer exits in it', () => {
  const plan = createRestartPlan(BOUNDS, () => 0)
  for (const nowMs of [0, 100, 200]) plan.next(nowMs, 10)
  assert.deepEqual(plan.next(9_000, 4_999), {
    delayMs: 500,
    isFirst: false,
    isLooping: true,
    isGivenUp: false,
  })
  assert.deepEqual(plan.next(20_000, 5_001), {
    delayMs: 50,
    isFirst: true,
    isLooping: false,
    isGivenUp: false,
  })
})

test('so many starts in a row without a long life, and it is given up', () => {
  const plan = createRestartPlan({ ...BOUNDS, countMax: 2, loopCount: 100 }, () => 1)
  assert.deepEqual(
    [0, 1, 2].map((nowMs) => plan.next(nowMs, 10).isGivenUp),
    [false, false, true],
  )
  const other = createRestartPlan({ ...BOUNDS, countMax: 1 }, () => 1)
  other.next(0, 10)
  assert.equal(other.next(9_000, 5_001).isGivenUp, false)
})
