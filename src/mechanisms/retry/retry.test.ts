import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createRetryBudget, isIdempotent, RETRY_BUDGET_BYTES, RETRY_WINDOW_MS } from './retry.ts'

test('idempotent are the methods of RFC 9110, spelt as there', () => {
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])
    assert.ok(isIdempotent(method))
  for (const method of ['POST', 'PATCH', 'CONNECT', 'get', '']) assert.ok(!isIdempotent(method))
})

test('the reserve is there at once, the share comes with requests', () => {
  const budget = createRetryBudget({ ratio: 0.2, reservePerSecond: 0.3 })
  const take = (nowMs: number, count: number) =>
    Array.from({ length: count }, () => budget.tryWithdraw(nowMs)).filter(Boolean).length
  assert.equal(take(0, 10), 3)
  for (let i = 0; i < 50; i++) budget.deposit(100)
  assert.equal(take(100, 100), 7, 'the reserve is in the share of those that come')
  assert.equal(take(RETRY_WINDOW_MS + 1_100, 100), 3)
  budget.configure({ ratio: 1, reservePerSecond: 0.5 })
  assert.equal(take(RETRY_WINDOW_MS + 1_100, 100), 2)
})

test('no window of ten seconds has more retries than its terms allow, through two views of one memory', () => {
  const step = fc.record({
    waitMs: fc.oneof(fc.nat(50), fc.nat(3000), fc.nat(20_000)),
    requests: fc.nat(20),
    retries: fc.nat(20),
  })
  let granted = 0
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 3, noNaN: true }),
      fc.nat(1_000_000_000),
      (steps, ratio, reservePerSecond, startMs) => {
        const memory = new SharedArrayBuffer(RETRY_BUDGET_BYTES)
        const terms = { ratio, reservePerSecond }
        const budgets = [createRetryBudget(terms, memory), createRetryBudget(terms, memory)]
        const requests: number[] = []
        const retries: number[] = []
        let nowMs = startMs
        for (const [turn, { waitMs, requests: more, retries: wanted }] of steps.entries()) {
          const budget = budgets[turn % 2]!
          nowMs += waitMs
          const at = nowMs
          const inWindow = (times: number[], windowMs: number) =>
            times.filter((time) => time > at - windowMs).length
          for (let i = 0; i < more; i++) {
            budget.deposit(nowMs)
            requests.push(nowMs)
          }
          for (let i = 0; i < wanted; i++) {
            if (!budget.tryWithdraw(nowMs)) continue
            retries.push(nowMs)
            granted++
            const share = ratio * inWindow(requests, RETRY_WINDOW_MS)
            const allowed = Math.max(share, 10 * reservePerSecond)
            // The window is counted in seconds, so only what is a second younger is surely in it.
            assert.ok(inWindow(retries, RETRY_WINDOW_MS - 1_000) <= allowed + 1e-6)
          }
        }
      },
    ),
    { numRuns: 500 },
  )
  assert.ok(granted > 500)
})
