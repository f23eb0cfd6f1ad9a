import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Breaker, BREAKER_BYTES, REFUSED } from './breaker.ts'
import { BREAKER, type BreakerPolicy, OPENED_BY, OUTCOME } from './breaker-policy.ts'
import { SlowBreaker } from './breaker.oracle.ts'
import { explainBreaker } from './explain.ts'

const policy: BreakerPolicy = {
  mode: 'auto',
  failureRatio: 0.5,
  slowRatio: 0.8,
  callsMin: 4,
  window: { kind: 'count', size: 10 },
  openMs: 1000,
  openMsMax: 8000,
  probes: 3,
  probeLeaseMs: 500,
}

function breakerOf(terms: Partial<BreakerPolicy> = {}): Breaker {
  return new Breaker({ ...policy, ...terms }, new SharedArrayBuffer(BREAKER_BYTES))
}

function call(breaker: Breaker, outcome: number, nowMs: number): boolean {
  const permit = breaker.acquire(nowMs)
  if (permit === REFUSED) return false
  breaker.report(permit, outcome, nowMs)
  return true
}

function openAt(breaker: Breaker, nowMs: number): void {
  for (let i = 0; i < 4; i++) call(breaker, OUTCOME.failed, nowMs)
  assert.equal(breaker.view().state, BREAKER.open)
}

/** https://resilience4j.readme.io/docs/circuitbreaker: the rate is computed only once the minimum number of calls is recorded. */
test('resilience4j: below the minimum of calls nothing opens it, even if all fail', () => {
  const breaker = breakerOf({ callsMin: 10 })
  for (let i = 0; i < 9; i++) assert.ok(call(breaker, OUTCOME.failed, 0))
  assert.equal(breaker.view().state, BREAKER.closed)
  call(breaker, OUTCOME.ok, 0)
  assert.equal(breaker.view().state, BREAKER.open)
  assert.equal(call(breaker, OUTCOME.ok, 999), false)
})

/** The same page: "OPEN when the failure rate is equal or greater than a configurable threshold", and the same of slow calls. */
test('resilience4j: a share that is equal to the threshold opens it, of failures and of slow calls', () => {
  const half = breakerOf()
  for (const outcome of [0, 1, 0, 1]) call(half, outcome, 0)
  assert.equal(half.view().cause, OPENED_BY.failures)
  const slow = breakerOf({ callsMin: 5 })
  for (const outcome of [2, 2, 0, 2, 2]) call(slow, outcome, 0)
  assert.equal(slow.view().cause, OPENED_BY.slowCalls)
})

/** The same page: after the wait a permitted number of calls decides; the others are refused until they have finished. */
test('resilience4j: half open lets so many calls through and no more, and their rates decide', () => {
  const breaker = breakerOf()
  openAt(breaker, 0)
  assert.equal(breaker.acquire(999), REFUSED)
  const permits = [1000, 1000, 1000].map((nowMs) => breaker.acquire(nowMs))
  assert.ok(permits.every((permit) => permit !== REFUSED) && breaker.acquire(1000) === REFUSED)
  breaker.report(permits[0]!, OUTCOME.failed, 1001)
  breaker.report(permits[1]!, OUTCOME.ok, 1001)
  assert.equal(breaker.view().state, BREAKER.halfOpen)
  breaker.report(permits[2]!, OUTCOME.ok, 1002)
  assert.equal(breaker.view().state, BREAKER.closed)
})

/** resilience4j issues 903, 935 and 1389: permits that were never given back kept breakers in HALF_OPEN. */
test('a probe whose caller left, or died, costs no place', () => {
  const breaker = breakerOf({ probes: 1 })
  openAt(breaker, 0)
  const left = breaker.acquire(1000)
  breaker.giveBack(left)
  const died = breaker.acquire(1001)
  assert.ok(died !== REFUSED && breaker.acquire(1500) === REFUSED)
  const last = breaker.acquire(1501)
  assert.notEqual(last, REFUSED)
  assert.equal(breaker.report(died, OUTCOME.failed, 1502), false, 'its lease has ended')
  assert.equal(breaker.report(left, OUTCOME.failed, 1502), false)
  assert.equal(breaker.report(last, OUTCOME.ok, 1502), true)
  assert.equal(breaker.view().state, BREAKER.closed)
})

/** resilience4j issue 1597: calls that hang do not open it. Here they report themselves while they hang, and nothing afterwards. */
test('a call that hangs counts before it has ended, and once', () => {
  const breaker = breakerOf()
  const permits = Array.from({ length: 4 }, () => breaker.acquire(0))
  for (const permit of permits) breaker.report(permit, OUTCOME.slow, 300)
  assert.equal(breaker.view().cause, OPENED_BY.slowCalls)
  for (const permit of permits) assert.equal(breaker.report(permit, OUTCOME.ok, 900), false)
})

/** Polly's BreakDurationGenerator example: durations that grow with each failed trial. https://www.pollydocs.org/strategies/circuit-breaker */
test('each opening too soon lasts twice as long, up to the longest; a quiet time forgives', () => {
  const breaker = breakerOf({ probes: 1 })
  openAt(breaker, 0)
  let nowMs = 0
  for (const lastsMs of [1000, 2000, 4000, 8000, 8000]) {
    assert.equal(breaker.view().openUntilMs, nowMs + lastsMs)
    nowMs += lastsMs
    assert.ok(call(breaker, OUTCOME.failed, nowMs))
  }
  nowMs += 8000
  assert.ok(call(breaker, OUTCOME.ok, nowMs))
  openAt(breaker, nowMs + 7999)
  assert.equal(breaker.view().openings, 7)
  nowMs += 7999 + 8000
  assert.ok(call(breaker, OUTCOME.ok, nowMs))
  openAt(breaker, nowMs + 8000)
  assert.equal(breaker.view().openings, 1)
})

