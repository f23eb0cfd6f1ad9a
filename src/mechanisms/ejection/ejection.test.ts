import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Ejectable, EjectionPolicy } from './ejection.ts'
import {
  createEjectionSet,
  ejectedMax,
  ejectionMs,
  isEjected,
  reportFailure,
  reportSuccess,
} from './ejection.ts'

const policy: EjectionPolicy = { failures: 3, baseMs: 1000, maxMs: 5000, shareMax: 0.5 }

function instanceOf(): Ejectable {
  return { ejectedUntilMs: 0, failuresInRow: 0, ejectionCount: 0, ejectionDecayAtMs: 0 }
}

function failTimes(instance: Ejectable, nowMs: number, count: number): boolean[] {
  return Array.from({ length: count }, () => reportFailure(instance, policy, nowMs, 0, 4))
}

test('a row of failures ejects, a success breaks the row', () => {
  const instance = instanceOf()
  assert.deepEqual(failTimes(instance, 10, 2), [false, false])
  reportSuccess(instance, policy, 10)
  assert.deepEqual(failTimes(instance, 10, 3), [false, false, true])
  assert.ok(isEjected(instance, 1009) && !isEjected(instance, 1010))
})

test('ejections double up to the longest, and one more failure is enough after a return', () => {
  const instance = instanceOf()
  failTimes(instance, 0, 3)
  let nowMs = 0
  for (const lengthMs of [1000, 2000, 4000, 5000, 5000]) {
    assert.equal(instance.ejectedUntilMs - nowMs, lengthMs)
    assert.equal(reportFailure(instance, policy, nowMs + 1, 0, 4), false, 'sent before')
    nowMs = instance.ejectedUntilMs
    assert.equal(reportFailure(instance, policy, nowMs, 0, 4), true)
  }
})

test('good behaviour works ejections off, one by one', () => {
  const instance = { ...instanceOf(), ejectionCount: 2, ejectionDecayAtMs: 4000 }
  reportSuccess(instance, policy, 3999)
  assert.equal(instance.ejectionCount, 2)
  reportSuccess(instance, policy, 4000)
  reportSuccess(instance, policy, 4001)
  assert.equal(instance.ejectionCount, 1)
  reportSuccess(instance, policy, 5000)
  assert.equal(instance.ejectionCount, 0)
})

test('the share holds, at least one, never the last one', () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 10].map((total) => ejectedMax(policy, total)),
    [-1, 0, 1, 1, 2, 5],
  )
  assert.equal(ejectedMax({ ...policy, shareMax: 1 }, 3), 2)
  assert.equal(ejectedMax({ ...policy, shareMax: 0 }, 3), 1)
})

test('0 failures switches it off', () => {
  const instance = instanceOf()
  for (let i = 0; i < 100; i++) {
    assert.equal(reportFailure(instance, { ...policy, failures: 0 }, 0, 0, 4), false)
  }
})

test('a removed instance is counted no more', () => {
  const set = createEjectionSet<Ejectable>()
  const instance = instanceOf()
  for (let i = 0; i < 3; i++) set.reportFailure(instance, policy, 0, 4)
  assert.equal(set.count(0), 1)
  set.remove(instance)
  set.remove(instance)
  assert.equal(set.count(0), 0)
})

test('never more ejected than allowed, never longer than the longest, always back', () => {
  const step = fc.tuple(
    fc.nat(5),
    fc.nat(3).map((n) => n === 0),
    fc.nat(1500),
  )
  let ejections = 0
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.array(step, { minLength: 40, maxLength: 150 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (total, steps, shareMax) => {
        const terms = { ...policy, shareMax }
        const instances = Array.from({ length: total }, instanceOf)
        const set = createEjectionSet<Ejectable>()
        let nowMs = 0
        for (const [index, isGood, waitMs] of steps) {
          nowMs += waitMs
          const instance = instances[index % total]!
          const was = { ...instance }
          if (isGood) reportSuccess(instance, terms, nowMs)
          else if (set.reportFailure(instance, terms, nowMs, total)) ejections++
          const ejected = instances.filter((one) => isEjected(one, nowMs)).length
          assert.equal(set.count(nowMs), ejected)
          assert.ok(ejected <= Math.max(0, ejectedMax(terms, total)))
          assert.ok(instance.ejectedUntilMs <= nowMs + terms.maxMs)
          assert.ok(
            isGood ? instance.ejectionCount <= was.ejectionCount : instance.failuresInRow >= 0,
          )
          assert.ok(instance.ejectionCount >= 0)
        }
      },
    ),
    { numRuns: 500 },
  )
  assert.ok(ejections > 100)
  assert.equal(ejectionMs(policy, 10_000), 5000)
})
