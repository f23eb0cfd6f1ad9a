import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isTaskFinished, planInstances, type SlotView } from './plan.ts'

const slot = (number: number, state: string): SlotView => ({
  number,
  isCurrent: !state.includes('old'),
  isUp: state.includes('up'),
  isRetiring: state.includes('retiring'),
  isUnwanted: state.includes('unwanted'),
})
const plan = (target: number, slots: readonly SlotView[], maySurge = true, mayStart = true) =>
  planInstances({ slots, target, maySurge, mayStart }).map((one) => `${one.do} ${one.number}`)

test('missing instances start together, into the free numbers', () => {
  assert.deepEqual(plan(3, [slot(2, 'up')]), ['start 1', 'start 3'])
  assert.deepEqual(plan(3, [], true, false), [])
})

test('the surplus retires: what is not up first, then the highest number', () => {
  assert.deepEqual(plan(1, [slot(1, 'starting'), slot(2, 'up'), slot(3, 'up')]), [
    'retire 1',
    'retire 3',
  ])
  assert.deepEqual(plan(0, [slot(1, 'up')]), ['retire 1'])
  assert.deepEqual(plan(1, [slot(1, 'up unwanted'), slot(2, 'starting')]), ['retire 1'])
})

test('a replacement goes one at a time and never below the target', () => {
  assert.deepEqual(plan(2, [slot(1, 'old up'), slot(2, 'old up')]), ['start 3'])
  assert.deepEqual(plan(2, [slot(1, 'old up'), slot(2, 'old up'), slot(3, 'starting')]), [])
  assert.deepEqual(plan(2, [slot(1, 'old up'), slot(2, 'old up'), slot(3, 'up')]), [
    'retire 2',
    'start 4',
  ])
})

test('a task is finished by what is wanted now, not by what an earlier version of it has done', () => {
  const task = (state: string) => ({
    isCurrent: !state.includes('old'),
    isRetiring: state.includes('retiring'),
    hasSucceeded: state.includes('done'),
  })
  const finished = (...states: string[]) => isTaskFinished(states.map(task))
  assert.equal(finished('done'), true)
  assert.equal(finished('old done', 'done'), true)
  for (const states of [
    [],
    ['old done'],
    ['done retiring'],
    ['running'],
    ['old done', 'running'],
  ]) {
    assert.equal(finished(...states), false, states.join())
  }
})

test('a broken old instance is replaced at once', () => {
  assert.deepEqual(plan(1, [slot(1, 'old')]), ['retire 1', 'start 2'])
})

test('with a fixed port the old one goes first', () => {
  assert.deepEqual(plan(1, [slot(1, 'old up')], false), ['retire 1'])
  assert.deepEqual(plan(1, [slot(1, 'old up retiring')], false), [])
  assert.deepEqual(plan(1, [], false), ['start 1'])
})

test('whatever the order of events, it ends with the target of current instances and never serves with fewer', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 5 }),
      fc.array(fc.constantFrom('old up', 'old', 'up', 'starting'), { maxLength: 6 }),
      fc.infiniteStream(fc.nat()),
      (target, states, chance) => {
        let slots = states.map((state, at) => slot(at + 1, state))
        const atStart = slots.filter((one) => one.isUp).length
        for (let step = 0; step < 200; step++) {
          for (const action of planInstances({ slots, target, maySurge: true, mayStart: true })) {
            if (action.do === 'start') {
              assert.ok(slots.every((one) => one.number !== action.number))
              slots = [...slots, slot(action.number, 'starting')]
            } else {
              slots = slots.map((one) =>
                one.number === action.number ? { ...one, isRetiring: true } : one,
              )
            }
          }
          const serving = slots.filter((one) => one.isUp && !one.isRetiring).length
          assert.ok(serving >= Math.min(target, atStart), `served by ${serving}`)
          const moving = slots.filter((one) => one.isRetiring || (one.isCurrent && !one.isUp))
          const chosen = moving[chance.next().value % Math.max(1, moving.length)]
          if (chosen === undefined) break
          slots = chosen.isRetiring
            ? slots.filter((one) => one !== chosen)
            : slots.map((one) => (one === chosen ? { ...one, isUp: true } : one))
        }
        assert.deepEqual(
          slots.map((one) => [one.isCurrent, one.isUp, one.isRetiring]),
          Array.from({ length: target }, () => [true, true, false]),
        )
      },
    ),
    { verbose: 1 },
  )
})