/** Polly's manual control (Isolate, Close); resilience4j's FORCED_OPEN and DISABLED. */
test('an operator holds it open or closed, or switches it off', () => {
  const breaker = breakerOf({ mode: 'open' })
  assert.equal(breaker.acquire(0), REFUSED)
  assert.equal(explainBreaker(breaker.view(), 0), 'held open by an operator')
  breaker.configure({ ...policy, mode: 'closed' })
  for (let i = 0; i < 9; i++) assert.ok(call(breaker, OUTCOME.failed, 0))
  breaker.configure({ ...policy, mode: 'disabled' })
  assert.ok(call(breaker, OUTCOME.ok, 0))
  breaker.configure(policy)
  assert.ok(call(breaker, OUTCOME.failed, 0))
  assert.equal(breaker.view().failures, 10, 'what failed while it was held closed counts')
  breaker.configure({ ...policy, mode: 'closed' })
  assert.ok(call(breaker, OUTCOME.ok, 1))
})

test('a clock that is set back neither keeps it open nor its probes out', () => {
  const breaker = breakerOf({ probes: 1 })
  openAt(breaker, 1e9)
  const permit = breaker.acquire(5)
  assert.notEqual(permit, REFUSED)
  assert.equal(breaker.acquire(6), REFUSED)
  openAt(breakerOf({ window: { kind: 'time', ms: 1000 } }), 5)
  const window = breakerOf({ window: { kind: 'time', ms: 1000 } })
  for (let i = 0; i < 3; i++) call(window, OUTCOME.failed, 1e9)
  for (let i = 0; i < 4; i++) call(window, OUTCOME.ok, 5)
  assert.equal(window.view().state, BREAKER.closed)
})

test('a pause as long as the tags need to come round is no memory', () => {
  const breaker = breakerOf({ window: { kind: 'time', ms: 1000 } })
  for (let i = 0; i < 3; i++) call(breaker, OUTCOME.failed, 500)
  call(breaker, OUTCOME.ok, 500 + 4096 * 1000)
  assert.equal(breaker.view().state, BREAKER.closed)
})

test('its sentence says what was counted', () => {
  const breaker = breakerOf()
  assert.equal(explainBreaker(breaker.view(), 0), 'closed')
  openAt(breaker, 0)
  const sentence = 'open for another 400 ms, because 4 of 4 calls failed'
  assert.equal(explainBreaker(breaker.view(), 600), sentence)
})

const terms = fc.record<BreakerPolicy>({
  mode: fc.constant('auto'),
  failureRatio: fc.constantFrom(0.2, 0.5, 1),
  slowRatio: fc.constantFrom(0.4, 0.8, 2),
  callsMin: fc.integer({ min: 1, max: 8 }),
  window: fc.oneof(
    fc.record({ kind: fc.constant('count' as const), size: fc.integer({ min: 1, max: 12 }) }),
    fc.record({ kind: fc.constant('time' as const), ms: fc.constantFrom(100, 1000) }),
  ),
  openMs: fc.constantFrom(50, 400),
  openMsMax: fc.constantFrom(400, 3000),
  probes: fc.integer({ min: 1, max: 4 }),
  probeLeaseMs: fc.constantFrom(30, 300),
})

const step = fc.record({
  waitMs: fc.oneof(fc.nat(5), fc.nat(60), fc.nat(1200)),
  what: fc.constantFrom('call', 'call', 'begin', 'end', 'leave'),
  outcome: fc.constantFrom(0, 0, 1, 2, 3),
  which: fc.nat(7),
})

test('the slow obvious one and the fast one agree on any trace, through two views of one memory', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(terms, fc.array(step, { minLength: 60, maxLength: 200 }), (given, steps) => {
      const memory = new SharedArrayBuffer(BREAKER_BYTES)
      const views = [new Breaker(given, memory), new Breaker(given, memory)]
      const oracle = new SlowBreaker(given)
      const out: { permit: number; ticket: object }[] = []
      let nowMs = 1
      for (const [turn, { waitMs, what, outcome, which }] of steps.entries()) {
        nowMs += waitMs
        const breaker = views[turn % 2]!
        if (what === 'call' || what === 'begin') {
          const permit = breaker.acquire(nowMs)
          const ticket = oracle.acquire(nowMs)
          assert.equal(permit !== REFUSED, ticket !== undefined)
          if (ticket === undefined) continue
          if (what === 'begin') out.push({ permit, ticket })
          else {
            breaker.report(permit, outcome, nowMs)
            oracle.report(ticket, outcome, nowMs)
          }
        } else {
          const [one] = out.splice(which % Math.max(1, out.length), 1)
          if (one === undefined) continue
          if (what === 'leave') {
            breaker.giveBack(one.permit)
            oracle.giveBack(one.ticket)
          } else {
            breaker.report(one.permit, outcome, nowMs)
            oracle.report(one.ticket, outcome, nowMs)
          }
        }
        const { state, openings, openUntilMs } = breaker.view()
        assert.deepEqual([state, openings], [oracle.state, oracle.openings])
        if (state === BREAKER.open) assert.equal(openUntilMs, oracle.openUntilMs)
        seen.add(`${given.window.kind} ${state}`)
      }
    }),
    { numRuns: 400 },
  )
  assert.equal(seen.size, 6)
})
