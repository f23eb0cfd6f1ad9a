import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileConditions, retriesAnswer, retriesFailure, RETRY_ON } from './conditions.ts'
import { parseRetryAfter, RETRY_AFTER_MAX_MS } from './retry-after.ts'
import { decideWait, retryWaitMs, type RetryWaits } from './retry-wait.ts'

/** RFC 9110 section 5.6.7: one moment in its three forms. */
const MOMENT_MS = Date.UTC(1994, 10, 6, 8, 49, 37)
const FORMS = [
  'Sun, 06 Nov 1994 08:49:37 GMT',
  'Sunday, 06-Nov-94 08:49:37 GMT',
  'Sun Nov  6 08:49:37 1994',
]

test('Retry-After is read as RFC 9110 has it', () => {
  assert.equal(parseRetryAfter('120', 0), 120_000)
  assert.equal(parseRetryAfter(' 0 ', 0), 0)
  for (const form of FORMS) assert.equal(parseRetryAfter(form, MOMENT_MS - 5000), 5000, form)
})

test('a callee that lies in Retry-After is believed for a day at most', () => {
  for (const value of ['31536000', '9'.repeat(40), 'Fri, 31 Dec 9999 23:59:59 GMT'])
    assert.equal(parseRetryAfter(value, MOMENT_MS), RETRY_AFTER_MAX_MS)
  assert.equal(parseRetryAfter('Thu, 01 Jan 1970 00:00:00 GMT', MOMENT_MS), 0)
  const nonsense = ['', 'soon', '-1', '1.5', '1e3', '0x10', '9'.repeat(41), '１２']
  const dates = [
    'Thu, 31 Feb 2030 00:00:00 GMT',
    'Thu, 00 Jan 2030 00:00:00 GMT',
    'Thu, 01 Foo 2030 00:00:00 GMT',
    'Thu, 01 Jan 2030 24:00:00 GMT',
    'Thu, 01 Jan 2030 00:00:00 CET',
    '2030-01-01T00:00:00Z',
  ]
  for (const value of [...nonsense, ...dates]) assert.equal(parseRetryAfter(value, 0), -1, value)
})

test('whatever it says, the wait is -1 or within a day, and every date in its first form is read', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.date({ min: new Date(0), noInvalidDate: true, max: new Date(4e12) }),
      (text, date) => {
        const waitMs = parseRetryAfter(text, 0)
        assert.ok(waitMs === -1 || (waitMs >= 0 && waitMs <= RETRY_AFTER_MAX_MS))
        const wholeMs = Math.floor(date.getTime() / 1000) * 1000
        assert.equal(parseRetryAfter(date.toUTCString(), wholeMs - 7000), 7000)
      },
    ),
    { numRuns: 500 },
  )
})

test('full jitter is anything up to the exponential wait; decorrelated grows from the last wait', () => {
  const full: RetryWaits = { baseMs: 100, maxMs: 1000, jitter: 'full' }
  const most = (count: number): number => retryWaitMs(full, count, 0, () => 1)
  assert.deepEqual([0, 1, 2, 3, 4, 99].map(most), [100, 200, 400, 800, 1000, 1000])
  assert.equal(
    retryWaitMs(full, 3, 0, () => 0),
    0,
  )
  const other: RetryWaits = { ...full, jitter: 'decorrelated' }
  assert.equal(
    retryWaitMs(other, 0, 0, () => 0),
    100,
  )
  assert.equal(
    retryWaitMs(other, 0, 0, () => 1),
    300,
  )
  assert.equal(
    retryWaitMs(other, 1, 300, () => 1),
    900,
  )
  assert.equal(
    retryWaitMs(other, 2, 900, () => 1),
    1000,
  )
  assert.equal(
    retryWaitMs({ ...other, baseMs: 0 }, 2, 900, () => 1),
    0,
  )
})

test('no wait uses up the time that the attempt itself needs', () => {
  assert.equal(decideWait({ waitMs: 100, retryAfterMs: -1, leftMs: 1000 }), 100)
  assert.equal(decideWait({ waitMs: 100, retryAfterMs: 300, leftMs: 1000 }), 300)
  assert.equal(decideWait({ waitMs: 100, retryAfterMs: 600, leftMs: 1000 }), -1)
  assert.equal(decideWait({ waitMs: 800, retryAfterMs: -1, leftMs: 1000 }), 500)
  assert.equal(decideWait({ waitMs: 0, retryAfterMs: 0, leftMs: -5 }), 0)
})

/** Envoy's retry policies: 5xx, gateway-error, connect-failure, reset, retriable-headers, and the gRPC ones. */
test('conditions are those of Envoy, and single statuses', () => {
  const some = compileConditions(['connect', 'gateway-error', 'grpc-unavailable', 429])
  assert.ok(retriesFailure(some, RETRY_ON.connect) && !retriesFailure(some, RETRY_ON.reset))
  const taken = [200, 429, 499, 500, 502, 503, 504, 505].filter((status) =>
    retriesAnswer(some, status, -1, true),
  )
  assert.deepEqual(taken, [429, 502, 503, 504])
  assert.ok(retriesAnswer(some, 200, 14, false) && !retriesAnswer(some, 200, 8, false))
  const all = compileConditions(['5xx', 'retriable-header'])
  assert.ok(retriesAnswer(all, 599, -1, false) && !retriesAnswer(all, 600, -1, false))
  assert.ok(retriesAnswer(all, 404, -1, true) && !retriesAnswer(all, 404, 14, false))
})
