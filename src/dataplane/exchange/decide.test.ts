import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  blamesInstance,
  decideAfterFailure,
  decideAttemptDeadline,
  decideExpiry,
  type ExpiryFacts,
  FAILURE_CODES,
  type Failure,
  type FailureFacts,
  type HedgeFacts,
  mayHedge,
  NEXT,
  REFUSED_MAX,
} from './decide.ts'

const FAILURES = Object.keys(FAILURE_CODES) as Failure[]
/** Of these the instance has seen nothing, or did not look at it. */
const UNSENT: readonly Failure[] = [
  'local',
  'connect-refused',
  'connect-timeout',
  'connect-tls',
  'not-taken',
]

const plain: FailureFacts = {
  failure: 'reset',
  isIdempotent: true,
  isReplayable: true,
  triedCount: 0,
  retriesLeft: 2,
  needsFresh: false,
  isLate: false,
  hasOther: false,
  isNamed: true,
}
const facts: fc.Arbitrary<FailureFacts> = fc.record({
  failure: fc.constantFrom(...FAILURES),
  isIdempotent: fc.boolean(),
  isReplayable: fc.boolean(),
  triedCount: fc.nat(12),
  retriesLeft: fc.nat(3),
  needsFresh: fc.boolean(),
  isLate: fc.boolean(),
  hasOther: fc.boolean(),
  isNamed: fc.boolean(),
})

for (const [change, next] of [
  [{}, 'elsewhereOnBudget'],
  [{ retriesLeft: 0 }, 'answer'],
  [{ isIdempotent: false }, 'answer'],
  [{ isReplayable: false }, 'answer'],
  [{ isLate: true }, 'answer'],
  [{ hasOther: true }, 'leave'],
  [{ hasOther: true, isLate: true, isIdempotent: false }, 'leave'],
  [{ failure: 'local' }, 'answer'],
  [{ failure: 'connect-refused', isIdempotent: false, retriesLeft: 0 }, 'elsewhere'],
  [{ failure: 'connect-refused', isReplayable: false }, 'elsewhere'],
  [{ failure: 'connect-refused', triedCount: REFUSED_MAX - 1 }, 'elsewhere'],
  [{ failure: 'connect-refused', triedCount: REFUSED_MAX }, 'answer'],
  [{ failure: 'connect-timeout', isIdempotent: false }, 'elsewhereOnBudget'],
  [{ failure: 'connect-timeout', retriesLeft: 0 }, 'answer'],
  [{ failure: 'connect-tls', isIdempotent: false, retriesLeft: 0 }, 'elsewhere'],
  [{ failure: 'stale', retriesLeft: 0 }, 'again'],
  [{ failure: 'stale', needsFresh: true }, 'answer'],
  [{ failure: 'stale', isIdempotent: false }, 'answer'],
  [{ failure: 'stale', isReplayable: false }, 'answer'],
  [{ failure: 'not-taken', isIdempotent: false, retriesLeft: 0 }, 'again'],
  [{ failure: 'not-taken', isIdempotent: false, needsFresh: true }, 'elsewhere'],
  [{ failure: 'not-taken', needsFresh: true, triedCount: REFUSED_MAX }, 'answer'],
  [{ failure: 'not-taken', isReplayable: false }, 'answer'],
  [{ failure: 'attempt-timeout' }, 'elsewhereOnBudget'],
  [{ failure: 'bad-response' }, 'elsewhereOnBudget'],
  [{ failure: 'response-head-too-large' }, 'elsewhereOnBudget'],
] as [Partial<FailureFacts>, keyof typeof NEXT][]) {
  test(`after a failure: ${JSON.stringify(change)} > ${next}`, () => {
    assert.equal(decideAfterFailure({ ...plain, ...change }), NEXT[next])
  })
}

test('what was sent and is not idempotent, or cannot be sent again whole, is never sent again', () => {
  fc.assert(
    fc.property(facts, (given) => {
      fc.pre(!UNSENT.includes(given.failure) && !(given.isIdempotent && given.isReplayable))
      const next = decideAfterFailure(given)
      assert.ok(next === NEXT.answer || next === NEXT.leave)
    }),
  )
})

test('nothing goes elsewhere for free but a refused connection or request, and never without end', () => {
  fc.assert(
    fc.property(facts, (given) => {
      const next = decideAfterFailure(given)
      if (next === NEXT.elsewhere) {
        assert.match(given.failure, /^(connect-refused|connect-tls|not-taken)$/)
        assert.ok(given.triedCount < REFUSED_MAX)
      }
      if (next === NEXT.elsewhereOnBudget) {
        assert.ok(given.retriesLeft > 0)
        assert.ok(!['connect-refused', 'stale', 'local', 'not-taken'].includes(given.failure))
      }
      if (next === NEXT.again)
        assert.ok(/^(stale|not-taken)$/.test(given.failure) && !given.needsFresh)
    }),
  )
})

