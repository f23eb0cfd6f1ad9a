import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRestartPlan } from './restart-plan.ts'

const BOUNDS = { backoffMinMs: 100, backoffMaxMs: 1_000, loopCount: 3, loopWindowMs: 5_000 }

test('waits double, and in a crash loop are the longest', () => {
  const plan = createRestartPlan(BOUNDS, () => 1)
  assert.deepEqual(plan.next(0, 10), { delayMs: 100, isFirst: true, isLooping: false })
  assert.deepEqual(plan.next(200, 10), { delayMs: 200, isFirst: false, isLooping: false })
  assert.deepEqual(plan.next(400, 10), { delayMs: 1_000, isFirst: false, isLooping: true })
})

test('a loop ends with a life longer than the window, and not by fewer exits in it', () => {
  const plan = createRestartPlan(BOUNDS, () => 0)
  for (const nowMs of [0, 100, 200]) plan.next(nowMs, 10)
  assert.deepEqual(plan.next(9_000, 4_999), { delayMs: 500, isFirst: false, isLooping: true })
  assert.deepEqual(plan.next(20_000, 5_001), { delayMs: 50, isFirst: true, isLooping: false })
})