test('another attempt goes on, whatever happened to this one; alone and too late it is the end', () => {
  fc.assert(
    fc.property(facts, (given) => {
      assert.equal(decideAfterFailure({ ...given, hasOther: true }), NEXT.leave)
      const late = { ...given, hasOther: false, isLate: true }
      assert.equal(decideAfterFailure(late), NEXT.answer)
    }),
  )
})

test('what happened on our side or to an old connection blames nobody, all else the instance', () => {
  const blameless = FAILURES.filter((failure) => !blamesInstance(failure))
  assert.deepEqual(blameless, ['local', 'stale', 'not-taken'])
})

test('the deadline of an attempt cuts only what can be tried again, and never comes after the whole', () => {
  const times = fc.record({
    nowMs: fc.nat(1_000_000),
    attemptTimeoutMs: fc.integer({ min: 1, max: 60_000 }),
    totalDeadlineMs: fc.nat(1_100_000),
    mayRetry: fc.boolean(),
  })
  fc.assert(
    fc.property(times, (given) => {
      const deadlineMs = decideAttemptDeadline(given)
      assert.ok(deadlineMs <= given.totalDeadlineMs)
      if (!given.mayRetry) assert.equal(deadlineMs, given.totalDeadlineMs)
      else assert.ok(deadlineMs <= given.nowMs + given.attemptTimeoutMs)
    }),
  )
})

const waiting: ExpiryFacts = {
  state: 'sent',
  isTotalOver: false,
  isRequestWhole: true,
  isInstanceClogged: false,
  isClientClogged: false,
}
for (const [change, expiry] of [
  [{ state: 'waiting' }, 'total'],
  [{ state: 'connecting' }, 'connect'],
  [{ state: 'connecting', isTotalOver: true }, 'total'],
  [{}, 'attempt'],
  [{ isTotalOver: true }, 'total'],
  [{ isRequestWhole: false }, 'client-upload'],
  [{ isRequestWhole: false, isInstanceClogged: true }, 'instance-upload'],
  [{ state: 'answering' }, 'instance-answer'],
  [{ state: 'answering', isTotalOver: true }, 'instance-answer'],
  [{ state: 'answering', isClientClogged: true }, 'client-answer'],
  [{ state: 'answering', isRequestWhole: false }, 'client-upload'],
  [{ state: 'answering', isRequestWhole: false, isInstanceClogged: true }, 'instance-upload'],
  [{ state: 'tunnel', isClientClogged: true }, 'tunnel'],
] as [Partial<ExpiryFacts>, string][]) {
  test(`an expired deadline: ${JSON.stringify(change)} > ${expiry}`, () => {
    assert.equal(decideExpiry({ ...waiting, ...change }), expiry)
  })
}

test('an instance is to blame only for what it holds up itself', () => {
  const all = fc.record({
    state: fc.constantFrom('waiting', 'connecting', 'sent', 'answering', 'tunnel'),
    isTotalOver: fc.boolean(),
    isRequestWhole: fc.boolean(),
    isInstanceClogged: fc.boolean(),
    isClientClogged: fc.boolean(),
  }) as fc.Arbitrary<ExpiryFacts>
  fc.assert(
    fc.property(all, (given) => {
      const expiry = decideExpiry(given)
      if (expiry === 'instance-upload') assert.ok(given.isInstanceClogged)
      if (expiry === 'instance-answer') assert.ok(!given.isClientClogged && given.isRequestWhole)
      if (expiry === 'client-upload') assert.ok(!given.isRequestWhole && !given.isInstanceClogged)
      if (expiry === 'client-answer') assert.ok(given.isClientClogged)
    }),
  )
})

test('a second attempt runs beside the first one only where a retry might, and elsewhere', () => {
  const all: fc.Arbitrary<HedgeFacts> = fc.record({
    isIdempotent: fc.boolean(),
    isReplayable: fc.boolean(),
    isRequestWhole: fc.boolean(),
    isFirstAlone: fc.boolean(),
    triedCount: fc.nat(4),
    routableCount: fc.nat(6),
  })
  fc.assert(
    fc.property(all, (given) => {
      const { isIdempotent, isReplayable, isRequestWhole, isFirstAlone } = given
      const isFit = isIdempotent && isReplayable && isRequestWhole && isFirstAlone
      // The first one's instance is none of those that were tried and left.
      assert.equal(mayHedge(given), isFit && given.routableCount - given.triedCount - 1 > 0)
    }),
  )
})
